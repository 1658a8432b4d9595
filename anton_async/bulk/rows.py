"""The rows a job pays: made by hand, given as mappings, or read from a CSV file a line at a time."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import IO, cast

import msgspec

from anton_async.bulk.report import counted
from anton_async.errors import ConfigurationError, printable
from anton_async.models import PayoutCreateRequest

_FIELDS = {field.name: field for field in msgspec.structs.fields(PayoutCreateRequest)}
_REQUIRED = [name for name, field in _FIELDS.items() if field.required]
_NESTED = ("metadata", "session")
_AMOUNTS = frozenset({"source_amount", "dest_amount"})
_SHOWN_CHARACTERS = 40


class RowFileError(ConfigurationError):
    """A file of rows cannot be read as one; the message says where and why."""


class PayoutRow:
    """One payout to be made.

    Args:
        row_id: your name for the row, unique in the input; a repetition is rejected.
        fields: fields of `payouts.create`, such as `beneficiary_id` and `dest_amount`.

    Attributes:
        line: the row's place in its file, for messages; None for its place in the input.
        problem: why the row cannot be read; it is then rejected with these words.
    """

    __slots__ = ("fields", "line", "problem", "row_id")

    def __init__(self, *, row_id: str | int, **fields: object) -> None:
        self.row_id = str(row_id)
        self.line: int | None = None
        self.fields: Mapping[str, object] = fields
        self.problem: str | None = None

    @classmethod
    def of(cls, row: PayoutRow | Mapping[str, object], *, position: int) -> PayoutRow:
        """Return `row` as a `PayoutRow`; a mapping without `row_id` gets its position as one."""
        if isinstance(row, PayoutRow):
            return row
        if not isinstance(row, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
            raise TypeError("A row must be a PayoutRow, or a mapping of row_id and the fields of payouts.create.")
        row_id = row.get("row_id")
        made = cls(row_id=position if row_id is None or row_id == "" else str(row_id))
        made.fields = {name: value for name, value in row.items() if name != "row_id"}
        return made

    def content_hash(self) -> bytes:
        """Return the SHA-256 of the fields: two rows with the same fields have the same, whatever their order."""
        fields = {
            name: value for name, value in self.fields.items() if value is not None and value is not msgspec.UNSET
        }
        try:
            text = json.dumps([self.problem, fields], sort_keys=True, default=_plain)
        except (TypeError, ValueError, RecursionError):
            text = "not representable"  # such a row is rejected by the checks of the request
        return hashlib.sha256(text.encode("ascii")).digest()

    def amount_given(self, field: str | None) -> str | None:
        """Return the text given for an amount, in at most 40 printable characters; None for anything else."""
        text = self.fields.get(field) if field in _AMOUNTS else None
        if not isinstance(text, str):
            return None
        shown = "".join(
            letter if letter.isprintable() else letter.encode("unicode_escape").decode()
            for letter in text[: _SHOWN_CHARACTERS + 1]
        )
        return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[: _SHOWN_CHARACTERS - 1]}…"

    def __repr__(self) -> str:
        return f"PayoutRow(row_id={self.row_id!r}, line={self.line!r})"


def _plain(value: object) -> object:
    if isinstance(value, Decimal | date):
        return str(value)
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    if isinstance(value, Mapping):
        return dict(cast("Mapping[object, object]", value))
    return type(value).__name__


def read_csv(path: str | os.PathLike[str]) -> Iterator[PayoutRow]:
    """Read rows from a CSV file, one at a time.

    The first line names the columns: fields of `payouts.create`, `row_id` (left out: the line number), and
    `metadata.<label>` or `session.<field>` for what is nested. An empty cell means that the field is not given.

    Args:
        path: a UTF-8 file, with or without byte order mark; cells may hold quoted line breaks.

    Raises:
        RowFileError: the file cannot be read, is not UTF-8 or not CSV, or its columns are none of the above.
    """
    file = Path(path)
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            yield from _read(text, file.name)
    except OSError as error:
        problem = f"{file} cannot be read: {error.strerror or type(error).__name__}."
    except UnicodeDecodeError:
        problem = f"{file} is not UTF-8 text: save it as CSV UTF-8."
    else:
        return
    raise RowFileError(problem)


def count_csv(path: str | os.PathLike[str]) -> int:
    """Read a whole CSV file, so that one that cannot be read is refused before anything is sent; return its rows.

    Raises:
        RowFileError: as `read_csv`.
    """
    return sum(1 for _ in read_csv(path))


def _read(text: IO[str], name: str) -> Iterator[PayoutRow]:
    lines = csv.reader(text, strict=True)
    try:
        header = [column.strip() for column in next(lines, cast("list[str]", []))]
        _check_header(header, name)
        # `line_num` is the line on which a row ends; a quoted line break makes a row longer than a line.
        start = lines.line_num + 1
        for cells in lines:
            if cells:
                yield _row(header, cells, start)
            start = lines.line_num + 1
    except csv.Error as error:
        problem = f"{name} is not well-formed CSV near line {lines.line_num}: {error}."
    else:
        return
    raise RowFileError(problem)


def _row(header: Sequence[str], cells: Sequence[str], line: int) -> PayoutRow:
    row = PayoutRow(row_id=line)
    row.line = line
    if len(cells) > len(header):
        row.problem = f"{_extent(header, cells)}: put quotes around a cell that holds a comma"
        return row
    fields: dict[str, object] = {}
    for column, cell in zip(header, cells, strict=False):
        outer, dot, inner = column.partition(".")
        if not cell:
            continue
        if column == "row_id":
            row.row_id = cell
        elif dot:
            cast("dict[str, object]", fields.setdefault(outer, {}))[inner] = cell
        else:
            fields[column] = cell
    row.fields = fields
    if not {*_REQUIRED} <= {*header[: len(cells)]}:
        missing = len(header) - len(cells)
        row.problem = f"{_extent(header, cells)}: the last {'one is' if missing == 1 else f'{missing} are'} missing"
    return row


def _extent(header: Sequence[str], cells: Sequence[str]) -> str:
    return f"has {counted(len(cells), 'cell')} under {counted(len(header), 'column')}"


def _check_header(header: Sequence[str], name: str) -> None:
    if not header:
        raise RowFileError(f"{name} is empty: its first line must name the columns.")
    repeated = {column for column in header if header.count(column) > 1}
    if repeated:
        raise RowFileError(f"{name} names the column {printable(min(repeated), 60)!r} twice.")
    for column in header:
        outer, dot, inner = column.partition(".")
        if (dot and outer in _NESTED and inner) or (not dot and column in {"row_id", *_FIELDS} - {*_NESTED}):
            continue
        raise RowFileError(
            f"{name} has a column {printable(column, 60)!r} that is no field of a payout. Columns are separated by"
            f" commas and named row_id, {', '.join(field for field in _FIELDS if field not in _NESTED)},"
            " metadata.<label> or session.<field>."
        )
    missing = [field for field in _REQUIRED if field not in header]
    if missing:
        raise RowFileError(f"{name} lacks the columns {', '.join(missing)}, which every payout needs.")
