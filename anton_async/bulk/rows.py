"""The rows a job pays: made by hand, given as mappings, or read from a file by `row_file.py`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import cast

import msgspec

from anton_async.errors import RequestValidationError

_AMOUNTS = frozenset({"source_amount", "dest_amount"})
_SHOWN_CHARACTERS = 40


class PayoutRow:
    """One payout to be made.

    Args:
        row_id: your name for the row, unique in the input; a repetition is rejected.
        fields: fields of `payouts.create`, such as `beneficiary_id` and `dest_amount`.

    Attributes:
        line: the row's place in its file, for messages; None for its place in the input.
        problem: why the row cannot be read; it is then rejected with these words.
        source: what its file says, cell by cell, or its one line of JSON; empty when it comes from no file.
    """

    __slots__ = ("fields", "line", "problem", "row_id", "source")

    def __init__(self, *, row_id: str | int, **fields: object) -> None:
        # Half a surrogate pair, which JSON can hold, is nothing that a journal or a terminal could.
        self.row_id: str = str(row_id).encode("utf-8", "backslashreplace").decode()
        self.line: int | None = None
        self.fields: Mapping[str, object] = fields
        self.problem: str | None = None
        self.source: Sequence[str] = ()

    @classmethod
    def of(cls, row: PayoutRow | Mapping[str, object], *, position: int) -> PayoutRow:
        """Return `row` as a `PayoutRow`; a mapping without `row_id` gets its position as one.

        Anything else becomes a row that is rejected: one slip in a long input is no reason to lose the rest.
        """
        if isinstance(row, PayoutRow):
            return row
        if not isinstance(row, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
            odd = cls(row_id=position)
            odd.problem = f"is a {type(row).__name__}: a row is a PayoutRow, or a mapping of row_id and fields"
            return odd
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
            text = _ENCODER.encode([self.problem, fields])
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

    def refusal(self, error: RequestValidationError) -> str:
        """Return what is wrong with the row: first the field that `error` names, without its name, then the others."""
        told = [
            f"{field}: {reason}{self._instead(field)}"
            for field, reasons in error.field_errors.items()
            for reason in reasons
        ]
        return "; ".join(told).removeprefix(f"{error.field}: ") or error.message

    def _instead(self, field: str) -> str:
        given = self.amount_given(field)
        return "" if given is None else f', not "{given}"'

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


_ENCODER = json.JSONEncoder(sort_keys=True, default=_plain)
