"""Foreign exchange between the merchant's own balances: rates, quotes that expire, exchanges.

The customer's rate is the mid-market rate less a markup of 50 basis points. A quote lives two minutes. Balances move
when the exchange is made; it settles a second later.
"""

from __future__ import annotations

import functools
from datetime import timedelta
from decimal import Decimal

import msgspec

from anton_async.sandbox.accounts import PROVIDER
from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.errors import Answer, Refusal, not_found
from anton_async.sandbox.merchant import FXQuoteEntry, Merchant
from anton_async.sandbox.presenter import Presenter
from anton_async.sandbox.pricing import converted, fits, inverse, marked_up, needed, rate_between, scale_of, written
from anton_async.sandbox.records import FXExchange, FXQuote, new_id

MARKUP = 50  # basis points
_LIFE = timedelta(minutes=2)
_SETTLEMENT = 1.0  # seconds


class _Wish(msgspec.Struct, kw_only=True):
    sell_currency: str
    buy_currency: str
    sell_amount: str | None = None
    buy_amount: str | None = None
    locked: bool = True


class Exchanges:
    """The handlers of `/v1/fx`."""

    def __init__(self, merchant: Merchant, presenter: Presenter) -> None:
        self._merchant = merchant
        self._presenter = presenter

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation id."""
        return {
            "createFXQuote": self.quote,
            "getIndicativeFXRate": self.rate,
            "executeFXExchange": self.execute,
            "listFXExchanges": self.list_all,
        }

    def rate(self, call: Call) -> Answer:
        """Show a rate for display."""
        sell, buy = call.text("sell_currency") or "", call.text("buy_currency") or ""
        mid = _mid_market(sell, buy, status=400)
        customer = marked_up(mid, MARKUP)
        shown: dict[str, object] = {
            "sell_currency": sell,
            "buy_currency": buy,
            "mid_market_rate": format(mid, "f"),
            "customer_rate": format(customer, "f"),
            "fx_markup_bps": MARKUP,
            "rate_timestamp": self._merchant.now(),
        }
        amount = call.text("sell_amount")
        if amount is not None:
            shown["sell_amount"] = written(Decimal(amount), sell)
            shown["buy_amount"] = written(converted(Decimal(amount), customer, buy), buy)
        return self._presenter.one(shown)

    def quote(self, call: Call) -> Answer:
        """Quote an exchange; unless asked otherwise the rate is held."""
        wish = msgspec.convert(call.body, _Wish)
        if wish.sell_amount is None and wish.buy_amount is None:
            raise Refusal(400, "missing_required_field", "sell_amount or buy_amount is required")
        mid = _mid_market(wish.sell_currency, wish.buy_currency)
        if wish.sell_currency not in self._merchant.ledger:
            raise Refusal(422, "no_funding_account", f"there is no account in {wish.sell_currency}")
        customer = marked_up(mid, MARKUP)
        sell, buy = _amounts(wish, customer)
        now = self._merchant.now()
        quote_id = new_id("fxq")
        quote = FXQuote(
            id=quote_id,
            merchant_id=self._merchant.id,
            sell_currency=wish.sell_currency,
            buy_currency=wish.buy_currency,
            sell_amount=written(sell, wish.sell_currency),
            buy_amount=written(buy, wish.buy_currency),
            mid_market_rate=format(mid, "f"),
            customer_rate=format(customer, "f"),
            inverse_rate=format(inverse(customer), "f"),
            fx_markup_bps=MARKUP,
            fx_fee=written(Decimal(0), wish.sell_currency),
            fx_fee_currency=wish.sell_currency,
            provider=PROVIDER,
            provider_ref=f"FXR-{quote_id.removeprefix('fxq_')}",
            expires_at=now + _LIFE,
            locked=wish.locked,
            lock_id=quote_id if wish.locked else None,
            lock_expires_at=now + _LIFE if wish.locked else None,
            created_at=now,
        )
        self._merchant.fx_quotes.add(FXQuoteEntry(shown=quote, sell=sell, buy=buy))
        if quote.locked:
            self._merchant.events.record("fx.quote.created", _told(quote, _TOLD_OF_QUOTES))
        return self._presenter.one(quote, 201)

    def execute(self, call: Call) -> Answer:
        """Exchange at a held rate: both balances move now."""
        entry = self._merchant.fx_quotes.get(str(call.body["quote_id"]))
        if entry is None:
            raise not_found("quote")
        quote, now = entry.shown, self._merchant.now()
        if not quote.locked:
            raise Refusal(422, "quote_not_locked", "the quote is for information only; ask for a locked one")
        if entry.used or quote.expires_at <= now:
            raise Refusal(410, "quote_expired", "the quote is used up" if entry.used else "the quote has expired")
        ledger = self._merchant.ledger
        if quote.buy_currency not in ledger:
            raise Refusal(422, "no_buy_account", f"there is no account in {quote.buy_currency}")
        exchange_id = new_id("fxx")
        sell, buy = (quote.sell_currency, entry.sell), (quote.buy_currency, entry.buy)
        if not ledger.exchange(sell, buy, now, reference=exchange_id):
            raise Refusal(422, "insufficient_balance", f"the balance in {quote.sell_currency} does not suffice")
        entry.used = True
        exchange = FXExchange(
            id=exchange_id,
            merchant_id=self._merchant.id,
            sell_currency=quote.sell_currency,
            buy_currency=quote.buy_currency,
            sell_amount=quote.sell_amount,
            buy_amount=quote.buy_amount,
            mid_market_rate=quote.mid_market_rate,
            customer_rate=quote.customer_rate,
            provider=PROVIDER,
            provider_ref=f"FX-{exchange_id.removeprefix('fxx_')}",
            quote_id=quote.id,
            status="pending",
            created_at=now,
        )
        self._merchant.fx_exchanges.add(exchange)
        self._merchant.events.record("fx.exchange.created", _told(exchange, _TOLD_OF_EXCHANGES))
        self._merchant.timeline.after(_SETTLEMENT, functools.partial(self._settle, exchange))
        return self._presenter.one(exchange, 201)

    def list_all(self, call: Call) -> Answer:
        """List exchanges, newest first."""
        names = ("sell_currency", "buy_currency")
        wanted = {name: value for name in names if (value := call.text(name)) is not None}
        after, before = call.moment("created_after"), call.moment("created_before")
        exchanges, cursor = self._merchant.fx_exchanges.page(
            limit=call.limit,
            cursor=call.text("cursor"),
            keep=lambda exchange: (
                (after is None or exchange.created_at >= after)
                and (before is None or exchange.created_at <= before)
                and all(getattr(exchange, name) == value for name, value in wanted.items())
            ),
        )
        return self._presenter.page(exchanges, cursor)

    def _settle(self, exchange: FXExchange) -> None:
        exchange.status = "completed"
        self._merchant.events.record("fx.exchange.completed", _told(exchange, _TOLD_OF_EXCHANGES))


_TOLD_OF_QUOTES = (
    "id", "sell_currency", "buy_currency", "sell_amount", "buy_amount", "customer_rate", "locked", "expires_at",
)  # fmt: skip
_TOLD_OF_EXCHANGES = (
    "quote_id", "sell_currency", "buy_currency", "sell_amount", "buy_amount", "mid_market_rate", "customer_rate",
    "provider", "provider_ref", "status",
)  # fmt: skip


def _told(record: FXQuote | FXExchange, names: tuple[str, ...]) -> dict[str, object]:
    return {name: getattr(record, name) for name in names}


def _mid_market(sell: str, buy: str, *, status: int = 422) -> Decimal:
    rate = rate_between(sell, buy)
    if rate is None or sell == buy:
        raise Refusal(status, "currency_not_supported", f"{sell} cannot be exchanged for {buy}")
    return rate


def _amounts(wish: _Wish, rate: Decimal) -> tuple[Decimal, Decimal]:
    """Return what is sold and what is bought; of two amounts the sold one holds."""
    field, text, currency = (
        ("buy_amount", wish.buy_amount or "", wish.buy_currency)
        if wish.sell_amount is None
        else ("sell_amount", wish.sell_amount, wish.sell_currency)
    )
    amount = Decimal(text)
    if amount <= 0:
        raise _bad_amount(field, "must be greater than zero")
    if not fits(amount, currency):
        raise _bad_amount(field, f"must have at most {scale_of(currency)} decimal places in {currency}")
    if field == "buy_amount":
        return needed(amount, rate, wish.sell_currency), amount
    bought = converted(amount, rate, wish.buy_currency)
    if not bought:
        raise _bad_amount(field, f"is too small to buy any {wish.buy_currency}")
    return amount, bought


def _bad_amount(field: str, problem: str) -> Refusal:
    # Documented with 400 here, where other operations say 422.
    return Refusal(400, "validation_error", "validation failed", details=[(field, problem)])
