"""The one merchant of a sandbox: everything that requests can read and change.

Entries pair an object as the API shows it with what only the server knows. One `Merchant` belongs to one sandbox
and is touched by one event loop, so nothing here is locked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from anton_async.clock import Clock
from anton_async.sandbox.errors import not_found
from anton_async.sandbox.events import EventLog
from anton_async.sandbox.ledger import Ledger
from anton_async.sandbox.limits import BalanceAlerts, VelocityLimits
from anton_async.sandbox.paging import Collection
from anton_async.sandbox.records import (
    Batch,
    Beneficiary,
    FXExchange,
    FXQuote,
    Instrument,
    Payout,
    PayoutEvent,
    new_id,
)
from anton_async.sandbox.timeline import Timeline


@dataclass(slots=True, kw_only=True)
class BeneficiaryEntry:
    """A beneficiary and how it came to be."""

    shown: Beneficiary
    created_via: str = "api"
    source_batch_id: str | None = None
    deleted: bool = False
    fingerprint: bytes | None = None  # of the personal data, to refuse a second one
    rescored_at: datetime | None = None
    evaluation_id: str | None = None  # of the latest rescore

    @property
    def id(self) -> str:
        """The beneficiary's id."""
        return self.shown.id


@dataclass(slots=True, kw_only=True)
class InstrumentEntry:
    """An instrument."""

    shown: Instrument
    deleted: bool = False
    fingerprint: bytes | None = None

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
    charged_fee: Decimal = Decimal(0)  # the part of the cost that is a fee
    steps_done: int = 0  # of the lifecycle's plan
    ended: bool = False  # by the API: nothing moves it any more
    events: list[PayoutEvent] = field(default_factory=list[PayoutEvent])

    @property
    def id(self) -> str:
        """The payout's id."""
        return self.shown.id


@dataclass(slots=True)
class RowResult:
    """What became of one row of a batch."""

    id: str
    shown: dict[str, object]


@dataclass(slots=True, kw_only=True)
class BatchEntry:
    """A batch, and what was found in its file."""

    shown: Batch
    digest: str = ""  # SHA-256 of the file
    content: bytes = b""
    errors: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    warnings: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    rows: list[object] = field(default_factory=list[object])  # the good ones, as `batch_files.Row`
    results: Collection[RowResult] = field(default_factory=Collection[RowResult])

    @property
    def id(self) -> str:
        """The batch's id."""
        return self.shown.id


@dataclass(slots=True, kw_only=True)
class FXQuoteEntry:
    """A quote and its exact amounts."""

    shown: FXQuote
    sell: Decimal
    buy: Decimal
    used: bool = False

    @property
    def id(self) -> str:
        """The quote's id."""
        return self.shown.id


@dataclass(slots=True, kw_only=True)
class PricingQuoteEntry:
    """A quoted fee, bound to the first payout that names it."""

    id: str
    source_currency: str
    dest_currency: str
    amount: Decimal
    expires_at: datetime
    payout_id: str | None = None


@dataclass(slots=True, kw_only=True)
class ImportEntry:
    """A preview of an import, waiting to be confirmed."""

    id: str
    kind: str
    rows: dict[int, dict[str, object]]  # the valid ones by number, as bodies of createBeneficiary
    invalid: int
    expires_at: datetime
    confirmed: bool = False


class Merchant:
    """Holds the merchant's objects and money."""

    def __init__(self, clock: Clock) -> None:
        self.timeline: Timeline = Timeline(clock)
        self.id: str = new_id("mer")
        self.opening: dict[str, Decimal] = {}  # the balances that a reset brings back
        self.events: EventLog = EventLog(self.id, self.timeline)
        self.executed: Counter[str] = Counter()  # how often a change was carried out, by idempotency key
        self.alerts: BalanceAlerts = BalanceAlerts(self.events, self.id)
        self.velocity: VelocityLimits = VelocityLimits()
        self._wipers: list[Callable[[], None]] = []
        self.wipe_money()
        self.wipe_payees()

    def now(self) -> datetime:
        """Return the present moment in UTC."""
        return self.timeline.now()

    def beneficiary(self, beneficiary_id: str) -> BeneficiaryEntry:
        """Return a beneficiary; raises the 404 of one that is not there or was deleted."""
        entry = self.beneficiaries.get(beneficiary_id)
        if entry is None or entry.deleted:
            raise not_found("beneficiary")
        return entry

    def instrument(self, instrument_id: str) -> InstrumentEntry:
        """Return an instrument; raises the 404 of one that is not there or was deleted."""
        entry = self.instruments.get(instrument_id)
        if entry is None or entry.deleted:
            raise not_found("instrument")
        return entry

    def wipe_money(self) -> None:
        """Forget every balance and movement of money."""
        self.ledger: Ledger = Ledger(self.alerts.watch)
        self.fx_quotes: Collection[FXQuoteEntry] = Collection()
        self.fx_exchanges: Collection[FXExchange] = Collection()

    def wipe_payees(self) -> None:
        """Forget payouts and everything they were made from."""
        self.beneficiaries: Collection[BeneficiaryEntry] = Collection()
        self.instruments: Collection[InstrumentEntry] = Collection()
        self.payouts: Collection[PayoutEntry] = Collection()
        self.batches: Collection[BatchEntry] = Collection()
        self.imports: dict[str, ImportEntry] = {}
        self.pricing_quotes: dict[str, PricingQuoteEntry] = {}
        self.fingerprints: set[bytes] = set()  # of what was created, to refuse duplicates

    def wipe_rest(self) -> None:
        """Forget what neither money nor payees are: reviews, evaluations and so on, as their owners registered."""
        for wipe in self._wipers:
            wipe()

    def on_wipe(self, wipe: Callable[[], None]) -> None:
        """Register what a reset of everything has to forget besides."""
        self._wipers.append(wipe)
