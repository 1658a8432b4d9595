"""What a sandbox holds before the first request.

A seed is a mapping, or a JSON file with the same content; every field has a default, so a few words make a payable
beneficiary:

    {"balances": {"USD": "5000000.00"},
     "beneficiaries": [{"id": "ben_1", "display_name": "Jane Smith"}],
     "instruments": [{"id": "ins_1", "beneficiary_id": "ben_1", "currency": "USD"}]}

`balance_alerts` are thresholds by currency, below which `balance.low` is told; `velocity_limits` are the largest
payouts by the currency they are paid from.

Seeded payouts stay in the status they are given; those under way hold their reserve on top of the seeded balance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

import msgspec

from anton_async.sandbox.merchant import BatchEntry, BeneficiaryEntry, InstrumentEntry, Merchant, PayoutEntry
from anton_async.sandbox.pricing import written
from anton_async.sandbox.records import Batch, Beneficiary, Instrument, Payout, PayoutEvent, new_id

SeedSource = Mapping[str, object] | str | Path

_Item = dict[str, object]

_DEFAULT_BALANCES = {
    "USD": "5000000.00",
    "EUR": "5000000.00",
    "GBP": "5000000.00",
    "CAD": "1000000.00",
    "AUD": "1000000.00",
    "JPY": "500000000",
    "USDC": "1000000.000000",
}
_BENEFICIARY: _Item = {
    "type": "individual",
    "status": "active",
    "display_name": "Sandbox Beneficiary",
    "country": "US",
    "risk_score": None,
    "risk_tier": None,
}
_INSTRUMENT: _Item = {"method": "us_bank", "status": "active", "is_default": False}
_BATCH: _Item = {
    "uploaded_by": "usr_sandbox",
    "status": "completed",
    "file_name": "payouts.csv",
    "file_format": "csv",
    "file_size": 1024,
}
_PAYOUT: _Item = {
    "status": "completed",
    "method": "ach",
    "source_amount": "100.00",
    "source_currency": "USD",
    "dest_amount": "100.00",
    "dest_currency": "USD",
    "rail_type": "fiat",
    "purpose": "contractor_payment",
    "reference": "seeded",
}
_ENDED = frozenset({"completed", "failed", "returned", "cancelled", "velocity_blocked", "cannot_be_processed"})


class _Seed(msgspec.Struct, forbid_unknown_fields=True):
    balances: dict[str, Decimal] = msgspec.field(
        default_factory=lambda: {currency: Decimal(amount) for currency, amount in _DEFAULT_BALANCES.items()}
    )
    balance_alerts: dict[str, Decimal] = {}
    velocity_limits: dict[str, Decimal] = {}
    beneficiaries: list[_Item] = []
    instruments: list[_Item] = []
    batches: list[_Item] = []
    payouts: list[_Item] = []


def plant(source: SeedSource | bytes | None, merchant: Merchant) -> None:
    """Fill a new merchant from a seed, encoded or not.

    Raises:
        ValueError: the seed has an unknown field, a wrong type, an id used twice, or points to an id it does not hold.
    """
    try:
        seed = msgspec.json.decode(source if isinstance(source, bytes) else encoded(source), type=_Seed)
    except msgspec.DecodeError as error:
        raise ValueError(f"The seed cannot be read: {error}.") from None
    for currency, amount in seed.balances.items():
        if not amount.is_finite() or amount < 0:
            raise ValueError(f"The seeded balance in {currency} must be a decimal of 0 or more.")
        merchant.opening[currency] = amount
        merchant.ledger.deposit(currency, amount, merchant.now())
    for currency, threshold in _positive("balance alert", seed.balance_alerts):
        merchant.alerts.set(currency, threshold, merchant.ledger.account(currency))
    for currency, limit in _positive("velocity limit", seed.velocity_limits):
        merchant.velocity.set(currency, limit)
    planter = _Planter(merchant)
    for name, items, put in (
        ("beneficiaries", seed.beneficiaries, planter.plant_beneficiary),
        ("instruments", seed.instruments, planter.plant_instrument),
        ("batches", seed.batches, planter.plant_batch),
        ("payouts", seed.payouts, planter.plant_payout),
    ):
        for number, item in enumerate(items):
            try:
                put(item)
            except ValueError as error:
                raise ValueError(f"{name}[{number}] of the seed: {error}") from None
            except InvalidOperation:
                raise ValueError(f"{name}[{number}] of the seed: an amount is no decimal.") from None


def encoded(source: SeedSource | None) -> bytes:
    """Return a seed as JSON.

    Raises:
        ValueError: it is a file that cannot be read, or a mapping with something in it that JSON does not have.
    """
    try:
        if source is None or isinstance(source, Mapping):
            return msgspec.json.encode(source or {})
        return Path(source).read_bytes()
    except OSError as error:
        raise ValueError(f"The seed file {source} cannot be read: {error.strerror}.") from None
    except TypeError as error:
        raise ValueError(f"The seed cannot be written as JSON: {error}.") from None


def _positive(what: str, amounts: Mapping[str, Decimal]) -> Iterator[tuple[str, Decimal]]:
    for currency, amount in amounts.items():
        if not amount.is_finite() or amount <= 0:
            raise ValueError(f"The {what} in {currency} must be a decimal above 0.")
        yield currency, amount


class _Planter:
    """Turns seed items into entries; each is a millisecond older than the next, so that lists have an order."""

    def __init__(self, merchant: Merchant) -> None:
        self._merchant = merchant
        self._next_moment = merchant.now() - timedelta(days=1)

    def plant_beneficiary(self, item: _Item) -> None:
        given = dict(item)
        created_via = str(given.pop("created_via", "api"))
        batch_id = given.pop("source_batch_id", None)
        shown = msgspec.convert(self._whole("ben", _BENEFICIARY, given), Beneficiary)
        entry = BeneficiaryEntry(
            shown=shown, created_via=created_via, source_batch_id=None if batch_id is None else str(batch_id)
        )
        self._merchant.beneficiaries.add(entry)

    def plant_instrument(self, item: _Item) -> None:
        shown = msgspec.convert(self._whole("ins", _INSTRUMENT, item), Instrument)
        if self._merchant.beneficiaries.get(shown.beneficiary_id) is None:
            raise ValueError(f"Instrument {shown.id} names {shown.beneficiary_id}, which the seed does not hold.")
        self._merchant.instruments.add(InstrumentEntry(shown=shown))

    def plant_batch(self, item: _Item) -> None:
        shown = msgspec.convert(self._whole("bat", _BATCH, item), Batch)
        self._merchant.batches.add(BatchEntry(shown=shown))

    def plant_payout(self, item: _Item) -> None:
        shown = msgspec.convert(self._whole("pay", _PAYOUT, item), Payout)
        if shown.batch_id is not None and self._merchant.batches.get(shown.batch_id) is None:
            raise ValueError(f"Payout {shown.id} names {shown.batch_id}, which the seed does not hold.")
        cost = Decimal(shown.source_amount) + Decimal(shown.fee or 0)
        reserve = cost + Decimal(shown.buffer_amount or 0)
        if shown.total_debited is None:
            shown.total_debited = written(reserve, shown.source_currency)
            shown.total_debited_currency = shown.source_currency
        entry = PayoutEntry(shown=shown, events=[_only_event(shown)])
        if shown.status not in _ENDED:
            entry.held, entry.cost, entry.charged_fee = reserve, cost, Decimal(shown.fee or 0)
            self._merchant.ledger.hold(shown.source_currency, reserve, self._merchant.now())
        self._merchant.payouts.add(entry)

    def _whole(self, prefix: str, defaults: _Item, given: _Item) -> _Item:
        at = self._next_moment = self._next_moment + timedelta(milliseconds=1)
        own: _Item = {"id": new_id(prefix), "merchant_id": self._merchant.id, "created_at": at}
        whole = {**own, **defaults, **given}
        whole.setdefault("updated_at", whole["created_at"])
        return whole


def _only_event(payout: Payout) -> PayoutEvent:
    return PayoutEvent(
        id=new_id("pev"),
        merchant_id=payout.merchant_id,
        payout_id=payout.id,
        status=payout.status,
        actor_type="system",
        occurred_at=payout.created_at,
        created_at=payout.created_at,
    )
