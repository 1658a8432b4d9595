"""What became of one row: what `PayoutJob.run` yields."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias, cast

from anton_async.bulk.entry import Entry
from anton_async.errors import ApiError
from anton_async.models import CreatedPayout


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The API took the payout.

    Attributes:
        row_id: the row's own id.
        line: its place in the input, from 1; of a CSV file, its line.
        idempotency_key: key it was sent under.
        payout_id: the payout's id.
        status: the payout's state when it was accepted.
        payout: the whole payout; None when the row was accepted in an earlier run.
        from_journal: True when an earlier run settled the row and this one sent nothing.
    """

    row_id: str
    line: int
    idempotency_key: str
    payout_id: str
    status: str
    payout: CreatedPayout | None = field(default=None, repr=False)
    from_journal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """No payout was made for the row, and none will be.

    Attributes:
        row_id: the row's own id.
        line: its place in the input, from 1; of a CSV file, its line.
        idempotency_key: key it was sent under; None when nothing was sent.
        field: dotted path of the field at fault, where it is known.
        reason: what is wrong with it.
        code: the API's error code; `validation_error` or `repeated_row_id` when nothing was sent.
        from_journal: True when an earlier run settled the row and this one sent nothing.
    """

    row_id: str
    line: int
    idempotency_key: str | None
    field: str | None
    reason: str
    code: str | None
    from_journal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """The payout may have been made: it must not be sent again under another key.

    Running or settling the job again with the same journal, within 23 hours of the first sending, asks the API again
    under the same key; after that it looks the payout up by its reference. What is then not found needs a person.

    Attributes:
        row_id: the row's own id.
        line: its place in the input, from 1; of a CSV file, its line.
        idempotency_key: key it was sent under.
        reason: why nobody can tell.
        from_journal: True when an earlier run has left the row so and this one sent nothing.
    """

    row_id: str
    line: int
    idempotency_key: str
    reason: str
    from_journal: bool = False


Result: TypeAlias = Accepted | Rejected | Unknown

_FIELD_BY_CODE = {
    "beneficiary_not_found": "beneficiary_id",
    "instrument_not_found": "instrument_id",
    "invalid_instrument": "instrument_id",
    "insufficient_balance": "source_amount",
    "insufficient_funds": "source_amount",
    "corridor_not_enabled": "dest_currency",
    "quote_expired": "quote_id",
    "quote_already_used": "quote_id",
    "quote_mismatch": "quote_id",
}
_FIELD_BY_WORD = {"beneficiary": "beneficiary_id", "instrument": "instrument_id", "corridor": "dest_currency"}
_WORD = re.compile("|".join(_FIELD_BY_WORD))


def result_of(entry: Entry, *, payout: CreatedPayout | None = None, from_journal: bool = False) -> Result:
    """Return what the journal's `entry` says to the caller; it is ACCEPTED, REJECTED or UNKNOWN."""
    if entry.state == "REJECTED":
        return Rejected(
            row_id=entry.row_id,
            line=entry.line,
            idempotency_key=entry.key,
            field=entry.field,
            reason=entry.reason or "",
            code=entry.code,
            from_journal=from_journal,
        )
    if entry.state == "UNKNOWN":
        return Unknown(
            row_id=entry.row_id,
            line=entry.line,
            idempotency_key=entry.key or "",
            reason=entry.reason or "",
            from_journal=from_journal,
        )
    return Accepted(
        row_id=entry.row_id,
        line=entry.line,
        idempotency_key=entry.key or "",
        payout_id=entry.payout_id or "",
        status=entry.status or "",
        payout=payout,
        from_journal=from_journal,
    )


def explain(error: ApiError) -> tuple[str | None, str]:
    """Return the field at fault, where it can be told, and the API's words without our label."""
    _, _, message = error.message.partition(": ")
    problems = _problems(error.details)
    if problems:
        (field_name, problem), *others = problems
        return field_name, "; ".join([problem, *(f"{name}: {other}" for name, other in others)])
    if error.code in _FIELD_BY_CODE:
        return _FIELD_BY_CODE[error.code], message
    # The API tells the causes of `payout_rejected` apart by its message alone.
    named = _WORD.search(message) if error.code == "payout_rejected" else None
    return (_FIELD_BY_WORD[named[0]] if named else None), message


def _problems(details: list[object] | dict[str, object] | None) -> list[tuple[str, str]]:
    if not isinstance(details, list):
        return []
    items = [cast("dict[str, object]", item) for item in details if isinstance(item, dict)]
    return [(str(item["field"]), str(item["message"])) for item in items if {"field", "message"} <= item.keys()]
