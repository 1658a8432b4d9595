"""Pricing: the merchant's plans, and fee quotes that a payout can be bound to.

The plans say what `pricing.py` does: nothing within one currency, one percent across two.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import msgspec

from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.errors import Answer, Refusal, invalid
from anton_async.sandbox.merchant import Merchant, PricingQuoteEntry
from anton_async.sandbox.presenter import Presenter
from anton_async.sandbox.pricing import FEE_PERCENT, fee_for, fits, rate_between, scale_of, written
from anton_async.sandbox.records import new_id

_LIFE = timedelta(minutes=5)
_ACROSS_CURRENCIES = "prc_SANDBOXACROSS"
_WITHIN_CURRENCY = "prc_SANDBOXWITHIN"


class _Wish(msgspec.Struct, kw_only=True):
    source_currency: str
    dest_currency: str
    amount: str


class Plans:
    """The handlers of `/v1/pricing`."""

    def __init__(self, merchant: Merchant, presenter: Presenter) -> None:
        self._merchant = merchant
        self._presenter = presenter
        self._since = merchant.now()

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation id."""
        return {"listMerchantPricing": self.list_all, "createPricingQuote": self.quote}

    def list_all(self, _: Call) -> Answer:
        """List the plans in force."""
        shared = {"active": True, "created_at": self._since, "updated_at": self._since}
        return self._presenter.rows(
            [
                {
                    "id": _WITHIN_CURRENCY,
                    "name": "Within one currency",
                    "fee_type": "fixed",
                    "fixed_fee": "0.00",
                    "priority": 1,
                    **shared,
                },
                {
                    "id": _ACROSS_CURRENCIES,
                    "name": "Across currencies",
                    "fee_type": "percentage",
                    "percentage_fee": format(FEE_PERCENT, "f"),
                    "priority": 2,
                    **shared,
                },
            ]
        )

    def quote(self, call: Call) -> Answer:
        """Quote the fee of a payout."""
        wish = msgspec.convert(call.body, _Wish)
        amount = Decimal(wish.amount)
        if amount <= 0:
            raise invalid(("amount", "must be greater than zero"))
        if not fits(amount, wish.source_currency):
            places = scale_of(wish.source_currency)
            raise invalid(("amount", f"must have at most {places} decimal places in {wish.source_currency}"))
        if rate_between(wish.source_currency, wish.dest_currency) is None:
            raise Refusal(404, "pricing_plan_not_found", "no pricing plan applies to this pair of currencies")
        within = wish.source_currency == wish.dest_currency
        quote = PricingQuoteEntry(
            id=new_id("pq"),
            source_currency=wish.source_currency,
            dest_currency=wish.dest_currency,
            amount=amount,
            expires_at=self._merchant.now() + _LIFE,
        )
        self._merchant.pricing_quotes[quote.id] = quote
        fee = fee_for(amount, wish.source_currency, wish.dest_currency)
        return self._presenter.one(
            {
                "fee": written(fee, wish.source_currency),
                "fee_currency": wish.source_currency,
                "fee_type": "fixed" if within else "percentage",
                "plan_id": _WITHIN_CURRENCY if within else _ACROSS_CURRENCIES,
                "quote_id": quote.id,
                "expires_at": quote.expires_at,
            }
        )
