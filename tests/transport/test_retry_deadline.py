from __future__ import annotations

import asyncio
import datetime as dt
from email.utils import format_datetime

import pytest

from anton_async import (
    AntonClient,
    ApiKeyCredentials,
    DeadlineExceededError,
    Outcome,
    RateLimit,
    ResponseLostError,
    ServerError,
)
from tests.conftest import ClientMaker
from tests.support.clock import SteppedClock
from tests.support.examples import BALANCE, ORDER, PAYOUT
from tests.support.held_clock import HeldClock
from tests.support.raw_server import LOST, RawServer, Reply, answer, failure

CREATED = answer(201, {"data": PAYOUT})
DOWN = failure(503, "x")
DAY = 24 * 3600.0


def at(clock: SteppedClock, seconds: float) -> str:
    moment = dt.datetime.fromtimestamp(clock.time() + seconds, dt.UTC)
    return format_datetime(moment, usegmt=True)


@pytest.mark.fault("E21")
async def test_a_deadline_that_passes_in_a_queue_is_raised_with_the_last_real_error(
    server: RawServer, clock: SteppedClock
) -> None:
    server.script(DOWN, CREATED)

    async with AntonClient(
        ApiKeyCredentials("ak_test_1"), base_url=server.base_url, clock=clock, timeout=20, rate_limit=RateLimit(1)
    ) as anton:
        with pytest.raises(DeadlineExceededError, match="ServerError") as caught:
            await anton.payouts.create(**ORDER, idempotency_key="k1")

    error = caught.value
    assert isinstance(error.__cause__, ServerError)
    assert (error.outcome, error.idempotency_key, error.attempts) == (Outcome.UNKNOWN, "k1", 1)
    assert len(server.requests) == 1


@pytest.mark.fault("E21", "C23")
async def test_a_deadline_that_passes_before_anything_left_says_so(server: RawServer, clock: SteppedClock) -> None:
    server.script(answer(200, {"data": BALANCE}), CREATED)

    async with AntonClient(
        ApiKeyCredentials("ak_test_1"), base_url=server.base_url, clock=clock, timeout=20, rate_limit=RateLimit(1)
    ) as anton:
        await anton.balances.retrieve("USD")
        with pytest.raises(DeadlineExceededError) as caught:
            await anton.payouts.create(**ORDER)

    assert (caught.value.outcome, caught.value.attempts, caught.value.__cause__) == (Outcome.NOT_SENT, 0, None)
    assert len(server.requests) == 1


@pytest.mark.fault("E21")
async def test_a_deadline_that_passes_during_a_pause_ends_the_pause(server: RawServer) -> None:
    held = HeldClock()
    server.script(LOST, CREATED)

    async with AntonClient(ApiKeyCredentials("ak_test_1"), base_url=server.base_url, clock=held, timeout=0.1) as anton:
        with pytest.raises((DeadlineExceededError, ResponseLostError)) as caught:
            await asyncio.wait_for(anton.payouts.create(**ORDER), 5)

    assert caught.value.outcome is Outcome.UNKNOWN
    assert isinstance(caught.value, ResponseLostError) or isinstance(caught.value.__cause__, ResponseLostError)
    assert len(server.requests) == 1


@pytest.mark.fault("E12")
@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_retry_after_beyond_the_deadline_is_raised_at_once(
    anton: AntonClient, server: RawServer, clock: SteppedClock, form: str
) -> None:
    value = "61" if form == "seconds" else at(clock, 61)
    server.script(failure(503, "x", headers={"Retry-After": value, "Date": at(clock, 0)}), CREATED)

    with pytest.raises(ServerError) as caught:
        await anton.payouts.create(**ORDER)

    assert (caught.value.retry_after, clock.pauses) == (61, [])


@pytest.mark.fault("E12", "F10")
async def test_a_key_is_not_sent_again_after_the_api_may_have_forgotten_it(
    make_client: ClientMaker, server: RawServer, clock: SteppedClock
) -> None:
    server.script(failure(503, "x", headers={"Retry-After": str(int(DAY))}), CREATED)

    async with make_client(timeout=10 * DAY) as anton:
        with pytest.raises(ServerError) as caught:
            await anton.payouts.create(**ORDER)

    assert (caught.value.outcome, caught.value.retry_after, clock.pauses) == (Outcome.UNKNOWN, DAY, [])


@pytest.mark.parametrize("standby", [True, False], ids=["only wall time went on", "only monotonic time went on"])
async def test_a_machine_that_slept_through_the_life_of_a_key_does_not_send_it_again(
    server: RawServer, standby: bool
) -> None:
    held = HeldClock()
    server.script(LOST, CREATED)

    async with AntonClient(
        ApiKeyCredentials("ak_test_1"), base_url=server.base_url, clock=held, timeout=1000 * DAY
    ) as anton:
        paying = asyncio.create_task(anton.payouts.create(**ORDER))
        await held.settle()
        if standby:
            held.now += DAY
        else:
            held.ticks += DAY
        await held.advance(10)
        with pytest.raises(DeadlineExceededError, match="may have forgotten the idempotency key") as caught:
            await paying

    assert caught.value.outcome is Outcome.UNKNOWN
    assert len(server.requests) == 1


@pytest.mark.fault("E10", "E13")
@pytest.mark.parametrize(
    ("value", "least"),
    [("0", 0), ("5", 5), (" 5 ", 5), ("5.5", 0), ("-1", 0), ("1_000", 0), ("", 0), ("9" * 400, 0), ("inf", 0)],
)
async def test_retry_after_in_seconds_is_waited_for(
    anton: AntonClient, server: RawServer, clock: SteppedClock, value: str, least: float
) -> None:
    server.script(failure(503, "x", headers={"Retry-After": value}), CREATED)

    await anton.payouts.create(**ORDER)

    assert least <= clock.pauses[0] <= least + 0.5


@pytest.mark.fault("E10")
async def test_two_retry_afters_are_none(anton: AntonClient, server: RawServer, clock: SteppedClock) -> None:
    server.script(Reply(b"HTTP/1.1 503 X\r\nRetry-After: 5\r\nRetry-After: 6\r\nContent-Length: 0\r\n\r\n"), CREATED)

    await anton.payouts.create(**ORDER)

    assert clock.pauses[0] <= 0.5


@pytest.mark.fault("E11")
@pytest.mark.parametrize(
    ("value", "least"),
    [
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10),
        ("Sunday, 06-Nov-94 08:49:47 GMT", 10),
        ("Sun Nov  6 08:49:47 1994", 10),
        ("Sun, 06 Nov 1994 08:49:27 GMT", 0),
        ("Sun, 06 Nov 1994 08:49:47 +0200", 0),
        ("Sun, 06 Nov 99999 08:49:47 GMT", 0),
        ("soon", 0),
    ],
)
async def test_retry_after_as_a_date_is_waited_for_by_the_clock_of_the_api(
    anton: AntonClient, server: RawServer, clock: SteppedClock, value: str, least: float
) -> None:
    headers = {"Date": "Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After": value}
    server.script(failure(503, "x", headers=headers), CREATED)

    await anton.payouts.create(**ORDER)

    assert least <= clock.pauses[0] <= least + 0.5
