"""The merchant's money: what is available, what is reserved, what has left.

For each currency `available + pending + paid` always equals what was put in; every movement goes through one of the
methods here, and all of them are exact decimals.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from anton_async.sandbox.pricing import written
from anton_async.sandbox.records import Balance, new_id


@dataclass(slots=True)
class Account:
    """The balance in one currency."""

    id: str
    currency: str
    available: Decimal
    updated_at: datetime
    pending: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)

    def shown(self, merchant_id: str) -> Balance:
        """Return the balance as the API shows it."""
        return Balance(
            id=self.id,
            merchant_id=merchant_id,
            currency=self.currency,
            available=written(self.available, self.currency),
            pending=written(self.pending, self.currency),
            total=written(self.available + self.pending, self.currency),
            updated_at=self.updated_at,
        )


class Ledger:
    """Holds one account a currency; payouts reserve, settle and release through it."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}

    def __contains__(self, currency: str) -> bool:
        return currency in self._accounts

    def accounts(self) -> Iterable[Account]:
        """Return the accounts in the order they were opened."""
        return self._accounts.values()

    def account(self, currency: str) -> Account | None:
        """Return the account in a currency, None when there is none."""
        return self._accounts.get(currency)

    def deposit(self, currency: str, amount: Decimal, at: datetime) -> None:
        """Add money, opening the account when it is new."""
        account = self._accounts.get(currency)
        if account is None:
            self._accounts[currency] = Account(new_id("bal"), currency, amount, at)
            return
        account.available += amount
        account.updated_at = at

    def hold(self, currency: str, amount: Decimal, at: datetime) -> None:
        """Book money as reserved from the start, for payouts that a seed brings in already under way."""
        if currency not in self._accounts:
            self.deposit(currency, Decimal(0), at)
        account = self._accounts[currency]
        account.pending += amount
        account.updated_at = at

    def reserve(self, currency: str, amount: Decimal, at: datetime) -> bool:
        """Move money from available to pending; False, and nothing moved, when it does not suffice."""
        account = self._accounts[currency]
        if account.available < amount:
            return False
        account.available -= amount
        account.pending += amount
        account.updated_at = at
        return True

    def release(self, currency: str, amount: Decimal, at: datetime) -> None:
        """Give reserved money back."""
        account = self._accounts[currency]
        account.pending -= amount
        account.available += amount
        account.updated_at = at

    def pay(self, currency: str, amount: Decimal, at: datetime) -> None:
        """Let reserved money leave."""
        account = self._accounts[currency]
        account.pending -= amount
        account.paid += amount
        account.updated_at = at
