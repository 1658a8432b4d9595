"""The merchant's money: what is available, what is reserved, what has left.

For each currency `available + pending + paid` always equals what was put in or exchanged in; every movement goes
through one of the methods here, and all of them are exact decimals. What moves the total leaves a transaction, so the
transactions of an account add up to its balance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from anton_async.sandbox.paging import Collection
from anton_async.sandbox.pricing import written
from anton_async.sandbox.records import Balance, Transaction, new_id


@dataclass(slots=True)
class Account:
    """The balance in one currency, and the funding account it belongs to."""

    id: str
    currency: str
    available: Decimal
    updated_at: datetime
    funding_id: str
    opened_at: datetime
    pending: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    exchanged: Decimal = Decimal(0)  # bought less sold

    def shown(self, merchant_id: str) -> Balance:
        """Return the balance as the API shows it."""
        return Balance(
            id=self.id,
            merchant_id=merchant_id,
            currency=self.currency,
            available=written(self.available, self.currency),
            pending=written(self.pending, self.currency),
            total=written(self.total, self.currency),
            updated_at=self.updated_at,
        )

    @property
    def total(self) -> Decimal:
        """All that is there, reserved or not."""
        return self.available + self.pending


class Ledger:
    """Holds one account a currency; payouts reserve, settle and release through it."""

    def __init__(self, watch: Callable[[Account, datetime], None]) -> None:
        self._watch = watch  # told of every change of what is available
        self._accounts: dict[str, Account] = {}
        self.transactions: Collection[Transaction] = Collection()

    def __contains__(self, currency: str) -> bool:
        return currency in self._accounts

    def accounts(self) -> Iterable[Account]:
        """Return the accounts in the order they were opened."""
        return self._accounts.values()

    def account(self, currency: str) -> Account | None:
        """Return the account in a currency, None when there is none."""
        return self._accounts.get(currency)

    def deposit(self, currency: str, amount: Decimal, at: datetime, *, reference: str = "Opening balance") -> Account:
        """Add money, opening the account when it is new."""
        account = self._open(currency, at)
        account.available += amount
        if amount:
            self._post(account, "credit", amount, at, reference)
        self._watch(account, at)
        return account

    def hold(self, currency: str, amount: Decimal, at: datetime) -> None:
        """Book money as reserved from the start, for payouts that are under way already."""
        account = self._open(currency, at)
        account.pending += amount
        self._post(account, "credit", amount, at, "Opening balance")

    def reserve(self, currency: str, amount: Decimal, at: datetime) -> bool:
        """Move money from available to pending; False, and nothing moved, when it does not suffice."""
        account = self._accounts[currency]
        if account.available < amount:
            return False
        account.available -= amount
        account.pending += amount
        account.updated_at = at
        self._watch(account, at)
        return True

    def release(self, currency: str, amount: Decimal, at: datetime) -> None:
        """Give reserved money back."""
        account = self._accounts[currency]
        account.pending -= amount
        account.available += amount
        account.updated_at = at
        self._watch(account, at)

    def pay(
        self, currency: str, amount: Decimal, at: datetime, *, fee: Decimal = Decimal(0), reference: str = ""
    ) -> None:
        """Let reserved money leave; `fee` is the part of the amount that is one."""
        account = self._accounts[currency]
        account.pending -= amount
        account.paid += amount
        self._post(account, "debit", fee - amount, at, reference)
        if fee:
            self._post(account, "fee", -fee, at, reference)

    def exchange(self, sell: tuple[str, Decimal], buy: tuple[str, Decimal], at: datetime, *, reference: str) -> bool:
        """Move money between two balances; False, and nothing moved, when the sold one does not suffice."""
        source, target = self._accounts[sell[0]], self._accounts[buy[0]]
        if source.available < sell[1]:
            return False
        for account, amount in ((source, -sell[1]), (target, buy[1])):
            account.available += amount
            account.exchanged += amount
            self._post(account, "fx", amount, at, reference)
            self._watch(account, at)
        return True

    def _open(self, currency: str, at: datetime) -> Account:
        account = self._accounts.get(currency)
        if account is None:
            account = Account(new_id("bal"), currency, Decimal(0), at, funding_id=new_id("opa"), opened_at=at)
            self._accounts[currency] = account
        return account

    def _post(self, account: Account, kind: str, amount: Decimal, at: datetime, reference: str) -> None:
        account.updated_at = at
        transaction = Transaction(
            id=new_id("txn"),
            account_id=account.funding_id,
            type=kind,
            status="posted",
            amount=written(amount, account.currency),
            currency=account.currency,
            reference=reference or None,
            created_at=at,
        )
        self.transactions.add(transaction)
