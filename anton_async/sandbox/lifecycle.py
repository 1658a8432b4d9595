"""How a payout moves by itself, and how it is cancelled.

    created -> pending_screening -> pending_approval -> approved -> processing -> sent -> completed
                     |                    |                |             |          +---> returned
                     |                    |                |             +--------------> failed
                     +--------------------+----------------+--> cancelled

Other plans, asked for with `?simulate=` when a payout is created, end in every other documented state. Nothing runs in
the background: the timeline takes every step that is due when the state is about to be read.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec

from anton_async.sandbox.errors import Refusal, invalid
from anton_async.sandbox.merchant import Merchant, PayoutEntry
from anton_async.sandbox.presenter import Edition
from anton_async.sandbox.pricing import written
from anton_async.sandbox.records import PayoutEvent, new_id

_BEFORE_APPROVAL = frozenset({"created", "pending_screening", "pending_approval"})
_UNDER_REVIEW = frozenset({"manual_review", "pending_engine_review"})
_CANCELLABLE = {"newest": _BEFORE_APPROVAL | {"approved"}, "earlier": _BEFORE_APPROVAL | _UNDER_REVIEW}
_NETWORKS = {"swift": "swift", "wire": "swift", "sepa": "sepa", "ach": "ach", "faster_payment": "fps"}
_CONFIRMATIONS = 12
_SLOWNESS = 10
_ON_HOLD = frozenset({"screening_failed", *_UNDER_REVIEW})
_UNPAID_ENDINGS = frozenset({"failed", "returned", "velocity_blocked", "cannot_be_processed"})
_TOLD = frozenset(
    {"approved", "processing", "sent", "completed", "failed", "returned", "cancelled", "cannot_be_processed"}
)
_TOLD_FIELDS = (
    "id", "merchant_id", "status", "source_amount", "source_currency", "dest_amount", "dest_currency",
    "beneficiary_id", "instrument_id", "reference", "rail_provider", "rail_reference", "network", "tx_hash",
    "block_confirmations", "required_confirms", "created_at", "updated_at", "completed_at", "failed_at",
)  # fmt: skip
_BLOCK_REASON = "payout blocked by risk policy"


@dataclass(frozen=True, slots=True)
class _Step:
    status: str
    share: Decimal  # of the time from creation to completion
    actor: str
    stamp: str | None = None


_Plan = tuple[_Step, ...]

_SCREENED = _Step("pending_approval", Decimal("0.2"), "engine", "screened_at")
_APPROVED = _Step("approved", Decimal("0.4"), "system", "approved_at")
_PROCESSING = _Step("processing", Decimal("0.6"), "system", "processed_at")
_SENT = _Step("sent", Decimal("0.8"), "rail")
_COMPLETED = _Step("completed", Decimal(1), "rail", "completed_at")
_TO_RAIL = (_SCREENED, _APPROVED, _PROCESSING)
_HAPPY = (*_TO_RAIL, _SENT, _COMPLETED)
_REVIEW = _Step("manual_review", Decimal("0.2"), "engine")
_BLOCKED = (_SCREENED, _Step("velocity_blocked", Decimal("0.4"), "engine"))

PLANS: dict[str, _Plan] = {
    "completed": _HAPPY,
    "slow": tuple(_Step(step.status, step.share * _SLOWNESS, step.actor, step.stamp) for step in _HAPPY),
    "failed": (*_TO_RAIL, _Step("failed", Decimal("0.8"), "rail", "failed_at")),
    "returned": (*_TO_RAIL, _SENT, _Step("returned", Decimal(1), "rail")),
    "screening_failed": (_Step("screening_failed", Decimal("0.2"), "engine", "screening_failed_at"),),
    "velocity_blocked": _BLOCKED,
    "engine_blocked": _BLOCKED,
    "manual_review": (_REVIEW,),
    "pending_engine_review": (_Step("pending_engine_review", Decimal("0.2"), "engine", "engine_unavailable_at"),),
    "cannot_be_processed": (_REVIEW, _Step("cannot_be_processed", Decimal("0.6"), "ops")),
}


class Lifecycle:
    """Moves the payouts of one merchant."""

    def __init__(self, merchant: Merchant, *, settle: float | None, edition: Edition) -> None:
        self._merchant = merchant
        self._settle = settle
        self._edition: Edition = edition

    def begin(self, entry: PayoutEntry, ending: str = "completed") -> None:
        """Start a payout that was just created: it goes to screening at once."""
        payout = entry.shown
        self._record(entry, "created", payout.created_at, actor="merchant", previous=None)
        self._move(entry, "pending_screening", payout.created_at, actor="system")
        self._merchant.events.record("payout.created", _told(entry))
        self._schedule(entry, ending, Decimal(0))

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
        released, previous = entry.held, payout.status
        self._release(entry, at)
        entry.ended = True
        payout.on_hold = False
        payout.cancelled_reason = reason
        payout.cancelled_at = at
        self._move(entry, "cancelled", at, actor="merchant")
        extra = {"previous_status": previous, "released_amount": written(released, payout.source_currency)}
        self._merchant.events.record("payout.cancelled", {**_told(entry), **extra})

    def _schedule(self, entry: PayoutEntry, ending: str, done: Decimal) -> None:
        plan = PLANS[ending]
        if self._settle is not None and entry.steps_done < len(plan):
            wait = self._settle * float(plan[entry.steps_done].share - done)
            self._merchant.timeline.after(wait, functools.partial(self._step, entry, ending))

    def _step(self, entry: PayoutEntry, ending: str) -> None:
        # A payout that was cancelled meanwhile stays where it is, one that a reset took away is nobody's.
        if entry.ended or self._merchant.payouts.get(entry.id) is not entry:
            return
        step = PLANS[ending][entry.steps_done]
        entry.steps_done += 1
        payout, at = entry.shown, self._merchant.now()
        if step.stamp is not None:
            setattr(payout, step.stamp, at)
        payout.on_hold = step.status in _ON_HOLD
        self._fill_rail(entry, step.status)
        if step.status == "completed":
            self._pay(entry, at)
        elif step.status in _UNPAID_ENDINGS:
            self._release(entry, at)
            payout.cancelled_reason = _REASONS.get(step.status)
        self._move(entry, step.status, at, actor=step.actor, metadata=_FAILURES.get(step.status))
        self._tell(entry, ending)
        self._schedule(entry, ending, step.share)

    def _tell(self, entry: PayoutEntry, ending: str) -> None:
        payout, record = entry.shown, self._merchant.events.record
        if payout.status in _TOLD:
            record(f"payout.{payout.status}", _told(entry))
        elif payout.status == "screening_failed":
            told: dict[str, object] = {"id": payout.id, "merchant_id": payout.merchant_id}
            record("payout.screening_failed", {**told, "status": payout.status, "on_hold": True})
        elif payout.status == "velocity_blocked":
            blocked = {"id": payout.id, "status": payout.status, "reason": _BLOCK_REASON}
            record("payout.velocity_blocked", blocked)
            if ending == "engine_blocked":
                record("payout.engine_blocked", blocked)

    def _pay(self, entry: PayoutEntry, at: datetime) -> None:
        payout, ledger = entry.shown, self._merchant.ledger
        ledger.pay(payout.source_currency, entry.cost, at, fee=entry.charged_fee, reference=payout.id)
        ledger.release(payout.source_currency, entry.held - entry.cost, at)
        entry.held = Decimal(0)
        payout.total_debited = written(entry.cost, payout.source_currency)
        payout.fee_finalized = True
        payout.buffer_amount = payout.buffer_currency = None

    def _release(self, entry: PayoutEntry, at: datetime) -> None:
        self._merchant.ledger.release(entry.shown.source_currency, entry.held, at)
        entry.held = Decimal(0)

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

    def _move(
        self,
        entry: PayoutEntry,
        status: str,
        at: datetime,
        *,
        actor: str,
        metadata: dict[str, object] | None = None,
    ) -> None:
        previous, entry.shown.status = entry.shown.status, status
        entry.shown.updated_at = at
        self._record(entry, status, at, actor=actor, previous=previous, metadata=metadata)

    @staticmethod
    def _record(
        entry: PayoutEntry,
        status: str,
        at: datetime,
        *,
        actor: str,
        previous: str | None,
        metadata: dict[str, object] | None = None,
    ) -> None:
        event = PayoutEvent(
            id=new_id("pev"),
            merchant_id=entry.shown.merchant_id,
            payout_id=entry.id,
            status=status,
            previous_status=previous,
            actor_type=actor,
            metadata=metadata,
            occurred_at=at,
            created_at=at,
        )
        entry.events.append(event)


_REASONS = {"failed": "the rail refused the payout", "velocity_blocked": _BLOCK_REASON}
_FAILURES: dict[str, dict[str, object]] = {
    "failed": {
        "failure_code": "provider_rejected",
        "failure_category": "provider",
        "reason": "the rail refused the payout",
        "rail_error_code": "rail_provider_rejected",
        "rail_provider": "partner_bank",
        "rail_provider_code": "SIMULATED",
    }
}


def read_ending(simulate: str | None) -> str:
    """Return the plan that `?simulate=` asks for; raises the 422 of one that does not exist."""
    if simulate is None:
        return "completed"
    if simulate not in PLANS:
        raise invalid(("simulate", f"must be one of: {', '.join(PLANS)}"))
    return simulate


def _told(entry: PayoutEntry) -> dict[str, object]:
    shown = msgspec.structs.asdict(entry.shown)
    return {name: shown[name] for name in _TOLD_FIELDS if shown[name] is not None}
