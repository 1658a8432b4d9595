"""Amounts on their way into a request: the short way that most decimals take, and the rules it must not loosen."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anton_async.money import amount


class Exact(Decimal):
    """A decimal that is not taken the short way."""


def judged(value: Decimal) -> str:
    try:
        return str(amount(value))
    except ValueError as error:
        return f"refused: {error}"


def scaled(digits: int, power: int) -> Decimal:
    return Decimal(f"{digits}E{power}")


@given(st.one_of(st.decimals(), st.builds(scaled, st.integers(), st.integers(-80, 20))))
def test_both_ways_judge_alike(value: Decimal) -> None:
    assert judged(value) == judged(Exact(value))


@pytest.mark.parametrize("text", ["1E+12", "-1000000000000", "1E-65", "NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        amount(Decimal(text))


@pytest.mark.parametrize(
    ("text", "plain"), [("999999999999", "999999999999"), ("1E+3", "1000"), ("-0.50", "-0.50"), ("1E-3", "0.001")]
)
def test_what_is_within_is_written_in_plain_digits(text: str, plain: str) -> None:
    assert str(amount(Decimal(text))) == plain
