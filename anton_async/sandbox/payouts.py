"""Payouts: create, list, retrieve, list events, cancel.

A payout is refused in the documented order: fields, then beneficiary and instrument, then route and price, then the
balance.
"""

from __future__ import annotations

import functools
import ipaddress
import zoneinfo
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec

from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.errors import Answer, FieldProblem, Refusal, invalid, not_found
from anton_async.sandbox.lifecycle import Lifecycle, read_ending
from anton_async.sandbox.merchant import Merchant, PayoutEntry, PricingQuoteEntry
from anton_async.sandbox.presenter import Presenter
from anton_async.sandbox.pricing import Price, fits, price, scale_of, written
from anton_async.sandbox.records import Beneficiary, Instrument, Payout, new_id

_BASE_CURRENCY = "USD"
_RAIL_TYPES = {"crypto": "crypto", "layer2": "crypto", "stablecoin": "stablecoin"}
_FIRST_SCORE, _FIRST_TIER = 120, "LOW"


class _Session(msgspec.Struct):
    ip: str | None = None
    timezone: str | None = None
    started_at: str | None = None


class Order(msgspec.Struct, kw_only=True):
    """What a payout is made from: the body of createPayout."""

    beneficiary_id: str
    instrument_id: str
    source_amount: str
    source_currency: str | None = None
    dest_amount: str
    dest_currency: str
    method: str
    rail_type: str | None = None
    fixed_side: Literal["fixed_source", "fixed_dest"] = "fixed_dest"
    fee_bearer: Literal["merchant", "beneficiary"] = "merchant"
    purpose: str
    reference: str
    metadata: dict[str, str] | None = None
    session: _Session | None = None
    quote_id: str | None = None


class _Cancellation(msgspec.Struct):
    reason: str | None = None


