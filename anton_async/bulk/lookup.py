"""Looking up what became of rows that are too old to be sent again.

The API may have forgotten their keys, so a repetition could pay a second time. `anton.payouts.settle` finds a payout by
what was ordered; a job has to make sure besides that it is not the payout of another row.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import msgspec

from anton_async.bulk.journal import Journal
from anton_async.client import AntonClient
from anton_async.errors import AntonError, Outcome
from anton_async.models import CreatedPayout, Payout
from anton_async.transport import Call
from anton_async.transport.idempotency import KeyLife
from anton_async.transport.unsettled import Unsettled, keep

Order: TypeAlias = tuple[str, str, str]
"""Reference, beneficiary and instrument: what tells the payouts of a job apart."""


class _Ordered(msgspec.Struct):
    reference: str
    beneficiary_id: str
    instrument_id: str


class LookUp:
    """Finds the payouts of rows in one run of a job; it never makes one.

    Args:
        anton: an open client.
        journal: the open journal.
    """

    def __init__(self, anton: AntonClient, journal: Journal) -> None:
        self._anton = anton
        self._journal = journal
        self._repeated: frozenset[Order] | None = None

    async def find(self, call: Call[CreatedPayout], sent_at: float) -> Payout | str:
        """Return the payout of a row that was first sent at the Unix time `sent_at`, or why it cannot be told.

        To be asked before this run pays rows that the journal did not know: their payouts could be taken for it.
        """
        ordered = msgspec.json.decode(call.body or b"", type=_Ordered)
        if self._repeated is None:
            self._repeated = await self._journal.repeated_orders()
        if (ordered.reference, ordered.beneficiary_id, ordered.instrument_id) in self._repeated:
            return "another row of the job has the same reference, beneficiary and instrument"
        try:
            return await self._anton.payouts.settle(self._lost(call, sent_at))
        except AntonError:
            return "no payout, or more than one, could be found by its reference"

    def _lost(self, call: Call[CreatedPayout], sent_at: float) -> AntonError:
        """Return the error that the row was left with, as if it had been raised in this process."""
        life = KeyLife(sent_at, -math.inf)  # over, whatever the clocks say: nothing may be sent again
        error = AntonError("the answer was lost", idempotency_key=call.idempotency_key, outcome=Outcome.UNKNOWN)
        keep(error, Unsettled(call=call, life=life, owner=self._anton.transport.owner))
        return error
