"""Funding accounts: list, retrieve, deposit details, transactions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.errors import Answer, not_found
from anton_async.sandbox.ledger import Account
from anton_async.sandbox.merchant import Merchant
from anton_async.sandbox.presenter import Presenter
from anton_async.sandbox.pricing import written
from anton_async.sandbox.records import Transaction

PROVIDER = "partner_bank"
_HOLDER = "Sandbox Merchant"
_COUNTRIES = {"EUR": "DE", "USD": "US", "GBP": "GB", "CAD": "CA", "AUD": "AU", "JPY": "JP"}


class Accounts:
    """The handlers of `/v1/accounts` and `/v1/transactions`."""

    def __init__(self, merchant: Merchant, presenter: Presenter) -> None:
        self._merchant = merchant
        self._presenter = presenter

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation id."""
        return {
            "listAccounts": self.list_all,
            "getAccount": self.retrieve,
            "getAccountDetails": self.retrieve_details,
            "listAccountTransactions": self.list_account_transactions,
            "listTransactions": self.list_transactions,
        }

    def list_all(self, _: Call) -> Answer:
        """List the funding account of every currency held."""
        return self._presenter.rows([_shown(account) for account in self._merchant.ledger.accounts()])

    def retrieve(self, call: Call) -> Answer:
        """Show the funding account of one currency."""
        return self._presenter.one(_shown(self._account(call)))

    def retrieve_details(self, call: Call) -> Answer:
        """Show where to send a deposit."""
        return self._presenter.one(_details(self._account(call)))

    def list_account_transactions(self, call: Call) -> Answer:
        """List the movements on one account, newest first."""
        funding_id = self._account(call).funding_id
        return self._page(call, lambda transaction: transaction.account_id == funding_id)

    def list_transactions(self, call: Call) -> Answer:
        """List the movements on all accounts, newest first."""
        wanted = {name: value for name in ("currency", "type") if (value := call.text(name)) is not None}
        after, before = call.moment("created_after"), call.moment("created_before")
        return self._page(
            call,
            lambda transaction: (
                (after is None or transaction.created_at >= after)
                and (before is None or transaction.created_at <= before)
                and all(getattr(transaction, name) == value for name, value in wanted.items())
            ),
        )

    def _page(self, call: Call, keep: Callable[[Transaction], bool]) -> Answer:
        transactions, cursor = self._merchant.ledger.transactions.page(
            limit=call.limit, cursor=call.text("cursor"), keep=keep
        )
        return self._presenter.page(transactions, cursor)

    def _account(self, call: Call) -> Account:
        account = self._merchant.ledger.account(call.path["currency"])
        if account is None:
            raise not_found("account")
        return account


def _shown(account: Account) -> dict[str, object]:
    shown: dict[str, object] = {
        "id": account.funding_id,
        "currency": account.currency,
        "balance": written(account.total, account.currency),
        "available_balance": written(account.available, account.currency),
        "status": "active",
        "provider": PROVIDER,
        "created_at": account.opened_at,
    }
    country = _COUNTRIES.get(account.currency)
    return shown if country is None else {**shown, "country": country}


def _details(account: Account) -> dict[str, object]:
    # Made from the account's id, so that they are the same each time.
    digits = str(int.from_bytes(hashlib.sha256(account.funding_id.encode()).digest()[:8], "big")).zfill(20)
    details: dict[str, object] = {
        "currency": account.currency,
        "bank_name": "Sandbox Partner Bank",
        "holder_name": _HOLDER,
    }
    country = _COUNTRIES.get(account.currency)
    if country is not None:
        details["country"] = country
    if account.currency == "EUR":
        return {**details, "iban": _iban("DE", digits[:18]), "bic": "SNDBDEFFXXX"}
    if account.currency == "GBP":
        return {**details, "account_number": digits[:8], "sort_code": "040004"}
    if account.currency == "USD":
        routing = {"ach": "021000021", "wire": "021000021"}
        return {**details, "account_number": digits[:12], "routing_codes": routing}
    return {**details, "account_number": digits[:12], "bic": "SNDBUS33XXX"}


def _iban(country: str, number: str) -> str:
    letters = "".join(str(int(letter, 36)) for letter in country)
    check = 98 - int(number + letters + "00") % 97
    return f"{country}{check:02}{number}"
