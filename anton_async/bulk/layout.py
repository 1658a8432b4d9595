"""How the columns of a file become fields of a payout: as they are called, renamed, left out, or one value for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import msgspec

from anton_async.errors import ConfigurationError, printable
from anton_async.models import PayoutCreateRequest

_FIELDS = {made.name: made for made in msgspec.structs.fields(PayoutCreateRequest)}
_NESTED = ("metadata", "session")
_NAMES = f"row_id, {', '.join(name for name in _FIELDS if name not in _NESTED)}, metadata.<label> or session.<field>"


class RowFileError(ConfigurationError):
    """A file of rows cannot be read as one; the message says where and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The way from the columns of a file to fields.

    Attributes:
        columns: field by column, where they are called differently; an empty field leaves the column out.
        constants: values that every row has, by field; the file has no column for them.

    Raises:
        ConfigurationError: there is no such field, or a field would come from two places.
    """

    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    constants: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        targets = [name for name in self.columns.values() if name]
        for name in [*targets, *self.constants]:
            if not is_field(name):
                raise ConfigurationError(f"{printable(name, 60)!r} is no field of a payout: there are {_NAMES}.")
        if "row_id" in self.constants:
            raise ConfigurationError("row_id cannot be the same in all rows.")
        twice = [name for name in targets if targets.count(name) > 1 or name in self.constants]
        if twice:
            raise ConfigurationError(f"The field {twice[0]} is given twice.")

    @property
    def required(self) -> list[str]:
        """The fields that every row of the file has to bring."""
        return [name for name, made in _FIELDS.items() if made.required and name not in self.constants]

    def field_of(self, column: str) -> str:
        """Return the field of a column; empty when it is left out."""
        return self.columns.get(column, column)

    def column_of(self, name: str) -> str:
        """Return the column that a field comes from."""
        return next((column for column, target in self.columns.items() if target == name), name)

    def fields_of(self, header: Sequence[str], name: str) -> list[str]:
        """Return the fields of a header, empty where a column is left out.

        Args:
            header: the names of the columns.
            name: what messages call the file.

        Raises:
            RowFileError: a column is no field or is there twice, or one that is needed is missing.
        """
        if not header:
            raise RowFileError(f"{name} is empty: its first line must name the columns.")
        repeated = {column for column in header if header.count(column) > 1}
        if repeated:
            raise RowFileError(f"{name} names the column {printable(min(repeated), 60)!r} twice.")
        absent = [column for column in self.columns if column not in header]
        if absent:
            raise RowFileError(f"{name} has no column {printable(absent[0], 60)!r}, which was to be mapped.")
        fields = [self.field_of(column) for column in header]
        for column, target in zip(header, fields, strict=True):
            if target and not is_field(target):
                raise RowFileError(
                    f"{name} has a column {printable(column, 60)!r} that is no field of a payout. Columns are separated"
                    f" by commas and named {_NAMES}."
                )
            if target and (target in self.constants or fields.count(target) > 1):
                raise RowFileError(f"{name} has a column {printable(column, 60)!r}, but {target} is given already.")
        missing = [target for target in self.required if target not in fields]
        if missing:
            raise RowFileError(f"{name} lacks the columns {', '.join(missing)}, which every payout needs.")
        return fields

    def place(self, fields: dict[str, object], target: str, value: object) -> None:
        """Put a value where its field belongs."""
        outer, dot, inner = target.partition(".")
        if not dot:
            fields[target] = value
            return
        nested = fields.setdefault(outer, {})
        if isinstance(nested, dict):
            cast("dict[str, object]", nested)[inner] = value

    def fill(self, fields: dict[str, object]) -> None:
        """Add what every row has."""
        for target, value in self.constants.items():
            self.place(fields, target, value)


def is_field(name: str) -> bool:
    """Return whether a column may be called so."""
    outer, dot, inner = name.partition(".")
    if dot:
        return outer in _NESTED and inner != ""
    return name == "row_id" or (name in _FIELDS and name not in _NESTED)
