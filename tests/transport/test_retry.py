from __future__ import annotations

import asyncio
from typing import Any

import pytest

from anton_async import (
    AntonClient,
    ApiError,
    ConfigurationError,
    OAuthCredentials,
    Outcome,
    RateLimitError,
    ServerError,
)
from anton_async.transport.retry import delay_before
from anton_async.transport.retry_after import read_retry_after
from tests.conftest import ClientMaker
from tests.support.clock import SteppedClock
from tests.support.examples import BALANCE, ORDER, PAYOUT
from tests.support.raw_server import LOST, RawServer, answer, failure

CREATED = answer(201, {"data": PAYOUT})
NOW = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT


@pytest.mark.fault("E08")
@pytest.mark.parametrize("status", [400, 403, 404, 405, 410, 413, 418, 422, 501])
async def test_a_final_answer_is_raised_after_one_request(anton: AntonClient, server: RawServer, status: int) -> None:
    server.script(failure(status, "x"))

    with pytest.raises(ApiError) as caught:
        await anton.payouts.create(**ORDER)

    assert (caught.value.status, caught.value.outcome, caught.value.attempts) == (status, Outcome.REJECTED, 1)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 599])
async def test_a_failing_server_leaves_a_mutation_unknown_and_a_read_rejected(
    make_client: ClientMaker, server: RawServer, status: int
) -> None:
    server.script(failure(status, "x"), failure(status, "x"))

    async with make_client(max_retries=0) as anton:
        with pytest.raises(ApiError) as mutation:
            await anton.payouts.create(**ORDER)
        with pytest.raises(ApiError) as read:
            await anton.balances.retrieve("USD")

    assert (mutation.value.outcome, read.value.outcome) == (Outcome.UNKNOWN, Outcome.REJECTED)


@pytest.mark.parametrize("status", [401, 403, 429])
async def test_a_refusal_at_the_door_does_not_settle_a_lost_request(
    make_client: ClientMaker, server: RawServer, status: int
) -> None:
    server.script(LOST, failure(status, "x"))

    async with make_client(max_retries=1) as anton:
        with pytest.raises(ApiError) as caught:
            await anton.payouts.create(**ORDER)

    assert (caught.value.status, caught.value.outcome) == (status, Outcome.UNKNOWN)


async def test_a_refusal_of_the_payout_itself_settles_a_lost_request(anton: AntonClient, server: RawServer) -> None:
    server.script(LOST, failure(422, "insufficient_balance"))

    with pytest.raises(ApiError) as caught:
        await anton.payouts.create(**ORDER)

    assert caught.value.outcome is Outcome.REJECTED


@pytest.mark.fault("E17")
@pytest.mark.parametrize("options", [{"max_retries": -1}, {"max_retries": True}, {"max_retries": 1.5}])
@pytest.mark.fault("K10")
async def test_a_number_of_retries_that_makes_no_sense_is_refused(anton: AntonClient, options: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="max_retries"):
        await anton.balances.retrieve("USD", **options)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the point


@pytest.mark.fault("K10", "E17")
@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), True, "5", (1, 2)])
async def test_a_timeout_that_makes_no_sense_is_refused(anton: AntonClient, timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="timeout"):
        await anton.balances.retrieve("USD", timeout=timeout)


@pytest.mark.fault("K10")
async def test_none_means_the_clients_own_setting(anton: AntonClient, server: RawServer) -> None:
    server.script(failure(503, "x"), answer(200, {"data": BALANCE}))
    unset: Any = {"timeout": None, "max_retries": None, "headers": None}

    assert (await anton.balances.retrieve("USD", **unset)).currency == "USD"


@pytest.mark.fault("E11")
async def test_a_retry_after_date_is_read_by_the_clock_of_the_answer(
    make_client: ClientMaker, server: RawServer
) -> None:
    headers = {"Date": "Sun, 06 Nov 1994 08:49:37 GMT", "Retry-After": "Sun, 06 Nov 1994 08:49:39 GMT"}
    server.script(failure(429, "rate_limit_exceeded", headers=headers))

    async with make_client(max_retries=0) as anton:
        with pytest.raises(RateLimitError) as caught:
            await anton.balances.list()

    assert caught.value.retry_after == 2


@pytest.mark.parametrize("status", [400, 404, 410, 422])
@pytest.mark.parametrize("body", ["<html>", {"error": {"message": "a gateway"}}])
async def test_a_refusal_that_is_not_the_apis_does_not_settle_a_lost_request(
    anton: AntonClient, server: RawServer, status: int, body: object
) -> None:
    server.script(LOST, answer(status, body))

    with pytest.raises(ApiError) as caught:
        await anton.payouts.create(**ORDER)

    assert caught.value.outcome is Outcome.UNKNOWN


