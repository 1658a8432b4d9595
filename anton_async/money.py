"""Money on its way into a request.

Amounts travel as decimal strings, never as floats. `amount()` is the one door: it takes what a caller may pass and
gives an exact, finite `Amount`; `plain()` writes it in plain digits. Responses carry ordinary `Decimal`, always finite.

Source: https://docs.antonpayments.com/api-reference/introduction
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TypeAlias

MoneyInput: TypeAlias = Decimal | int | str
"""What a money parameter takes: `Decimal("10.50")`, `10` or `"10.50"`; a float is refused."""

_MAX_DIGITS = 12  # before the point
_MAX_PLACES = 64  # after it
_LIMIT = Decimal(10**_MAX_DIGITS)
_PLAIN = re.compile(r"-?[0-9]{1,12}(\.[0-9]+)?")


class Amount(Decimal):
    """A checked amount: finite, at most 12 digits before the point."""


def amount(value: object) -> Amount:
    """Return `value` as an exact amount.

    Args:
        value: a `Decimal`, an `int`, or text of plain ASCII digits with at most 12 before the point.

    Raises:
        TypeError: for floats, booleans and anything else that is no amount.
        ValueError: for NaN, infinities, exponents in text, and amounts out of range.
    """
    if type(value) is Decimal and value.is_finite() and -_MAX_PLACES <= value.adjusted() < _MAX_DIGITS:
        return Amount(plain(value))  # as most are; the rest of the rules is for the others
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("must be a finite number")
        if not -_LIMIT < value < _LIMIT:
            raise ValueError("must have at most 12 digits before the point")
        if value.adjusted() < -_MAX_PLACES and value:
            raise ValueError("must have at most 64 digits after the point")
        text = plain(value)
    elif isinstance(value, str):
        text = str(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        if not -_LIMIT < value < _LIMIT:
            raise ValueError("must have at most 12 digits before the point")
        text = str(value)
    else:
        kind = type(value).__name__
        raise TypeError(f'must be a Decimal, an int or a decimal text such as "10.50", not {kind}')
    if _PLAIN.fullmatch(text) is None:
        raise ValueError('must be plain digits such as "1234.56", at most 12 before the point')
    return Amount(text)


def plain(value: Decimal) -> str:
    """Write `value` in plain digits, without an exponent."""
    return format(value, "f")
