"""Balances: list all, retrieve one."""

from __future__ import annotations

from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.errors import Answer, not_found
from anton_async.sandbox.merchant import Merchant
from anton_async.sandbox.presenter import Presenter


class Balances:
    """The handlers of `/v1/balances`."""

    def __init__(self, merchant: Merchant, presenter: Presenter) -> None:
        self._merchant = merchant
        self._presenter = presenter

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation id."""
        return {"listBalances": self.list_all, "getBalance": self.retrieve}

    def list_all(self, _: Call) -> Answer:
        """List the balance in every currency held."""
        return self._presenter.rows([account.shown(self._merchant.id) for account in self._merchant.ledger.accounts()])

    def retrieve(self, call: Call) -> Answer:
        """Show the balance in one currency."""
        account = self._merchant.ledger.account(call.path["currency"])
        if account is None:
            raise not_found("balance")
        return self._presenter.one(account.shown(self._merchant.id))
