from __future__ import annotations

import asyncio

import pytest

from anton_async import AntonClient, ApiKeyCredentials, RateLimit, RateLimitError
from anton_async.transport.rate import RateGate
from tests.support.clock import SteppedClock
from tests.support.examples import BALANCE
from tests.support.raw_server import RawServer, answer, failure


def used(limit: int, remaining: int) -> dict[str, str]:
    return {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(remaining)}


async def test_a_burst_passes_and_the_rest_waits_for_the_rolling_minute(clock: SteppedClock) -> None:
    gate = RateGate(RateLimit(per_minute=10), clock)

    for _ in range(10):
        await gate.enter()
    assert clock.pauses == []
    await gate.enter()

    assert sum(clock.pauses) == pytest.approx(60.25)


async def test_callers_leave_in_the_order_they_came(clock: SteppedClock) -> None:
    gate = RateGate(RateLimit(per_minute=1), clock)
    order: list[int] = []

    async def call(number: int) -> None:
        await gate.enter()
        order.append(number)

    await asyncio.gather(*(call(number) for number in range(5)))

    assert order == [0, 1, 2, 3, 4]


async def test_no_rolling_minute_ever_holds_more_than_the_quota(clock: SteppedClock) -> None:
    gate = RateGate(RateLimit(per_minute=7), clock)
    times: list[float] = []
    for number in range(50):
        clock.step(number % 5)
        await gate.enter()
        times.append(clock.monotonic())

    assert all(later - earlier > 60 for earlier, later in zip(times, times[7:], strict=False))


async def test_what_others_use_of_the_quota_is_counted(clock: SteppedClock) -> None:
    gate = RateGate(RateLimit(per_minute=10), clock)
    await gate.enter()

    gate.observe(used(10, 2))
    for _ in range(2):
        await gate.enter()
    assert clock.pauses == []
    await gate.enter()

    assert clock.pauses != []


async def test_a_quota_larger_than_ours_leaves_us_our_share(clock: SteppedClock) -> None:
    gate = RateGate(RateLimit(per_minute=10), clock)

    for _ in range(10):
        await gate.enter()
        gate.observe(used(50, 20))

    assert clock.pauses == []


async def test_a_refusal_closes_the_gate_for_a_minute_at_most(clock: SteppedClock) -> None:
    gate = RateGate(RateLimit(per_minute=10), clock)

    gate.refused(999_999_999)
    await gate.enter()

    assert sum(clock.pauses) == pytest.approx(60)


async def test_a_lower_limit_of_the_api_holds_and_a_higher_one_does_not_lift_ours(clock: SteppedClock) -> None:
    for announced, allowed in ((5, 5), (100, 10)):
        gate = RateGate(RateLimit(per_minute=10), clock)
        gate.observe(used(announced, announced))
        clock.pauses.clear()

        for _ in range(allowed):
            await gate.enter()
        assert clock.pauses == []
        await gate.enter()

        assert clock.pauses != []


@pytest.mark.parametrize(
    "headers",
    [{}, used(0, 0), {"X-RateLimit-Limit": "x", "X-RateLimit-Remaining": "-1"}, {"X-RateLimit-Limit": "9" * 50}],
)
async def test_headers_that_say_nothing_change_nothing(clock: SteppedClock, headers: dict[str, str]) -> None:
    gate = RateGate(RateLimit(per_minute=2), clock)

    gate.observe(headers)
    await gate.enter()
    await gate.enter()

    assert clock.pauses == []


async def test_a_cancelled_caller_does_not_block_the_next(clock: SteppedClock) -> None:
    gate = RateGate(RateLimit(per_minute=1), clock)
    await gate.enter()
    waiting = asyncio.create_task(gate.enter())
    waiting.cancel()

    await asyncio.wait_for(gate.enter(), 1)

    assert waiting.cancelled()


async def test_a_refusal_closes_the_gate_for_everybody(server: RawServer, clock: SteppedClock) -> None:
    ok = answer(200, {"data": BALANCE})
    server.script(failure(429, "rate_limit_exceeded", headers={"Retry-After": "9"}), ok, ok)

    async with AntonClient(ApiKeyCredentials("ak_test_1"), base_url=server.base_url, clock=clock) as anton:
        started = clock.monotonic()
        await asyncio.gather(anton.balances.retrieve("USD"), anton.balances.retrieve("USD"))

    assert len(server.requests) == 3
    assert clock.monotonic() - started >= 9


async def test_a_cooldown_of_one_resource_holds_up_nobody_else(server: RawServer, clock: SteppedClock) -> None:
    cooldown = failure(429, "rescore_rate_limited", headers={"Retry-After": "50"})
    server.script(cooldown, answer(200, {"data": BALANCE}))

    async with AntonClient(
        ApiKeyCredentials("ak_test_1"), base_url=server.base_url, clock=clock, max_retries=0
    ) as anton:
        with pytest.raises(RateLimitError):
            await anton.balances.retrieve("USD")
        await anton.balances.retrieve("USD")

    assert clock.pauses == []


async def test_the_gate_can_be_switched_off(server: RawServer, clock: SteppedClock) -> None:
    server.script(*[answer(200, {"data": BALANCE}, headers=used(1, 0))] * 5)

    async with AntonClient(
        ApiKeyCredentials("ak_test_1"), base_url=server.base_url, clock=clock, rate_limit=None
    ) as anton:
        for _ in range(5):
            await anton.balances.retrieve("USD")

    assert clock.pauses == []
