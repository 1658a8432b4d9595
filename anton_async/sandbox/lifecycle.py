"""How a payout moves by itself, and how it is cancelled.

    created -> pending_screening -> pending_approval -> approved -> processing -> sent -> completed
                     |                    |                |
                     +--------------------+----------------+--> cancelled

Nothing runs in the background: whoever is about to read the state calls `advance`, which takes every step that is
due by the clock. A step is stamped with the moment it was due, so history does not depend on who looked when.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from anton_async.clock import Clock
from anton_async.sandbox.errors import Refusal
from anton_async.sandbox.merchant import Merchant, PayoutEntry
from anton_async.sandbox.presenter import Edition
from anton_async.sandbox.pricing import written
from anton_async.sandbox.records import PayoutEvent, new_id

_BEFORE_APPROVAL = frozenset({"created", "pending_screening", "pending_approval"})
_UNDER_REVIEW = frozenset({"manual_review", "pending_engine_review"})
_CANCELLABLE = {"newest": _BEFORE_APPROVAL | {"approved"}, "earlier": _BEFORE_APPROVAL | _UNDER_REVIEW}
_NETWORKS = {"swift": "swift", "wire": "swift", "sepa": "sepa", "ach": "ach", "faster_payment": "fps"}
_CONFIRMATIONS = 12


@dataclass(frozen=True, slots=True)
class _Step:
    status: str
    share: Decimal  # of the time from creation to completion
    actor: str
    stamps: tuple[str, ...] = ()


_PLAN = (
    _Step("pending_approval", Decimal("0.2"), "engine", ("screened_at",)),
    _Step("approved", Decimal("0.4"), "system", ("approved_at",)),
    _Step("processing", Decimal("0.6"), "system", ("processed_at",)),
    _Step("sent", Decimal("0.8"), "rail"),
    _Step("completed", Decimal(1), "rail", ("completed_at",)),
)


class Lifecycle:
    """Moves the payouts of one merchant."""

    def __init__(self, clock: Clock, merchant: Merchant, *, settle: float | None, edition: Edition) -> None:
        self._clock = clock
        self._edition: Edition = edition
        self._merchant = merchant
        self._offsets = None if settle is None else [settle * float(step.share) for step in _PLAN]
        self._due: list[tuple[float, str]] = []

    def begin(self, entry: PayoutEntry) -> None:
        """Start a payout that was just created: it goes to screening at once."""
        payout = entry.shown
        entry.began = self._clock.monotonic()
        self._record(entry, "created", payout.created_at, actor="merchant", previous=None)
        self._move(entry, "pending_screening", payout.created_at, actor="system")
        self._schedule(entry)

    def advance(self) -> None:
        """Take every step that is due."""
        now = self._clock.monotonic()
        while self._due and self._due[0][0] <= now:
            _, payout_id = heapq.heappop(self._due)
            entry = self._merchant.payouts.get(payout_id)
            # A payout that was cancelled meanwhile stays where it is.
            if entry is not None and entry.shown.status != "cancelled":
                self._step(entry)

    def cancel(self, entry: PayoutEntry, reason: str | None) -> None:
        """Cancel a payout and give its reserve back.

        Raises:
            Refusal: 409 while it is under review, 422 when its state does not allow it.
        """
        payout = entry.shown
        held_back = payout.on_hold or payout.status in _UNDER_REVIEW
        if held_back and self._edition == "newest":
            raise Refusal(409, "payout_on_hold", "the payout is under review and cannot be cancelled until that ends")
        if payout.status not in _CANCELLABLE[self._edition]:
            raise Refusal(422, "payout_not_cancellable", f"a payout in status {payout.status} cannot be cancelled")
        at = self._merchant.now()
        self._merchant.ledger.release(payout.source_currency, entry.held, at)
        entry.held = Decimal(0)
        payout.on_hold = False
        payout.cancelled_reason = reason
        payout.cancelled_at = at
        self._move(entry, "cancelled", at, actor="merchant")

    def _schedule(self, entry: PayoutEntry) -> None:
        if self._offsets is not None and entry.steps_done < len(_PLAN):
            heapq.heappush(self._due, (entry.began + self._offsets[entry.steps_done], entry.id))

    def _step(self, entry: PayoutEntry) -> None:
        if self._offsets is None:
            return
        step = _PLAN[entry.steps_done]
        at = entry.shown.created_at + timedelta(seconds=self._offsets[entry.steps_done])
        entry.steps_done += 1
        for stamp in step.stamps:
            setattr(entry.shown, stamp, at)
        self._fill_rail(entry, step.status)
        if step.status == "completed":
            self._settle(entry, at)
        self._move(entry, step.status, at, actor=step.actor)
        self._schedule(entry)

    def _settle(self, entry: PayoutEntry, at: datetime) -> None:
        payout, ledger = entry.shown, self._merchant.ledger
        ledger.pay(payout.source_currency, entry.cost, at)
        ledger.release(payout.source_currency, entry.held - entry.cost, at)
        entry.held = Decimal(0)
        payout.total_debited = written(entry.cost, payout.source_currency)
        payout.fee_finalized = True
        payout.buffer_amount = payout.buffer_currency = None

    @staticmethod
    def _fill_rail(entry: PayoutEntry, status: str) -> None:
        payout = entry.shown
        on_chain = payout.rail_type != "fiat"
        if status == "processing":
            payout.rail_provider = "partner_bank"
            payout.rail_reference = f"RAIL-{payout.id.removeprefix('pay_')}"
            payout.network = _NETWORKS.get(payout.method)
            payout.required_confirms = _CONFIRMATIONS if on_chain else None
        elif status == "sent" and on_chain:
            payout.tx_hash = f"0x{payout.id.removeprefix('pay_').lower():0>64}"
            payout.block_confirmations = 1
        elif status == "completed" and on_chain:
            payout.block_confirmations = _CONFIRMATIONS

    def _move(self, entry: PayoutEntry, status: str, at: datetime, *, actor: str) -> None:
        previous, entry.shown.status = entry.shown.status, status
        entry.shown.updated_at = at
        self._record(entry, status, at, actor=actor, previous=previous)

    @staticmethod
    def _record(entry: PayoutEntry, status: str, at: datetime, *, actor: str, previous: str | None) -> None:
        event = PayoutEvent(
            id=new_id("pev"),
            merchant_id=entry.shown.merchant_id,
            payout_id=entry.id,
            status=status,
            previous_status=previous,
            actor_type=actor,
            occurred_at=at,
            created_at=at,
        )
        entry.events.append(event)