@pytest.mark.fault("E10")
@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        (["0"], 0),
        (["5"], 5),
        ([" 5 "], 5),
        (["999999999"], 999_999_999),
        (["5.5"], None),
        (["-1"], None),
        (["٣"], None),
        (["1_000"], None),
        (["9" * 400], None),
        ([""], None),
        (["5", "5"], None),
        ([], None),
    ],
)
def test_retry_after_in_seconds(values: list[str], seconds: float | None) -> None:
    assert read_retry_after(values, NOW) == seconds


@pytest.mark.fault("E11")
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10),
        ("Sunday, 06-Nov-94 08:49:47 GMT", 10),
        ("Sun Nov  6 08:49:47 1994", 10),
        ("Sun, 06 Nov 1994 08:49:27 GMT", 0),
        ("Sun, 06 Nov 1994 08:49:47 +0200", None),
        ("Sun, 06 Nov 99999 08:49:47 GMT", None),
        ("Sun, 99 Nov 1994 08:49:47 GMT", None),
        ("tomorrow", None),
    ],
)
def test_retry_after_as_a_date(value: str, seconds: float | None) -> None:
    assert read_retry_after([value], NOW) == seconds


@pytest.mark.fault("E12")
async def test_a_wait_beyond_the_deadline_is_raised_at_once(
    anton: AntonClient, server: RawServer, clock: SteppedClock
) -> None:
    server.script(answer(429, {"error": {"message": "slow"}}, headers={"Retry-After": "3600"}))

    with pytest.raises(RateLimitError) as caught:
        await anton.payouts.create(**ORDER)

    assert (caught.value.retry_after, clock.pauses) == (3600, [])


@pytest.mark.fault("E13")
async def test_retry_after_is_never_undercut(anton: AntonClient, server: RawServer, clock: SteppedClock) -> None:
    server.script(answer(503, {"error": {"message": "x"}}, headers={"Retry-After": "5"}), CREATED)

    await anton.payouts.create(**ORDER)

    assert clock.pauses[0] >= 5


@pytest.mark.fault("E14")
def test_backoff_is_jittered_within_its_bounds() -> None:
    draws = {attempt: [delay_before(attempt, None) for _ in range(2_000)] for attempt in (1, 3, 20)}

    for attempt, cap in ((1, 0.5), (3, 2.0), (20, 20.0)):
        assert 0 <= min(draws[attempt]) < cap * 0.05
        assert cap * 0.95 < max(draws[attempt]) <= cap


@pytest.mark.fault("E14")
async def test_pauses_are_jittered_from_the_first_and_never_beyond_their_cap(
    server: RawServer, credentials: OAuthCredentials, clock: SteppedClock
) -> None:
    server.script(*[failure(503, "x")] * 300)

    async with AntonClient(
        credentials, base_url=server.base_url, clock=clock, timeout=100_000, retry_budget=None
    ) as anton:
        for _ in range(30):
            with pytest.raises(ServerError):
                await anton.balances.retrieve("USD", max_retries=9)

    pauses = [clock.pauses[number::9] for number in range(9)]
    assert all(0 <= pause <= min(20, 0.5 * 2**number) for number in range(9) for pause in pauses[number])
    assert len(set(pauses[0])) == 30


@pytest.mark.fault("E16")
async def test_fifty_failing_calls_each_get_their_own_error(
    server: RawServer, credentials: OAuthCredentials, clock: SteppedClock
) -> None:
    server.script(*[failure(503, "x")] * 250)

    async with AntonClient(
        credentials, base_url=server.base_url, clock=clock, timeout=100_000, retry_budget=None
    ) as anton:
        calls = [anton.payouts.create(**ORDER, idempotency_key=f"k{number}") for number in range(50)]
        errors = await asyncio.gather(*calls, return_exceptions=True)

    told = [error.idempotency_key for error in errors if isinstance(error, ServerError)]
    assert told == [f"k{number}" for number in range(50)]
    assert {error.attempts for error in errors if isinstance(error, ServerError)} == {5}


@pytest.mark.fault("E21")
async def test_the_last_real_error_is_raised_when_time_does_not_allow_a_pause(
    anton: AntonClient, server: RawServer, clock: SteppedClock
) -> None:
    server.script(*[failure(503, "x", headers={"Retry-After": "25"})] * 5)

    with pytest.raises(ServerError) as caught:
        await anton.payouts.create(**ORDER)

    assert caught.value.attempts == 3
    assert sum(clock.pauses) < 60


async def test_reads_are_repeated_too(anton: AntonClient, server: RawServer) -> None:
    server.script(LOST, failure(502, "x"), answer(200, {"data": BALANCE}))

    assert (await anton.balances.retrieve("USD")).currency == "USD"
