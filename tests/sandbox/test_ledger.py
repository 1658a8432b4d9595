from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from anton_async.sandbox.call import Call
from anton_async.sandbox.document import load_document
from anton_async.sandbox.errors import Refusal
from anton_async.sandbox.forms import Form, Part
from anton_async.sandbox.handlers import make_handlers
from anton_async.sandbox.lifecycle import PLANS
from anton_async.sandbox.merchant import Merchant
from anton_async.sandbox.presenter import Presenter
from anton_async.sandbox.seed import plant
from tests.sandbox.wire import BENEFICIARY, order
from tests.support.clock import SteppedClock

DEPOSITS = {"USD": Decimal("5000.00"), "EUR": Decimal("900.00"), "JPY": Decimal(40_000), "USDC": Decimal("75.5")}
METHODS = {"USD": "ach", "EUR": "sepa"}
CURRENCIES = ["USD", "EUR", "JPY", "USDC", "BHD", "BTC"]


@dataclass
class Books:
    """A merchant without a wire in between, so that thousands of payouts take no time."""

    clock: SteppedClock = field(default_factory=SteppedClock)
    payout_ids: list[str] = field(default_factory=list[str])
    forgotten: set[str] = field(default_factory=set[str])  # completed before a reset wiped the books
    batches: int = 0
    deposited: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal, DEPOSITS))
    exchanged: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def __post_init__(self) -> None:
        self.merchant = Merchant(self.clock)
        seed = {
            "balances": {currency: str(amount) for currency, amount in DEPOSITS.items()},
            "beneficiaries": [{"id": BENEFICIARY, "external_ref": "jane"}],
            "instruments": [{"id": "ins_ANY", "beneficiary_id": BENEFICIARY}],
        }
        plant(seed, self.merchant)
        self.handlers = make_handlers(self.merchant, Presenter("newest"), settle=10)

    def call(
        self,
        operation_id: str,
        body: Mapping[str, object],
        path: Mapping[str, str] | None = None,
        simulate: str | None = None,
        file: bytes = b"",
    ) -> Any:
        """Return what the operation answers, None when it refuses."""
        form = Form({"file": Part(file, "rows.csv")})
        call = Call(load_document().operations[operation_id], path or {}, {}, body, form=form, simulate=simulate)
        try:
            answer = self.handlers[operation_id](call)
        except Refusal:
            return None
        decoded = msgspec.json.decode(answer.body)
        return decoded.get("data", decoded)

    def create(self, *, ending: str, **changes: Any) -> None:
        made = self.call("createPayout", order(instrument_id="ins_ANY", **changes), simulate=ending)
        if made is not None:
            self.payout_ids.append(made["id"])

    def deposit(self, *, currency: str, amount: str) -> None:
        made = self.call("createSandboxDeposit", {"currency": currency, "amount": amount})
        if made is not None:
            self.deposited[currency] += Decimal(amount)

    def exchange(self, *, wait: float, **wish: str) -> None:
        quote = self.call("createFXQuote", wish)
        if quote is None:
            return
        self.wait(wait)
        done = self.call("executeFXExchange", {"quote_id": quote["id"]})
        assert self.call("executeFXExchange", {"quote_id": quote["id"]}) is None or done is None
        if done is not None:
            self.exchanged[done["sell_currency"]] -= Decimal(done["sell_amount"])
            self.exchanged[done["buy_currency"]] += Decimal(done["buy_amount"])

    def cancel(self, index: int) -> None:
        if not self.payout_ids:
            return
        payout_id = self.payout_ids[index % len(self.payout_ids)]
        entry = self.merchant.payouts.get(payout_id)
        assert entry is not None
        cancellable = entry.shown.status in {"pending_screening", "pending_approval", "approved"}
        cancelled = self.call("cancelPayout", {}, {"id": payout_id})
        assert (cancelled is not None) == cancellable

    def batch(self, *, rows: list[tuple[str, str, str]], waits: tuple[float, float], end: str) -> None:
        self.batches += 1
        lines = [f"jane,{amount},{source},{dest},{METHODS[dest]},B{self.batches}" for source, dest, amount in rows]
        header = "external_ref,dest_amount,source_currency,dest_currency,method,reference"
        batch = {"id": self.call("uploadBatch", {}, file="\n".join([header, *lines]).encode())["id"]}
        self.wait(waits[0])
        self.call(end, {}, batch)
        self.wait(waits[1])
        self.payout_ids += [entry.id for entry in self.merchant.payouts if entry.shown.batch_id == batch["id"]]

    def reset(self) -> None:
        self.call("resetSandbox", {})
        self.forgotten |= {entry.id for entry in self.merchant.payouts if entry.shown.status == "completed"}
        self.deposited, self.exchanged = defaultdict(Decimal, DEPOSITS), defaultdict(Decimal)
        for entry in self.merchant.payouts:
            self.deposited[entry.shown.source_currency] += entry.held

    def wait(self, seconds: float) -> None:
        self.clock.step(seconds)
        self.merchant.timeline.advance()

    def check(self) -> None:
        held: defaultdict[str, Decimal] = defaultdict(Decimal)
        for entry in self.merchant.payouts:
            held[entry.shown.source_currency] += entry.held
        booked: defaultdict[str, Decimal] = defaultdict(Decimal)
        for transaction in self.merchant.ledger.transactions:
            booked[transaction.currency] += Decimal(transaction.amount)
        for account in self.merchant.ledger.accounts():
            currency = account.currency
            assert account.available >= 0
            assert account.pending == held[currency]
            assert account.paid >= 0
            assert account.total + account.paid == self.deposited[currency] + self.exchanged[currency]
            assert account.exchanged == self.exchanged[currency]
            assert account.total == booked[currency]


