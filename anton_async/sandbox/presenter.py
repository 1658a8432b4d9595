"""How objects are shown in each published edition of the API.

The newest edition wraps single objects in `data`. The earlier one shows them bare, says `on_chain` where the newest
says `crypto`, knows no `on_hold` and no `session_quality`, and rates beneficiaries by trust instead of risk. Lists
look the same in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from anton_async.sandbox.errors import Answer
from anton_async.sandbox.records import Beneficiary, Payout, Record

Edition = Literal["newest", "earlier"]

_ENCODER = msgspec.json.Encoder()


class Presenter:
    """Encodes records for one edition; the handlers of every resource use it."""

    def __init__(self, edition: Edition) -> None:
        self.edition: Edition = edition

    def one(self, record: Record, status: int = 200) -> Answer:
        """Return one object."""
        if self.edition == "newest":
            return Answer(status, _ENCODER.encode({"data": record}))
        return Answer(status, _ENCODER.encode(_as_earlier(record)))

    def rows(self, records: Sequence[Record]) -> Answer:
        """Return a list that has no pages."""
        return Answer(200, _ENCODER.encode({"data": self._shown(records)}))

    def page(self, records: Sequence[Record], next_cursor: str | None) -> Answer:
        """Return one page; `next_cursor` is only there when more follow."""
        envelope: dict[str, object] = {"data": self._shown(records), "has_more": next_cursor is not None}
        if next_cursor is not None:
            envelope["next_cursor"] = next_cursor
        return Answer(200, _ENCODER.encode(envelope))

    def _shown(self, records: Sequence[Record]) -> Sequence[object]:
        return records if self.edition == "newest" else [_as_earlier(record) for record in records]


def _as_earlier(record: Record) -> object:
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