class Payouts:
    """The handlers of `/v1/payouts`."""

    def __init__(self, merchant: Merchant, lifecycle: Lifecycle, presenter: Presenter) -> None:
        self._merchant = merchant
        self._lifecycle = lifecycle
        self._presenter = presenter

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation id."""
        return {
            "createPayout": self.create,
            "listPayouts": self.list_all,
            "getPayout": self.retrieve,
            "listPayoutEvents": self.list_events,
            "cancelPayout": self.cancel,
        }

    def create(self, call: Call) -> Answer:
        """Order one payout; it starts in screening."""
        order = msgspec.convert(call.body, Order)
        entry = self.place(order, ending=read_ending(call.simulate))
        quality = _session_quality(order.session, entry.shown.created_at)
        shown = msgspec.structs.replace(entry.shown, session_quality=quality) if quality else entry.shown
        return self._presenter.one(shown, 201)

    def place(self, order: Order, *, ending: str = "completed", batch_id: str | None = None) -> PayoutEntry:
        """Make a payout and set it going.

        Raises:
            Refusal: the order is not acceptable, or its balance does not suffice.
        """
        self._check(order)
        beneficiary, instrument = self._payee(order)
        source_currency = _source_currency(order, self._merchant)
        quote = self._quote(order, source_currency)
        priced = self._price(order)
        self._merchant.velocity.check(source_currency, priced.source)
        at = self._merchant.now()
        if not self._merchant.ledger.reserve(source_currency, priced.reserve, at):
            raise Refusal(422, "insufficient_balance", "insufficient funds for this payout")
        entry = PayoutEntry(
            shown=self._payout(order, instrument, priced, at),
            held=priced.reserve,
            cost=priced.reserve - priced.buffer,
            charged_fee=priced.charged_fee,
        )
        entry.shown.batch_id = batch_id
        if quote is not None:
            quote.payout_id = entry.id
        self._merchant.payouts.add(entry)
        self._lifecycle.begin(entry, ending)
        if beneficiary.risk_score is None:
            beneficiary.risk_score, beneficiary.risk_tier = _FIRST_SCORE, _FIRST_TIER
        return entry

    def list_all(self, call: Call) -> Answer:
        """List payouts, newest first."""
        entries, cursor = self._merchant.payouts.page(
            limit=call.limit, cursor=call.text("cursor"), keep=_payout_filter(call)
        )
        return self._presenter.page([entry.shown for entry in entries], cursor)

    def retrieve(self, call: Call) -> Answer:
        """Show one payout."""
        return self._presenter.one(self._entry(call.id).shown)

    def list_events(self, call: Call) -> Answer:
        """List the status changes of a payout, oldest first."""
        return self._presenter.rows(self._entry(call.id).events)

    def cancel(self, call: Call) -> Answer:
        """Cancel a payout that no rail has taken yet."""
        entry = self._entry(call.id)
        self._lifecycle.cancel(entry, msgspec.convert(call.body, _Cancellation).reason)
        return self._presenter.one(entry.shown)

    def _entry(self, payout_id: str) -> PayoutEntry:
        entry = self._merchant.payouts.get(payout_id)
        if entry is None:
            raise not_found("payout")
        return entry

    def _check(self, order: Order) -> None:
        problems = list(_order_problems(order, self._merchant))
        if order.method == "on_chain":
            if self._presenter.edition == "newest":
                problems.append(("method", "on_chain is a method of the earlier edition; use crypto"))
            order.method = "crypto"
        if problems:
            raise invalid(*problems)

    def _quote(self, order: Order, source_currency: str) -> PricingQuoteEntry | None:
        """Return the pricing quote that an order names, None when it names none."""
        if order.quote_id is None:
            return None
        quote = self._merchant.pricing_quotes.get(order.quote_id)
        pair = (source_currency, order.dest_currency)
        if quote is None or (quote.source_currency, quote.dest_currency) != pair:
            raise Refusal(422, "quote_mismatch", "the pricing quote does not fit this payout")
        if quote.payout_id is not None:
            raise Refusal(422, "quote_already_used", "the pricing quote belongs to another payout")
        if quote.expires_at <= self._merchant.now():
            raise Refusal(422, "quote_expired", "the pricing quote has expired")
        if quote.amount not in {Decimal(order.source_amount), Decimal(order.dest_amount)}:
            raise Refusal(422, "quote_mismatch", "the pricing quote is for another amount")
        return quote

    def _payee(self, order: Order) -> tuple[Beneficiary, Instrument]:
        beneficiary = self._merchant.beneficiary(order.beneficiary_id)
        instrument = self._merchant.instrument(order.instrument_id)
        if instrument.shown.beneficiary_id != order.beneficiary_id:
            raise _rejected(f"instrument {order.instrument_id} belongs to another beneficiary")
        if beneficiary.shown.status != "active":
            raise _rejected(f"beneficiary {order.beneficiary_id} is {beneficiary.shown.status}")
        if instrument.shown.status != "active":
            raise _rejected(f"instrument {order.instrument_id} is {instrument.shown.status}")
        if instrument.shown.currency not in {None, order.dest_currency}:
            currency = instrument.shown.currency
            raise _rejected(f"instrument {order.instrument_id} is in {currency}, not in {order.dest_currency}")
        return beneficiary.shown, instrument.shown

    def _price(self, order: Order) -> Price:
        source_currency = _source_currency(order, self._merchant)
        if source_currency not in self._merchant.ledger:
            raise _rejected(f"no fundable corridor from {source_currency} to {order.dest_currency}")
        priced = price(
            source=Decimal(order.source_amount),
            source_currency=source_currency,
            dest=Decimal(order.dest_amount),
            dest_currency=order.dest_currency,
            fixed_side=order.fixed_side,
            fee_bearer=order.fee_bearer,
        )
        if priced is None:
            raise _rejected(f"no fundable corridor from {source_currency} to {order.dest_currency}")
        if priced.source <= 0 or priced.dest <= 0:
            raise _rejected("the amount is too small to be converted")
        return priced

    def _payout(self, order: Order, instrument: Instrument, priced: Price, at: datetime) -> Payout:
        source_currency = _source_currency(order, self._merchant)
        crosses = priced.rate is not None
        rail_type = order.rail_type or _RAIL_TYPES.get(order.method, "fiat")
        return Payout(
            id=new_id("pay"),
            merchant_id=self._merchant.id,
            beneficiary_id=order.beneficiary_id,
            instrument_id=order.instrument_id,
            status="created",
            on_hold=False,
            method=order.method,
            source_amount=written(priced.source, source_currency),
            source_currency=source_currency,
            dest_amount=written(priced.dest, order.dest_currency),
            dest_currency=order.dest_currency,
            exchange_rate=None if priced.rate is None else format(priced.rate, "f"),
            fee=written(priced.fee, source_currency),
            fee_currency=source_currency,
            fee_bearer=order.fee_bearer,
            fixed_side=order.fixed_side,
            total_debited=written(priced.reserve, source_currency),
            total_debited_currency=source_currency,
            fee_finalized=False,
            buffer_amount=written(priced.buffer, source_currency) if crosses else None,
            buffer_currency=source_currency if crosses else None,
            rail_type=rail_type,
            wallet_address=None if rail_type == "fiat" else instrument.masked_account,
            token_symbol=order.dest_currency if rail_type == "stablecoin" else None,
            purpose=order.purpose,
            reference=order.reference,
            metadata=order.metadata,
            created_at=at,
            updated_at=at,
        )


def _source_currency(order: Order, merchant: Merchant) -> str:
    """Return the balance to debit: the one named, else the delivery currency's, else the merchant's base currency."""
    if order.source_currency is not None:
        return order.source_currency
    return order.dest_currency if order.dest_currency in merchant.ledger else _BASE_CURRENCY


def _order_problems(order: Order, merchant: Merchant) -> list[FieldProblem]:
    problems: list[FieldProblem] = []
    amounts = (
        ("source_amount", order.source_amount, _source_currency(order, merchant)),
        ("dest_amount", order.dest_amount, order.dest_currency),
    )
    for field, text, currency in amounts:
        amount = Decimal(text)
        if amount <= 0:
            problems.append((field, "must be greater than zero"))
        elif not fits(amount, currency):
            problems.append((field, f"must have at most {scale_of(currency)} decimal places in {currency}"))
    if order.session is not None and order.session.ip is not None and _address(order.session.ip) is None:
        problems.append(("session.ip", "must be an IP address"))
    return problems


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _session_quality(session: _Session | None, now: datetime) -> list[str]:
    """Return the weak points of a session that was taken all the same."""
    if session is None:
        return []
    weak: list[str] = []
    address = None if session.ip is None else _address(session.ip)
    if address is not None and not address.is_global:
        weak.append("non_public_ip")
    if session.started_at is not None:
        started = _moment(session.started_at)
        if started is None:
            weak.append("invalid_started_at")
        elif started > now:
            weak.append("future_started_at")
    if session.timezone is not None and session.timezone not in _zones():
        weak.append("unknown_timezone")
    return weak


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _moment(text: str) -> datetime | None:
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        return None
    return moment if moment.tzinfo is not None else None


def _rejected(reason: str) -> Refusal:
    return Refusal(422, "payout_rejected", reason)


def _payout_filter(call: Call) -> Callable[[PayoutEntry], bool]:
    names = ("beneficiary_id", "instrument_id", "batch_id", "dest_currency", "reference")
    wanted = {name: value for name in names if (value := call.text(name)) is not None}
    statuses = call.texts("status")
    after, before = call.moment("created_after"), call.moment("created_before")

    def keep(entry: PayoutEntry) -> bool:
        payout = entry.shown
        return (
            (not statuses or payout.status in statuses)
            and (after is None or payout.created_at >= after)
            and (before is None or payout.created_at <= before)
            and all(getattr(payout, name) == value for name, value in wanted.items())
        )

    return keep
