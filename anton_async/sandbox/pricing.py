"""What a payout costs in the sandbox: scales, a fixed table of rates, and one small rule for fees.

Within one currency a payout is free. Across currencies the fee is 1 % and the rate buffer 0.5 % of the source
amount, both rounded up at the currency's scale. Nothing here is random, so a test can work out every number by
hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Context, Decimal
from typing import Literal

FEE_PERCENT = Decimal("1.00")
_FEE_SHARE = FEE_PERCENT / 100
_BUFFER_SHARE = Decimal("0.005")
_RATE_CONTEXT = Context(prec=8)
_DEFAULT_SCALE = 2
_SCALES = {
    **dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF"), 0),
    **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 3),
    **dict.fromkeys(("USDC", "USDT"), 6),
    **dict.fromkeys(("BTC", "ETH"), 8),
}

_PER_US_DOLLAR = {
    currency: Decimal(rate)
    for currency, rate in {
        "AED": "3.6725", "ARS": "950", "AUD": "1.52", "BHD": "0.376", "BRL": "5.45", "BTC": "0.000015", "CAD": "1.37",
        "CHF": "0.89", "CLP": "930", "CNY": "7.24", "COP": "4050", "CZK": "23.1", "DKK": "6.87", "ETH": "0.0003",
        "EUR": "0.92", "GBP": "0.79", "GHS": "15.1", "HKD": "7.81", "HUF": "362", "IDR": "16200", "ILS": "3.7",
        "INR": "83.5", "ISK": "138", "JOD": "0.709", "JPY": "155", "KES": "129", "KRW": "1370", "KWD": "0.307",
        "MXN": "18.2", "MYR": "4.7", "NGN": "1500", "NOK": "10.6", "NZD": "1.66", "OMR": "0.385", "PEN": "3.75",
        "PHP": "58", "PKR": "278", "PLN": "3.95", "PYG": "7500", "QAR": "3.64", "RON": "4.58", "SAR": "3.75",
        "SEK": "10.5", "SGD": "1.35", "THB": "36.5", "TND": "3.12", "TRY": "32.5", "TZS": "2600", "UGX": "3750",
        "USD": "1", "USDC": "1", "USDT": "1", "UYU": "39", "VND": "25400", "XAF": "603", "XOF": "603", "ZAR": "18.6",
    }.items()
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Price:
    """A priced payout; all amounts are exact at their currency's scale."""

    source: Decimal
    dest: Decimal
    rate: Decimal | None
    fee: Decimal
    buffer: Decimal
    charged_fee: Decimal  # the part of the fee that the merchant pays

    @property
    def reserve(self) -> Decimal:
        """The amount set aside from the source balance."""
        return self.source + self.charged_fee + self.buffer


def scale_of(currency: str) -> int:
    """Return how many decimal places the currency has."""
    return _SCALES.get(currency, _DEFAULT_SCALE)


def fits(amount: Decimal, currency: str) -> bool:
    """Tell whether the amount has no more decimal places than the currency."""
    return amount == _rounded(amount, currency, ROUND_HALF_UP)


def written(amount: Decimal, currency: str) -> str:
    """Return the amount as the API writes it: plain digits at the currency's scale."""
    return format(_rounded(amount, currency, ROUND_HALF_UP), "f")


def rate_between(source: str, dest: str) -> Decimal | None:
    """Return units of `dest` for one unit of `source`, None when the sandbox trades no such pair."""
    per_source, per_dest = _PER_US_DOLLAR.get(source), _PER_US_DOLLAR.get(dest)
    if per_source is None or per_dest is None:
        return None
    return _RATE_CONTEXT.divide(per_dest, per_source)


def price(
    *,
    source: Decimal,
    source_currency: str,
    dest: Decimal,
    dest_currency: str,
    fixed_side: Literal["fixed_source", "fixed_dest"],
    fee_bearer: Literal["merchant", "beneficiary"],
) -> Price | None:
    """Price a payout: the fixed side holds, the other amount is worked out; None when the pair is not traded."""
    holds_source = fixed_side == "fixed_source"
    if source_currency == dest_currency:
        amount = source if holds_source else dest
        zero = Decimal(0)
        return Price(source=amount, dest=amount, rate=None, fee=zero, buffer=zero, charged_fee=zero)
    rate = rate_between(source_currency, dest_currency)
    if rate is None:
        return None
    if holds_source:
        dest = _rounded(source * rate, dest_currency, ROUND_HALF_UP)
    else:
        source = _rounded(dest / rate, source_currency, ROUND_HALF_UP)
    fee = _rounded(source * _FEE_SHARE, source_currency, ROUND_UP)
    buffer = _rounded(source * _BUFFER_SHARE, source_currency, ROUND_UP)
    if fee_bearer == "merchant":
        return Price(source=source, dest=dest, rate=rate, fee=fee, buffer=buffer, charged_fee=fee)
    credited = dest - _rounded(fee * rate, dest_currency, ROUND_UP)
    return Price(source=source, dest=credited, rate=rate, fee=fee, buffer=buffer, charged_fee=Decimal(0))


def fee_for(amount: Decimal, source_currency: str, dest_currency: str) -> Decimal:
    """Return the fee of a payout of this source amount."""
    if source_currency == dest_currency:
        return Decimal(0)
    return _rounded(amount * _FEE_SHARE, source_currency, ROUND_UP)


def marked_up(rate: Decimal, basis_points: int) -> Decimal:
    """Return the rate that a customer gets: the mid-market rate less the markup."""
    return _RATE_CONTEXT.multiply(rate, Decimal(10_000 - basis_points) / 10_000).normalize()


def converted(amount: Decimal, rate: Decimal, currency: str) -> Decimal:
    """Return an amount at a rate, rounded down to the currency's scale."""
    return _rounded(amount * rate, currency, ROUND_DOWN)


def needed(amount: Decimal, rate: Decimal, currency: str) -> Decimal:
    """Return what has to be sold to get an amount at a rate, rounded up to the sold currency's scale."""
    return _rounded(amount / rate, currency, ROUND_UP)


def inverse(rate: Decimal) -> Decimal:
    """Return the rate the other way round."""
    return _RATE_CONTEXT.divide(Decimal(1), rate)


def currencies() -> list[str]:
    """Return every currency the sandbox trades."""
    return sorted(_PER_US_DOLLAR)


def _rounded(amount: Decimal, currency: str, rounding: str) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-scale_of(currency)), rounding=rounding)
