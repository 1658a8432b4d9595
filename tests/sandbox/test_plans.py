from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.wire import Reply, Wire

ORDER = {"source_amount": "100.00", "dest_amount": "92.00", "dest_currency": "EUR", "instrument_id": "ins_JANEEUR"}


async def quote(wire: Wire, **changes: Any) -> Reply:
    body = {"source_currency": "USD", "dest_currency": "EUR", "amount": "100.00", **changes}
    return await wire.call("POST", "/v1/pricing/quote", body=body)


async def test_a_quote_says_what_the_payout_will_cost(wire: Wire) -> None:
    quoted = (await quote(wire)).data

    payout = await wire.pay(**ORDER, quote_id=quoted["quote_id"])

    assert (quoted["fee"], quoted["fee_type"]) == ("1.00", "percentage")
    assert (payout.status, payout.data["fee"]) == (201, quoted["fee"])
    plans = (await wire.call("GET", "/v1/pricing")).data
    assert quoted["plan_id"] in {plan["id"] for plan in plans}


async def test_within_one_currency_nothing_is_charged(wire: Wire) -> None:
    quoted = (await quote(wire, dest_currency="USD")).data

    assert (quoted["fee"], quoted["fee_type"]) == ("0.00", "fixed")


async def test_a_quote_belongs_to_one_payout(wire: Wire) -> None:
    quote_id = (await quote(wire)).data["quote_id"]
    await wire.pay(**ORDER, quote_id=quote_id)

    again = await wire.pay(**ORDER, quote_id=quote_id)

    assert (again.status, again.code) == (422, "quote_already_used")


async def test_a_refused_payout_does_not_use_up_its_quote(wire: Wire) -> None:
    quote_id = (await quote(wire, amount="9999.00")).data["quote_id"]
    large = {**ORDER, "source_amount": "9999.00", "fixed_side": "fixed_source"}

    refused = await wire.pay(**large, quote_id=quote_id)
    await wire.call("POST", "/v1/sandbox/deposits", body={"currency": "USD", "amount": "5000"}, key="d")
    accepted = await wire.pay(**large, quote_id=quote_id)

    assert (refused.code, accepted.status) == ("insufficient_balance", 201)


async def test_a_quote_expires(wire: Wire) -> None:
    quote_id = (await quote(wire)).data["quote_id"]
    wire.clock.step(300)

    reply = await wire.pay(**ORDER, quote_id=quote_id)

    assert (reply.status, reply.code) == (422, "quote_expired")


@pytest.mark.parametrize("changes", [{"amount": "99.00"}, {"dest_currency": "GBP"}, {"source_currency": "EUR"}])
async def test_a_quote_for_something_else_does_not_fit(wire: Wire, changes: Any) -> None:
    quote_id = (await quote(wire, **changes)).data["quote_id"]

    reply = await wire.pay(**ORDER, quote_id=quote_id)

    assert (reply.status, reply.code) == (422, "quote_mismatch")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"amount": "0"}, 422, "validation_error"),
        ({"amount": "1.001"}, 422, "validation_error"),
        ({"dest_currency": "AAA"}, 404, "pricing_plan_not_found"),
    ],
)
async def test_a_quote_that_cannot_be_given(wire: Wire, changes: Any, status: int, code: str) -> None:
    reply = await quote(wire, **changes)

    assert (reply.status, reply.code) == (status, code)
