"""How objects are shown in each published edition of the API.

The newest edition wraps single objects in `data`. The earlier one shows them bare, says `on_chain` where the newest
says `crypto`, knows no `on_hold` and no `session_quality`, and rates beneficiaries by trust instead of risk. Lists
look the same in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from anton_async.sandbox.errors import Answer
from anton_async.sandbox.records import Beneficiary, Payout, Shown

Edition = Literal["newest", "earlier"]

Showable = Shown | Mapping[str, object]

_ENCODER = msgspec.json.Encoder()


class Presenter:
    """Encodes records for one edition; the handlers of every resource use it."""

    def __init__(self, edition: Edition) -> None:
        self.edition: Edition = edition

    def one(self, record: Showable, status: int = 200) -> Answer:
        """Return one object, in the wrapper that the newest edition has."""
        if self.edition == "newest":
            return wrapped(record, status)
        return bare(_as_earlier(record), status)

    def rows(self, records: Sequence[Showable]) -> Answer:
        """Return a list that has no pages."""
        return wrapped(self._shown(records))

    def page(self, records: Sequence[Showable], next_cursor: str | None, *, always_cursor: bool = False) -> Answer:
        """Return one page; `next_cursor` is only there when more follow, or empty where a list always has it."""
        envelope: dict[str, object] = {"data": self._shown(records), "has_more": next_cursor is not None}
        if next_cursor is not None or always_cursor:
            envelope["next_cursor"] = next_cursor or ""
        return bare(envelope)

    def _shown(self, records: Sequence[Showable]) -> Sequence[object]:
        return records if self.edition == "newest" else [_as_earlier(record) for record in records]


def wrapped(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer that is wrapped in `data` in both editions."""
    return bare({"data": content}, status, headers)


def bare(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer that is wrapped in neither edition."""
    return Answer(status, _ENCODER.encode(content), dict(headers or {}))


def _as_earlier(record: Showable) -> object:
    if isinstance(record, Payout):
        method = "on_chain" if record.method == "crypto" else record.method
        return msgspec.structs.replace(record, method=method, on_hold=None, session_quality=None)
    if isinstance(record, Beneficiary):
        shown: dict[str, object] = msgspec.to_builtins(record)
        shown.pop("risk_score")
        shown.pop("risk_tier")
        if record.risk_score is not None:
            trust = 1000 - record.risk_score
            shown["trust_score"] = trust / 1000
            shown["trust_tier"] = "HIGH" if trust > 600 else "MEDIUM" if trust > 300 else "LOW"
        return shown
    return record
