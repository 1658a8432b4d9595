from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from email.utils import formatdate

import pytest

from anton_async import AntonClient, ApiKeyCredentials, DeadlineExceededError, Outcome, RateLimit, RateLimitError
from anton_async.transport.rate import RateGate
from tests.support.clock import SteppedClock
from tests.support.examples import BALANCE, ORDER, PAYOUT
from tests.support.held_clock import HeldClock
from tests.support.raw_server import RawServer, Reply, answer, failure

KEY = ApiKeyCredentials("ak_test_1")
OK = answer(200, {"data": BALANCE})
CREATED = answer(201, {"data": PAYOUT})


def used(limit: int, remaining: int, **further: str) -> dict[str, str]:
    return {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(remaining), **further}


def balance(headers: Mapping[str, str]) -> Reply:
    return answer(200, {"data": BALANCE}, headers=headers)


def refused(retry_after: int, headers: Mapping[str, str] | None = None, code: str = "rate_limit_exceeded") -> Reply:
    return failure(429, code, headers={"Retry-After": str(retry_after), **(headers or {})})


def make_client(server: RawServer, clock: SteppedClock, per_minute: int, *, concurrency: int = 100) -> AntonClient:
    return AntonClient(
        KEY,
        base_url=server.base_url,
        clock=clock,
        rate_limit=RateLimit(per_minute),
        concurrency=concurrency,
        max_retries=0,
        timeout=100_000,
    )


@pytest.fixture
def held() -> HeldClock:
    return HeldClock()


@pytest.fixture
async def ten(server: RawServer, clock: SteppedClock) -> AsyncIterator[AntonClient]:
    """Give a client with a quota of ten a minute."""
    async with make_client(server, clock, 10) as client:
        yield client


async def test_a_burst_passes_and_the_rest_waits_for_the_rolling_minute(
    ten: AntonClient, server: RawServer, clock: SteppedClock
) -> None:
    server.script(*[OK] * 11)

    for _ in range(10):
        await ten.balances.retrieve("USD")
    assert clock.pauses == []
    await ten.balances.retrieve("USD")

    assert sum(clock.pauses) == pytest.approx(60.25)


async def test_callers_leave_in_the_order_they_came(server: RawServer, clock: SteppedClock) -> None:
    server.script(*[OK] * 5)
    currencies = ["AAA", "BBB", "CCC", "DDD", "EEE"]

    async with make_client(server, clock, 1, concurrency=1) as anton:
        await asyncio.gather(*(anton.balances.retrieve(currency) for currency in currencies))

    assert [request.target[-3:] for request in server.requests] == currencies


async def test_a_call_that_waits_for_the_quota_in_vain_says_so(server: RawServer) -> None:
    server.script(OK)

    async with AntonClient(KEY, base_url=server.base_url, rate_limit=RateLimit(1), timeout=0.2) as anton:
        await anton.balances.retrieve("USD")
        with pytest.raises(DeadlineExceededError, match=r"quota of 1 requests a minute .*timeout=") as caught:
            await anton.payouts.create(**ORDER)

    assert caught.value.outcome is Outcome.NOT_SENT
    assert len(server.requests) == 1


async def test_nobody_overtakes_those_who_wait_for_the_quota(clock: SteppedClock) -> None:
    gate = RateGate(RateLimit(3), 10, clock)
    order: list[str] = []

    async def leave(*names: str) -> None:
        for name in names:
            with await gate.admit("GET /v1/balances"):
                order.append(name)

    await leave("one", "two", "three")
    await asyncio.gather(leave("first", "late"), leave("second"))

    assert order == ["one", "two", "three", "first", "second", "late"]


async def test_no_rolling_minute_ever_holds_more_than_the_quota(server: RawServer, clock: SteppedClock) -> None:
    server.script(*[OK] * 50)
    times: list[float] = []

    async with make_client(server, clock, 7) as anton:
        for number in range(50):
            clock.step(number % 5)
            await anton.balances.retrieve("USD")
            times.append(clock.monotonic())

    assert all(later - earlier > 60 for earlier, later in zip(times, times[7:], strict=False))


async def test_what_others_use_of_the_quota_is_counted(
    ten: AntonClient, server: RawServer, clock: SteppedClock
) -> None:
    server.script(balance(used(10, 2)), *[OK] * 3)

    for _ in range(3):
        await ten.balances.retrieve("USD")
    assert clock.pauses == []
    await ten.balances.retrieve("USD")

    assert clock.pauses != []


