"""What only a sandbox has: deposits from nowhere, resets, and curated beneficiaries and payouts to begin with."""

from __future__ import annotations

import re
from decimal import Decimal

from anton_async.sandbox.accounts import PROVIDER
from anton_async.sandbox.beneficiaries import Beneficiaries
from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.errors import Answer, Refusal, invalid
from anton_async.sandbox.instruments import Instruments
from anton_async.sandbox.merchant import BeneficiaryEntry, InstrumentEntry, Merchant
from anton_async.sandbox.payouts import Order, Payouts
from anton_async.sandbox.presenter import bare, wrapped
from anton_async.sandbox.pricing import currencies, fits, scale_of, written
from anton_async.sandbox.records import new_id

_DECIMAL = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,18})?")
_ENDINGS = ("completed", "slow", "returned", "failed")
_STATUSES = {"balances": "reset", "all": "cleaned", "delete-all": "deleted", "full-reset": "reset"}


class Administration:
    """The handlers of `/v1/sandbox` and `/v1/merchant/sandbox`."""

    def __init__(
        self, merchant: Merchant, beneficiaries: Beneficiaries, instruments: Instruments, payouts: Payouts
    ) -> None:
        self._merchant = merchant
        self._beneficiaries = beneficiaries
        self._instruments = instruments
        self._payouts = payouts

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation id."""
        return {
            "createSandboxDeposit": self.deposit,
            "resetSandbox": self.reset,
            "seedSandboxBeneficiaries": self.seed_beneficiaries,
            "seedSandboxPayouts": self.seed_payouts,
        }

    def deposit(self, call: Call) -> Answer:
        """Add money to a balance, opening the account when it is new."""
        currency, amount = str(call.body["currency"]), _amount(str(call.body["amount"]))
        if currency not in currencies():
            raise Refusal(422, "unsupported_sandbox_currency", f"the sandbox has no account in {currency}")
        if not fits(amount, currency):
            raise invalid(("amount", f"must have at most {scale_of(currency)} decimal places in {currency}"))
        now = self._merchant.now()
        account = self._merchant.ledger.deposit(currency, amount, now, reference="Sandbox deposit")
        credit: dict[str, object] = {
            "id": new_id("opd"),
            "merchant_id": self._merchant.id,
            "amount": written(amount, currency),
            "currency": currency,
            "sender_name": "S*** D***",
            "account_id": account.funding_id,
            "reference": "Sandbox deposit",
            "source_provider": PROVIDER,
            "credited_at": now,
        }
        self._merchant.events.record("funding.credit", credit)
        shown = {
            "currency": currency,
            "deposited": written(amount, currency),
            "available": written(account.available, currency),
        }
        return wrapped(shown, 201)

    def reset(self, call: Call) -> Answer:
        """Wipe as much as the scope says, and fill anew what it says."""
        scope = call.text("scope") or "balances"
        if scope != "balances":
            self._merchant.wipe_payees()
        if scope in {"delete-all", "full-reset"}:
            self._merchant.wipe_rest()
        self._merchant.wipe_money()
        if scope != "delete-all":
            self._fill_balances()
        result: dict[str, object] = {
            "status": _STATUSES[scope],
            "scope": scope,
            "merchant_id": self._merchant.id,
        }
        if scope == "full-reset":
            seeded = self._seed_beneficiaries()
            result["beneficiaries"] = result["instruments"] = seeded
            result["payouts"] = self._seed_payouts()
        return bare(result)

    def seed_beneficiaries(self, _: Call) -> Answer:
        """Make the curated beneficiaries, with an instrument each; a second time they are duplicates."""
        count = self._seed_beneficiaries()
        return bare({**self._seeded(), "beneficiaries": count, "instruments": count})

    def seed_payouts(self, _: Call) -> Answer:
        """Make a payout to each seeded beneficiary: one completes, one is slow, one returns, one fails."""
        return bare({**self._seeded(), "created": self._seed_payouts()})

    def _seeded(self) -> dict[str, object]:
        return {"status": "seeded", "merchant_id": self._merchant.id}

    def _fill_balances(self) -> None:
        ledger, now = self._merchant.ledger, self._merchant.now()
        for currency, amount in self._merchant.opening.items():
            ledger.deposit(currency, amount, now)
        # Payouts that are still under way keep what they had reserved.
        for entry in self._merchant.payouts:
            if entry.held:
                ledger.hold(entry.shown.source_currency, entry.held, now)

    def _seed_beneficiaries(self) -> int:
        for person, _ in _CURATED:
            self._beneficiaries.refuse_duplicate(person)
        for person, account in _CURATED:
            beneficiary = self._beneficiaries.add(person)
            self._instruments.add(beneficiary.id, account)
        return len(_CURATED)

    def _seed_payouts(self) -> int:
        references = {person["external_ref"] for person, _ in _CURATED}
        payees = [one for one in self._merchant.beneficiaries if not one.deleted and one.shown.status == "active"]
        seeded = [entry for entry in payees if entry.shown.external_ref in references] or payees[: len(_ENDINGS)]
        pairs = [(entry, account) for entry in seeded if (account := self._account_of(entry)) is not None]
        if not pairs:
            raise Refusal(422, "no_beneficiaries", "seed beneficiaries before payouts")
        for number, (entry, account) in enumerate(pairs):
            currency = account.shown.currency or "USD"
            amount = Decimal(100 * (number + 1))
            balance = self._merchant.ledger.account(currency)
            if balance is None or balance.available < amount:
                self._merchant.ledger.deposit(currency, amount, self._merchant.now(), reference="Sandbox seeder")
            order = Order(
                beneficiary_id=entry.id,
                instrument_id=account.id,
                source_amount=written(amount, currency),
                source_currency=currency,
                dest_amount=written(amount, currency),
                dest_currency=currency,
                method="bank_transfer",
                purpose="contractor_payment",
                reference=f"SEED-{number + 1:04}",
            )
            self._payouts.place(order, ending=_ENDINGS[number % len(_ENDINGS)])
        return len(pairs)

    def _account_of(self, beneficiary: BeneficiaryEntry) -> InstrumentEntry | None:
        return next(
            (
                entry
                for entry in self._merchant.instruments
                if entry.shown.beneficiary_id == beneficiary.id and entry.shown.status == "active" and not entry.deleted
            ),
            None,
        )


def _amount(text: str) -> Decimal:
    if not _DECIMAL.fullmatch(text):
        raise invalid(("amount", "must be a decimal number in a string"))
    amount = Decimal(text)
    if amount <= 0:
        raise invalid(("amount", "must be greater than zero"))
    return amount


def _address(country: str, city: str, postal_code: str) -> dict[str, str]:
    return {"street_line_1": "1 Sandbox Street", "city": city, "postal_code": postal_code, "country": country}


def _person(first: str, last: str, country: str, city: str, postal_code: str) -> dict[str, object]:
    return {
        "type": "individual",
        "country": country,
        "external_ref": f"seed-{first.lower()}",
        "individual": {
            "first_name": first,
            "last_name": last,
            "email": f"{first.lower()}@example.com",
            "phone": "+15005550100",
            "date_of_birth": "1985-06-15",
            "nationality": country,
            "address": _address(country, city, postal_code),
        },
    }


def _company(name: str, country: str, city: str, postal_code: str) -> dict[str, object]:
    short = name.split(maxsplit=1)[0].lower()
    return {
        "type": "business",
        "country": country,
        "external_ref": f"seed-{short}",
        "business": {
            "legal_name": name,
            "registration_number": "SEED-0001",
            "email": f"accounts@{short}.example.com",
            "phone": "+15005550101",
            "address": _address(country, city, postal_code),
        },
    }


_CURATED: tuple[tuple[dict[str, object], dict[str, object]], ...] = (
    (
        _person("Jordan", "Rivera", "US", "Austin", "73301"),
        {
            "method": "us_bank",
            "country": "US",
            "currency": "USD",
            "is_default": True,
            "credentials": {
                "routing_number": "021000021",
                "account_number": "000111222333",
                "account_type": "checking",
            },
        },
    ),
    (
        _person("Lena", "Fischer", "DE", "Berlin", "10115"),
        {
            "method": "iban",
            "country": "DE",
            "currency": "EUR",
            "is_default": True,
            "credentials": {"iban": "DE89370400440532013000"},
        },
    ),
    (
        _company("Harbour Trading Ltd", "GB", "London", "SW1A 1AA"),
        {
            "method": "uk_bank",
            "country": "GB",
            "currency": "GBP",
            "is_default": True,
            "credentials": {"account_number": "12345678", "sort_code": "040004"},
        },
    ),
    (
        _company("Maple Exports Inc", "CA", "Toronto", "M5H 2N2"),
        {
            "method": "ca_bank",
            "country": "CA",
            "currency": "CAD",
            "is_default": True,
            "credentials": {"account_number": "1234567", "institution_number": "003", "transit_number": "12345"},
        },
    ),
)
