from __future__ import annotations

from tests.sandbox.wire import Wire


async def test_a_narrower_ceiling_comes_first_and_shows_in_the_headers(wire: Wire) -> None:
    path = "/v1/fx/rate?sell_currency=USD&buy_currency=EUR"
    replies = [await wire.call("GET", path) for _ in range(31)]

    assert [reply.status for reply in replies] == [200] * 30 + [429]
    assert (replies[0].headers["X-RateLimit-Limit"], replies[0].headers["X-RateLimit-Remaining"]) == ("30", "29")
    assert (replies[-1].code, replies[-1].headers["Retry-After"]) == ("rate_limit_exceeded", "60")
    assert (await wire.call("GET", "/v1/balances")).headers["X-RateLimit-Limit"] == "1000"
    wire.clock.step(60)
    assert (await wire.call("GET", path)).status == 200


async def test_all_of_intelligence_shares_one_ceiling(wire: Wire) -> None:
    for number in range(120):
        path = "/v1/intelligence/reviews" if number % 2 else "/v1/intelligence/evaluations"
        assert (await wire.call("GET", path)).status == 200

    assert (await wire.call("GET", "/v1/intelligence/reviews/settings")).status == 429
    assert (await wire.call("GET", "/v1/verification-stats")).status == 200


async def test_resets_are_limited_by_the_hour(wire: Wire) -> None:
    replies = [await wire.call("POST", "/v1/merchant/sandbox/reset") for _ in range(11)]

    assert (replies[9].status, replies[10].status, replies[10].code) == (200, 429, "rate_limited_sandbox_reset")
    wire.sandbox.clock.advance(3600)
    assert (await wire.call("POST", "/v1/merchant/sandbox/reset")).status == 200