async def test_a_quota_larger_than_ours_leaves_us_our_share(
    ten: AntonClient, server: RawServer, clock: SteppedClock
) -> None:
    server.script(*[balance(used(50, 20))] * 10)

    for _ in range(10):
        await ten.balances.retrieve("USD")

    assert clock.pauses == []


@pytest.mark.parametrize(("announced", "allowed"), [(5, 5), (100, 10)])
async def test_a_lower_limit_of_the_api_holds_and_a_higher_one_does_not_lift_ours(
    ten: AntonClient, server: RawServer, clock: SteppedClock, announced: int, allowed: int
) -> None:
    server.script(*[balance(used(announced, announced - number)) for number in range(1, allowed + 1)], OK)

    for _ in range(allowed):
        await ten.balances.retrieve("USD")
    assert clock.pauses == []
    await ten.balances.retrieve("USD")

    assert clock.pauses != []


@pytest.mark.parametrize(
    "headers",
    [{}, used(0, 0), {"X-RateLimit-Limit": "x", "X-RateLimit-Remaining": "-1"}, {"X-RateLimit-Limit": "9" * 50}],
)
async def test_headers_that_say_nothing_change_nothing(
    ten: AntonClient, server: RawServer, clock: SteppedClock, headers: dict[str, str]
) -> None:
    server.script(balance(headers), *[OK] * 9)

    for _ in range(10):
        await ten.balances.retrieve("USD")

    assert clock.pauses == []


@pytest.mark.parametrize("limit", [10, 4], ids=["the merchant's", "the endpoint's"])
async def test_a_spent_quota_is_waited_for_until_its_reset(
    ten: AntonClient, server: RawServer, clock: SteppedClock, limit: int
) -> None:
    now = 1_790_000_500  # by the API's clock, not ours
    headers = used(limit, 0, **{"X-RateLimit-Reset": str(now + 12), "Date": formatdate(now, usegmt=True)})
    server.script(balance(headers), OK)

    for _ in range(2):
        await ten.balances.retrieve("USD")

    assert sum(clock.pauses) == pytest.approx(12.25)


@pytest.mark.parametrize("reset", ["x", "-5", "0", "99999999999", "9" * 50])
async def test_a_reset_that_makes_no_sense_is_not_believed(
    ten: AntonClient, server: RawServer, clock: SteppedClock, reset: str
) -> None:
    server.script(balance(used(10, 0, **{"X-RateLimit-Reset": reset})), OK)

    for _ in range(2):
        await ten.balances.retrieve("USD")

    assert sum(clock.pauses) == pytest.approx(60.25)


@pytest.mark.fault("L01")
async def test_a_narrow_endpoint_holds_up_nobody_but_its_own_callers(server: RawServer, held: HeldClock) -> None:
    async with make_client(server, held, 1000, concurrency=3) as anton:
        server.script(balance(used(2, 0)), *[CREATED] * 20, *[OK] * 10)
        await anton.balances.retrieve("USD")

        reads = [asyncio.create_task(anton.balances.retrieve("USD")) for _ in range(10)]
        await held.settle()
        await asyncio.gather(*(anton.payouts.create(**ORDER) for _ in range(20)))
        assert [request.method for request in server.requests] == ["GET"] + ["POST"] * 20
        await held.advance(61)

        assert len(server.requests) == 23, "two of those who waited"
        await held.advance(300)
        await asyncio.gather(*reads)


async def test_callers_who_queue_when_a_limit_is_learnt_wait_for_it_in_their_order(
    server: RawServer, held: HeldClock
) -> None:
    async with make_client(server, held, 1000, concurrency=1) as anton:
        server.script(balance(used(2, 0)), CREATED, *[OK] * 4)
        currencies = ["AAA", "BBB", "CCC", "DDD", "EEE"]
        reads = [asyncio.create_task(anton.balances.retrieve(currency)) for currency in currencies]
        await server.asked.wait()
        await anton.payouts.create(**ORDER)

        assert len(server.requests) == 2
        await held.advance(61)
        assert len(server.requests) == 4
        await held.advance(61)
        await asyncio.gather(*reads)

    assert [request.target[-3:] for request in server.requests if request.method == "GET"] == currencies


async def test_requests_of_a_narrow_endpoint_count_for_the_merchant(server: RawServer, clock: SteppedClock) -> None:
    server.script(*[balance(used(3, 1))] * 2, *[CREATED] * 3)

    async with make_client(server, clock, 4) as anton:
        for _ in range(2):
            await anton.balances.retrieve("USD")
        for _ in range(2):
            await anton.payouts.create(**ORDER)
        assert clock.pauses == []
        await anton.payouts.create(**ORDER)

    assert sum(clock.pauses) == pytest.approx(60.25)


