"""From the rows of a batch to payees, instruments and payouts: matching first, then making.

Matching says what would happen and touches nothing; making does it, row by row, and reports each.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from anton_async.sandbox.batch_files import Row
from anton_async.sandbox.beneficiaries import Beneficiaries
from anton_async.sandbox.errors import Refusal
from anton_async.sandbox.instruments import Instruments, NewInstrument
from anton_async.sandbox.merchant import BeneficiaryEntry, InstrumentEntry, Merchant
from anton_async.sandbox.payouts import Order, Payouts
from anton_async.sandbox.pricing import Price, price, written

_BASE_CURRENCY = "USD"


@dataclass(slots=True)
class Estimate:
    """What a batch would need and make."""

    new: int = 0
    matched_rows: int = 0
    matched: int = 0
    methods: Counter[str] = field(default_factory=Counter[str])
    debits: dict[str, Decimal] = field(default_factory=dict[str, Decimal])
    fx_rows: Counter[str] = field(default_factory=Counter[str])
    plain_rows: Counter[str] = field(default_factory=Counter[str])


class BatchOrders:
    """Matches rows with what the merchant has, and carries them out."""

    def __init__(
        self, merchant: Merchant, beneficiaries: Beneficiaries, instruments: Instruments, payouts: Payouts
    ) -> None:
        self._merchant = merchant
        self._beneficiaries = beneficiaries
        self._instruments = instruments
        self._payouts = payouts
        self._payees: dict[str, BeneficiaryEntry] = {}
        self._accounts: defaultdict[str, list[InstrumentEntry]] = defaultdict(list)

    def refresh(self) -> None:
        """Take notice of what the merchant has now; to be called before a file is gone through."""
        self._payees = {
            entry.shown.external_ref: entry
            for entry in self._merchant.beneficiaries
            if entry.shown.external_ref is not None and not entry.deleted
        }
        self._accounts = defaultdict(list)
        for entry in self._merchant.instruments:
            if entry.shown.status == "active" and not entry.deleted:
                self._accounts[entry.shown.beneficiary_id].append(entry)

    def problem(self, row: Row, introduced: set[str]) -> tuple[str, str] | None:
        """Return what stands against a row, as column and message; `introduced` are the payees of earlier rows."""
        payee = self._payees.get(row.external_ref)
        if payee is None and row.payee is None and row.external_ref not in introduced:
            return "external_ref", "names no beneficiary, and the row has no identity columns to make one"
        if payee is not None and payee.shown.status != "active":
            return "external_ref", f"the beneficiary is {payee.shown.status}"
        if payee is not None and row.payee is not None and row.payee["type"] != payee.shown.type:
            return "external_ref", f"the beneficiary is of type {payee.shown.type}"
        if row.instrument is None and (payee is None or self._account(payee, row.dest_currency) is None):
            return "", "the row has no credentials, and the beneficiary no instrument in this currency"
        if self.priced(row, None) is None:
            return "source_currency", "no fundable corridor for this pair of currencies"
        return None

    def renamed(self, row: Row) -> bool:
        """Tell whether the row's name differs from that of the beneficiary it matches."""
        payee = self._payees.get(row.external_ref)
        return payee is not None and row.name is not None and row.name != payee.shown.display_name

    def blocked(self, row: Row) -> bool:
        """Tell whether the payout of a row would be over a velocity limit."""
        priced = self.priced(row, None)
        return priced is not None and not self._merchant.velocity.passes(self.source_currency(row, None), priced.source)

    def estimate(self, rows: list[Row], default_currency: str | None) -> Estimate:
        """Return what the rows would need and make."""
        estimate = Estimate()
        references = {row.external_ref for row in rows}
        known = {reference for reference in references if reference in self._payees}
        estimate.new, estimate.matched = len(references) - len(known), len(known)
        for row in rows:
            estimate.matched_rows += row.external_ref in known
            estimate.methods[row.method] += 1
            currency = self.source_currency(row, default_currency)
            priced = self.priced(row, default_currency)
            estimate.debits[currency] = estimate.debits.get(currency, Decimal(0)) + (priced.reserve if priced else 0)
            (estimate.plain_rows if currency == row.dest_currency else estimate.fx_rows)[currency] += 1
        return estimate

    def source_currency(self, row: Row, default_currency: str | None) -> str:
        """Return the balance that a row debits."""
        if row.source_currency is not None:
            return row.source_currency
        if default_currency is not None:
            return default_currency
        return row.dest_currency if row.dest_currency in self._merchant.ledger else _BASE_CURRENCY

    def priced(self, row: Row, default_currency: str | None) -> Price | None:
        """Return what a row costs, None when there is no way to pay it."""
        currency = self.source_currency(row, default_currency)
        if currency not in self._merchant.ledger:
            return None
        return price(
            source=row.amount,
            source_currency=currency,
            dest=row.amount,
            dest_currency=row.dest_currency,
            fixed_side="fixed_source" if row.fixed_side == "fixed_source" else "fixed_dest",
            fee_bearer="merchant",
        )

    def carry_out(self, row: Row, batch_id: str, default_currency: str | None) -> dict[str, object]:
        """Make payee and instrument as far as they are missing, then the payout; return the row's result."""
        result: dict[str, object] = {"row": row.number}
        try:
            payee = self._payees.get(row.external_ref) or self._new_payee(row, batch_id)
            payee.source_batch_id = payee.source_batch_id or batch_id
            result["beneficiary_id"] = payee.id
            account = self._instrument(row, payee)
            result["instrument_id"] = account.id
            priced = self.priced(row, default_currency)
            if priced is None:
                return {**result, "status": "failed", "error": "no fundable corridor"}
            currency = self.source_currency(row, default_currency)
            order = Order(
                beneficiary_id=payee.id,
                instrument_id=account.id,
                source_amount=written(priced.source, currency),
                source_currency=currency,
                dest_amount=written(priced.dest, row.dest_currency),
                dest_currency=row.dest_currency,
                fixed_side="fixed_source" if row.fixed_side == "fixed_source" else "fixed_dest",
                method=row.method,
                purpose=row.purpose,
                reference=row.reference,
            )
            payout = self._payouts.place(order, batch_id=batch_id)
        except Refusal as refusal:
            reasons = [f"{name} {problem}" for name, problem in refusal.details] or [refusal.message]
            return {**result, "status": "failed", "error": "; ".join(reasons)}
        return {**result, "status": "success", "payout_id": payout.id}

    def _new_payee(self, row: Row, batch_id: str) -> BeneficiaryEntry:
        if row.payee is None:
            raise Refusal(404, "beneficiary_not_found", "the beneficiary is gone")
        payee = self._beneficiaries.add(row.payee, created_via="batch", batch_id=batch_id)
        self._payees[row.external_ref] = payee
        return payee

    def _instrument(self, row: Row, payee: BeneficiaryEntry) -> InstrumentEntry:
        if row.instrument is None:
            account = self._account(payee, row.dest_currency)
            if account is None:
                raise Refusal(404, "instrument_not_found", "the beneficiary has no instrument in this currency")
            return account
        print_ = self._instruments.fingerprint(payee.id, msgspec.convert(row.instrument, NewInstrument))
        for known in self._accounts[payee.id]:
            if known.fingerprint == print_:
                return known
        account = self._instruments.add(payee.id, row.instrument)
        self._accounts[payee.id].append(account)
        return account

    def _account(self, payee: BeneficiaryEntry, currency: str) -> InstrumentEntry | None:
        fitting = [entry for entry in self._accounts[payee.id] if entry.shown.currency in {None, currency}]
        return max(fitting, key=lambda entry: entry.shown.is_default, default=None)
