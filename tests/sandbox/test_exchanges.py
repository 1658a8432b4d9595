from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.wire import Reply, Wire


async def quote(wire: Wire, **changes: Any) -> Reply:
    body = {"sell_currency": "USD", "buy_currency": "EUR", "sell_amount": "1000.00", **changes}
    return await wire.call("POST", "/v1/fx/quote", body={name: value for name, value in body.items() if value})


async def exchange(wire: Wire, quote_id: str, key: str = "x") -> Reply:
    return await wire.call("POST", "/v1/fx/exchange", body={"quote_id": quote_id}, key=key)


async def test_a_locked_quote_moves_exactly_what_it_says(wire: Wire) -> None:
    quoted = (await quote(wire)).data

    done = (await exchange(wire, quoted["id"])).data

    assert (quoted["mid_market_rate"], quoted["customer_rate"]) == ("0.92", "0.9154")
    assert (done["sell_amount"], done["buy_amount"], done["status"]) == ("1000.00", "915.40", "pending")
    assert await wire.balance("USD") == ("9000.00", "0.00", "9000.00")
    assert await wire.balance("EUR") == ("2915.40", "0.00", "2915.40")
    wire.clock.step(1)
    listed = (await wire.call("GET", "/v1/fx/exchanges")).data
    assert [(one["id"], one["status"]) for one in listed] == [(done["id"], "completed")]
    told = [event["type"] for event in await wire.events()]
    assert told == ["fx.quote.created", "fx.exchange.created", "fx.exchange.completed"]


async def test_the_amount_to_buy_can_be_fixed_instead(wire: Wire) -> None:
    quoted = (await quote(wire, sell_amount=None, buy_amount="915.40")).data

    assert (quoted["sell_amount"], quoted["buy_amount"]) == ("1000.00", "915.40")


async def test_a_quote_is_good_once(wire: Wire) -> None:
    quoted = (await quote(wire)).data

    first, second = await exchange(wire, quoted["lock_id"], "a"), await exchange(wire, quoted["id"], "b")

    assert (first.status, second.status, second.code) == (201, 410, "quote_expired")
    assert (await wire.balance("USD"))[0] == "9000.00"


async def test_a_quote_expires_after_two_minutes(wire: Wire) -> None:
    quoted = (await quote(wire)).data
    wire.clock.step(120)

    reply = await exchange(wire, quoted["id"])

    assert (reply.status, reply.code) == (410, "quote_expired")
    assert (await wire.balance("USD"))[0] == "10000.00"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"sell_amount": None}, 400, "missing_required_field"),
        ({"sell_amount": "0"}, 400, "validation_error"),
        ({"sell_amount": "1.234"}, 400, "validation_error"),
        ({"sell_currency": "dollars"}, 400, "validation_error"),
        ({"sell_currency": None}, 400, "validation_error"),
        ({"buy_currency": "AAA"}, 422, "currency_not_supported"),
        ({"buy_currency": "USD"}, 422, "currency_not_supported"),
        ({"sell_currency": "CHF"}, 422, "no_funding_account"),
        ({"sell_currency": "USDC", "sell_amount": "0.000001"}, 400, "validation_error"),
    ],
)
async def test_a_quote_that_cannot_be_given(wire: Wire, changes: Any, status: int, code: str) -> None:
    reply = await quote(wire, **changes)

    assert (reply.status, reply.code) == (status, code)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"locked": False}, "quote_not_locked"),
        ({"sell_amount": "10000.01"}, "insufficient_balance"),
        ({"buy_currency": "CHF"}, "no_buy_account"),
    ],
)
async def test_an_exchange_that_cannot_be_made_moves_nothing(wire: Wire, changes: Any, code: str) -> None:
    body = {"sell_currency": "USD", "buy_currency": "EUR", "sell_amount": "1000.00", **changes}
    quoted = (await wire.call("POST", "/v1/fx/quote", body=body)).data

    reply = await exchange(wire, quoted["id"])

    assert (reply.status, reply.code) == (422, code)
    assert (await wire.balance("USD"))[0] == "10000.00"


async def test_an_unknown_quote(wire: Wire) -> None:
    reply = await exchange(wire, "fxq_NONE")

    assert (reply.status, reply.code) == (404, "quote_not_found")


async def test_the_indicative_rate_is_that_of_a_quote(wire: Wire) -> None:
    quoted = (await quote(wire)).data

    shown = (await wire.call("GET", "/v1/fx/rate?sell_currency=USD&buy_currency=EUR&sell_amount=1000")).data

    assert shown["buy_amount"] == quoted["buy_amount"]
    assert Decimal(shown["customer_rate"]) == Decimal(quoted["customer_rate"])
    missing = await wire.call("GET", "/v1/fx/rate?sell_currency=USD")
    assert (missing.status, missing.code) == (400, "missing_required_field")


async def test_exchanges_are_filtered_and_paged(wire: Wire) -> None:
    made: list[str] = []
    for number, (sell, buy) in enumerate([("USD", "EUR"), ("EUR", "USD"), ("USD", "EUR")]):
        quoted = (await quote(wire, sell_currency=sell, buy_currency=buy, sell_amount="10.00")).data
        made.append((await exchange(wire, quoted["id"], str(number))).data["id"])
        wire.clock.step(10)

    async def listed(query: str) -> list[str]:
        return [one["id"] for one in (await wire.call("GET", f"/v1/fx/exchanges?{query}")).data]

    assert await listed("") == made[::-1]
    assert await listed("limit=1") == made[2:]
    assert await listed("sell_currency=EUR") == made[1:2]
    assert await listed("buy_currency=EUR") == [made[2], made[0]]
    since = (await wire.call("GET", "/v1/fx/exchanges?limit=1")).data[0]["created_at"]
    assert await listed(f"created_after={since}") == made[2:]
    assert await listed(f"created_before={since}") == made[::-1]