async def test_a_narrow_endpoint_never_gets_more_than_its_limit_behind_a_full_merchant(
    server: RawServer, clock: SteppedClock
) -> None:
    server.script(balance(used(2, 1)), *[CREATED] * 4, *[OK] * 6)
    times: list[float] = []

    async with make_client(server, clock, 5) as anton:
        await anton.balances.retrieve("USD")
        for _ in range(4):
            await anton.payouts.create(**ORDER)
        for _ in range(6):
            await anton.balances.retrieve("USD")
            times.append(clock.monotonic())

    assert all(later - earlier > 60 for earlier, later in zip(times, times[2:], strict=False))


@pytest.mark.parametrize("headers", [used(30, 0), {}], ids=["announced", "not announced"])
async def test_a_refusal_by_a_narrow_endpoint_closes_nothing_else(
    server: RawServer, held: HeldClock, headers: dict[str, str]
) -> None:
    async with make_client(server, held, 1000) as anton:
        server.script(refused(50, headers), CREATED, OK)
        with pytest.raises(RateLimitError):
            await anton.balances.retrieve("USD")

        reading = asyncio.create_task(anton.balances.retrieve("USD"))
        await anton.payouts.create(**ORDER)
        await held.advance(49)
        assert len(server.requests) == 2
        await held.advance(20)

        assert (await reading).currency == "USD"


async def test_a_refusal_for_the_merchants_quota_closes_the_gate_for_everybody(
    server: RawServer, clock: SteppedClock
) -> None:
    server.script(refused(9, used(1000, 0)), CREATED)

    async with make_client(server, clock, 1000) as anton:
        with pytest.raises(RateLimitError):
            await anton.balances.retrieve("USD")
        await anton.payouts.create(**ORDER)

    assert sum(clock.pauses) >= 9


async def test_a_refusal_closes_the_gate_for_a_minute_at_most(
    ten: AntonClient, server: RawServer, clock: SteppedClock
) -> None:
    server.script(refused(999_999_999), OK)

    with pytest.raises(RateLimitError):
        await ten.balances.retrieve("USD")
    await ten.balances.retrieve("USD")

    assert sum(clock.pauses) == pytest.approx(60)


async def test_a_cooldown_of_one_resource_holds_up_nobody_else(
    ten: AntonClient, server: RawServer, clock: SteppedClock
) -> None:
    server.script(refused(50, code="rescore_rate_limited"), OK)

    with pytest.raises(RateLimitError):
        await ten.balances.retrieve("USD")
    await ten.balances.retrieve("USD")

    assert clock.pauses == []


@pytest.mark.fault("L02")
async def test_cancelled_callers_leave_nothing_behind(server: RawServer, held: HeldClock) -> None:
    async with make_client(server, held, 2, concurrency=1) as anton:
        server.script(balance(used(1, 0)), CREATED, OK, CREATED)
        await anton.balances.retrieve("USD")
        await anton.payouts.create(**ORDER)
        payers = [asyncio.create_task(anton.payouts.create(**ORDER)) for _ in range(3)]
        readers = [asyncio.create_task(anton.balances.retrieve("USD")) for _ in range(3)]
        await held.settle()
        for task in (*payers, *readers):
            task.cancel()
        await asyncio.wait([*payers, *readers])

        reading = asyncio.create_task(anton.balances.retrieve("USD"))
        await held.advance(62)

        assert (await reading).currency == "USD"
        assert (await anton.payouts.create(**ORDER)).id == PAYOUT["id"]
        assert len(server.requests) == 4


async def test_the_gate_can_be_switched_off(server: RawServer, clock: SteppedClock) -> None:
    server.script(refused(50, used(1, 0)), *[balance(used(1, 0))] * 5)

    async with AntonClient(KEY, base_url=server.base_url, clock=clock, rate_limit=None, max_retries=0) as anton:
        with pytest.raises(RateLimitError):
            await anton.balances.retrieve("USD")
        for _ in range(5):
            await anton.balances.retrieve("USD")

    assert clock.pauses == []


@pytest.mark.fault("L01")
async def test_no_more_requests_are_under_way_than_concurrency_allows(server: RawServer, held: HeldClock) -> None:
    async with make_client(server, held, 1000, concurrency=3) as anton:
        server.script(*[Reply(b"", "hang")] * 10)
        calls = [asyncio.create_task(anton.balances.retrieve("USD")) for _ in range(10)]
        await held.settle()

        assert len(server.requests) == 3
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
