from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anton_async.sandbox.call import Call
from anton_async.sandbox.document import load_document
from anton_async.sandbox.errors import Refusal
from anton_async.sandbox.lifecycle import Lifecycle
from anton_async.sandbox.merchant import Merchant
from anton_async.sandbox.payouts import Payouts
from anton_async.sandbox.presenter import Presenter
from anton_async.sandbox.seed import plant
from tests.sandbox.wire import BENEFICIARY, order
from tests.support.clock import SteppedClock

DEPOSITS = {"USD": Decimal("5000.00"), "EUR": Decimal("900.00"), "JPY": Decimal(40_000), "USDC": Decimal("75.5")}
CURRENCIES = ["USD", "EUR", "JPY", "USDC", "BHD", "BTC"]


@dataclass
class Books:
    """A merchant without a wire in between, so that thousands of payouts take no time."""

    clock: SteppedClock = field(default_factory=SteppedClock)
    payout_ids: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.merchant = Merchant(self.clock)
        seed = {
            "balances": {currency: str(amount) for currency, amount in DEPOSITS.items()},
            "beneficiaries": [{"id": BENEFICIARY}],
            "instruments": [{"id": "ins_ANY", "beneficiary_id": BENEFICIARY}],
        }
        plant(seed, self.merchant)
        self.lifecycle = Lifecycle(self.clock, self.merchant, settle=10, edition="newest")
        self.payouts = Payouts(self.merchant, self.lifecycle, Presenter("newest"))

    def create(self, **changes: Any) -> None:
        try:
            answer = self.payouts.create(self._call("createPayout", order(instrument_id="ins_ANY", **changes)))
        except Refusal:
            return
        self.payout_ids.append(msgspec.json.decode(answer.body)["data"]["id"])

    def cancel(self, index: int) -> None:
        if not self.payout_ids:
            return
        payout_id = self.payout_ids[index % len(self.payout_ids)]
        entry = self.merchant.payouts.get(payout_id)
        assert entry is not None
        call = self._call("cancelPayout", {}, {"id": payout_id})
        if entry.shown.status in {"pending_screening", "pending_approval", "approved"}:
            self.payouts.cancel(call)
            return
        with pytest.raises(Refusal, match="payout_not_cancellable"):
            self.payouts.cancel(call)

    def wait(self, seconds: float) -> None:
        self.clock.step(seconds)
        self.lifecycle.advance()

    def check(self) -> None:
        held = {currency: Decimal(0) for currency in DEPOSITS}
        for entry in self.merchant.payouts:
            held[entry.shown.source_currency] += entry.held
        for account in self.merchant.ledger.accounts():
            assert account.available >= 0
            assert account.pending == held[account.currency]
            assert account.paid >= 0
            assert account.available + account.pending + account.paid == DEPOSITS[account.currency]

    @staticmethod
    def _call(operation_id: str, body: Mapping[str, object], path: Mapping[str, str] | None = None) -> Call:
        return Call(load_document().operations[operation_id], path or {}, {}, body)


amounts = st.decimals(min_value="0.01", max_value="3000", places=2).map(lambda amount: format(amount, "f"))
creations = st.fixed_dictionaries(
    {
        "source_amount": amounts,
        "dest_amount": amounts,
        "source_currency": st.sampled_from([None, *CURRENCIES]),
        "dest_currency": st.sampled_from(CURRENCIES),
        "fixed_side": st.sampled_from(["fixed_source", "fixed_dest"]),
        "fee_bearer": st.sampled_from(["merchant", "beneficiary"]),
    }
)
actions = st.one_of(
    st.tuples(st.just("create"), creations),
    st.tuples(st.just("cancel"), st.integers(0, 50)),
    st.tuples(st.just("wait"), st.floats(0, 15)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(actions, max_size=40))
def test_money_is_neither_made_nor_lost(steps: list[tuple[str, Any]]) -> None:
    books = Books()

    for name, value in steps:
        if name == "create":
            books.create(**value)
        elif name == "cancel":
            books.cancel(value)
        else:
            books.wait(value)
        books.check()
    books.wait(1000)

    books.check()
    assert all(account.pending == 0 for account in books.merchant.ledger.accounts())
    spent = {currency: Decimal(0) for currency in DEPOSITS}
    for entry in books.merchant.payouts:
        if entry.shown.status == "completed":
            spent[entry.shown.source_currency] += Decimal(entry.shown.total_debited or 0)
    assert {account.currency: account.paid for account in books.merchant.ledger.accounts()} == spent