amounts = st.decimals(min_value="0.01", max_value="3000", places=2).map(lambda amount: format(amount, "f"))
creations = st.fixed_dictionaries(
    {
        "source_amount": amounts,
        "dest_amount": amounts,
        "source_currency": st.sampled_from([None, *CURRENCIES]),
        "dest_currency": st.sampled_from(CURRENCIES),
        "fixed_side": st.sampled_from(["fixed_source", "fixed_dest"]),
        "fee_bearer": st.sampled_from(["merchant", "beneficiary"]),
        "ending": st.sampled_from(sorted(PLANS)),
    }
)
deposits = st.fixed_dictionaries({"currency": st.sampled_from(CURRENCIES), "amount": amounts})
exchanges = st.fixed_dictionaries(
    {
        "sell_currency": st.sampled_from(CURRENCIES),
        "buy_currency": st.sampled_from(CURRENCIES),
        "wait": st.sampled_from([0.0, 60.0, 119.0, 120.0]),
    }
).flatmap(
    lambda wish: st.sampled_from(["sell_amount", "buy_amount"]).flatmap(
        lambda side: amounts.map(lambda amount: {**wish, side: amount})
    )
)
orders = st.lists(
    st.tuples(st.sampled_from(["", "USD", "EUR", "JPY", "BHD"]), st.sampled_from(["USD", "EUR"]), amounts),
    min_size=1,
    max_size=4,
)
batches = st.fixed_dictionaries(
    {
        "rows": orders,
        "waits": st.tuples(st.floats(0, 10), st.floats(0, 10)),
        "end": st.sampled_from(["confirmBatch", "confirmBatch", "cancelBatch"]),
    }
)
actions = st.one_of(
    st.tuples(st.just("deposit"), deposits),
    st.tuples(st.just("exchange"), exchanges),
    st.tuples(st.just("create"), creations),
    st.tuples(st.just("batch"), batches),
    st.tuples(st.just("reset"), st.just({})),
    st.tuples(st.just("cancel"), st.integers(0, 50)),
    st.tuples(st.just("wait"), st.floats(0, 15)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(actions, max_size=40))
def test_money_is_neither_made_nor_lost(steps: list[tuple[str, Any]]) -> None:
    books = Books()

    for name, value in steps:
        if isinstance(value, dict):
            getattr(books, name)(**value)
        else:
            getattr(books, name)(value)
        books.check()
    books.wait(1000)

    books.check()
    on_hold = {"screening_failed", "manual_review", "pending_engine_review"}
    spent: defaultdict[str, Decimal] = defaultdict(Decimal)
    for entry in books.merchant.payouts:
        assert bool(entry.held) == (entry.shown.status in on_hold)
        if entry.shown.status == "completed" and entry.id not in books.forgotten:
            spent[entry.shown.source_currency] += Decimal(entry.shown.total_debited or 0)
    for account in books.merchant.ledger.accounts():
        assert account.paid == spent[account.currency]


def test_the_random_batches_do_pay() -> None:
    books = Books()

    books.batch(rows=[("USD", "EUR", "20.00"), ("", "USD", "5.00")], waits=(10, 10), end="confirmBatch")
    books.wait(100)

    assert [entry.shown.status for entry in books.merchant.payouts] == ["completed", "completed"]
