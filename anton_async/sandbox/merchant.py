"""The one merchant of a sandbox: everything that requests can read and change.

Entries pair an object as the API shows it with what only the server knows. One `Merchant` belongs to one sandbox
and is touched by one event loop, so nothing here is locked.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from anton_async.clock import Clock
from anton_async.sandbox.ledger import Ledger
from anton_async.sandbox.paging import Collection
from anton_async.sandbox.records import Batch, Beneficiary, Instrument, Payout, PayoutEvent, new_id


@dataclass(slots=True, kw_only=True)
class BeneficiaryEntry:
    """A beneficiary and how it came to be."""

    shown: Beneficiary
    created_via: str = "api"
    source_batch_id: str | None = None

    @property
    def id(self) -> str:
        """The beneficiary's id."""
        return self.shown.id


@dataclass(slots=True, kw_only=True)
class InstrumentEntry:
    """An instrument."""

    shown: Instrument

    @property
    def id(self) -> str:
        """The instrument's id."""
        return self.shown.id


@dataclass(slots=True, kw_only=True)
class PayoutEntry:
    """A payout, the money it holds, and its history."""

    shown: Payout
    held: Decimal = Decimal(0)  # reserved on the source balance until the payout ends
    cost: Decimal = Decimal(0)  # what leaves the balance when it completes: the reserve without the buffer
    began: float = 0.0  # monotonic seconds at creation
    steps_done: int = 0  # of the lifecycle's plan
    events: list[PayoutEvent] = field(default_factory=list[PayoutEvent])

    @property
    def id(self) -> str:
        """The payout's id."""
        return self.shown.id


@dataclass(slots=True, kw_only=True)
class BatchEntry:
    """A batch."""

    shown: Batch

    @property
    def id(self) -> str:
        """The batch's id."""
        return self.shown.id


class Merchant:
    """Holds the merchant's objects and money."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.id = new_id("mer")
        self.ledger = Ledger()
        self.beneficiaries: Collection[BeneficiaryEntry] = Collection()
        self.instruments: Collection[InstrumentEntry] = Collection()
        self.payouts: Collection[PayoutEntry] = Collection()
        self.batches: Collection[BatchEntry] = Collection()
        self.fingerprints: set[bytes] = set()  # of what was created, to refuse duplicates
        self.executed: Counter[str] = Counter()  # how often a change was carried out, by idempotency key

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return datetime.fromtimestamp(self._clock.time(), UTC)
