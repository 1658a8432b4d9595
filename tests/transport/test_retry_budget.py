from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from anton_async import AntonClient, AntonError, ApiKeyCredentials, ConfigurationError, Outcome, ServerError
from anton_async.resources.operations import CREATE_PAYOUT
from tests.support.clock import SteppedClock
from tests.support.examples import BALANCE, ORDER, PAYOUT
from tests.support.raw_server import LOST, RawServer, Reply, answer, failure

KEY = ApiKeyCredentials("ak_test_1")
DOWN = failure(503, "internal_error")
OK = answer(200, {"data": BALANCE})
CREATED = answer(201, {"data": PAYOUT})


def make_client(server: RawServer, clock: SteppedClock, **options: Any) -> AntonClient:
    return AntonClient(KEY, base_url=server.base_url, clock=clock, timeout=100_000, **options)


async def outcomes(anton: AntonClient, calls: int) -> list[object]:
    orders = (anton.payouts.create(**ORDER, idempotency_key=f"k{number}") for number in range(calls))
    return await asyncio.gather(*orders, return_exceptions=True)


@pytest.mark.fault("E15")
@pytest.mark.parametrize("fault", [DOWN, LOST], ids=["503", "lost answers"])
async def test_an_api_that_is_down_is_not_stormed(server: RawServer, clock: SteppedClock, fault: Reply) -> None:
    server.script(*[fault] * 6000)

    async with make_client(server, clock) as anton:
        errors = await outcomes(anton, 1000)

    assert len(server.requests) < 1200
    assert "retry_budget is spent" in str(errors[-1])
    assert {(error.outcome, error.idempotency_key) for error in errors if isinstance(error, AntonError)} == {
        (Outcome.UNKNOWN, f"k{number}") for number in range(1000)
    }


@pytest.mark.fault("E15")
async def test_single_failures_are_repeated_for_ever(server: RawServer, clock: SteppedClock) -> None:
    server.script(*[DOWN, OK] * 300)

    async with make_client(server, clock, retry_budget=1) as anton:
        for _ in range(300):
            await anton.balances.retrieve("USD")

    assert len(server.requests) == 600


@pytest.mark.fault("E15")
async def test_a_spent_budget_is_earned_back_by_successes(server: RawServer, clock: SteppedClock) -> None:
    server.script(*[DOWN] * 3, *[OK] * 5, DOWN, OK)

    async with make_client(server, clock, retry_budget=1) as anton:
        with pytest.raises(ServerError) as spending:
            await anton.balances.retrieve("USD")
        with pytest.raises(ServerError) as spent:
            await anton.balances.retrieve("USD")
        for _ in range(6):
            await anton.balances.retrieve("USD")

    assert (spending.value.attempts, spent.value.attempts) == (2, 1)


@pytest.mark.fault("E15")
async def test_a_spent_budget_comes_back_with_time(server: RawServer, clock: SteppedClock) -> None:
    server.script(*[DOWN] * 3, OK)

    async with make_client(server, clock, retry_budget=1) as anton:
        with pytest.raises(ServerError):
            await anton.balances.retrieve("USD")
        clock.step(3600)
        await anton.balances.retrieve("USD")


async def test_waiting_for_ones_turn_costs_nothing(server: RawServer, clock: SteppedClock) -> None:
    in_flight, slow = failure(409, "idempotency_in_flight"), failure(429, "rate_limit_exceeded")
    server.script(in_flight, slow, in_flight, DOWN, CREATED)

    async with make_client(server, clock, retry_budget=1) as anton:
        assert (await anton.payouts.create(**ORDER)).id == PAYOUT["id"]


async def test_the_budget_can_be_switched_off(server: RawServer, clock: SteppedClock) -> None:
    server.script(*[DOWN] * 1000)

    async with make_client(server, clock, retry_budget=None) as anton:
        await outcomes(anton, 100)

    assert len(server.requests) == 500


@pytest.mark.fault("L05")
async def test_two_clients_have_a_budget_each(server: RawServer, clock: SteppedClock) -> None:
    server.script(*[DOWN] * 2, DOWN, OK)

    async with make_client(server, clock, retry_budget=1) as one, make_client(server, clock, retry_budget=1) as two:
        with pytest.raises(ServerError):
            await one.balances.retrieve("USD")
        await two.balances.retrieve("USD")


@pytest.mark.fault("E17")
@pytest.mark.parametrize("budget", [0, -1, True, 1.5, float("nan"), "5"])
def test_a_budget_that_makes_no_sense_is_refused(budget: Any) -> None:
    with pytest.raises(ConfigurationError, match="retry_budget"):
        AntonClient(KEY, retry_budget=budget)


@pytest.mark.fault("E18")
@pytest.mark.parametrize(
    "fault",
    [
        *(failure(status, "x") for status in (400, 401, 403, 404, 408, 409, 410, 422, 429, 500, 501, 502, 503, 504)),
        failure(409, "idempotency_in_flight"),
        failure(409, "idempotency_conflict"),
        answer(200, "no payout"),
        LOST,
        Reply(b"", "reset"),
        Reply(b"HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n{", "close"),
    ],
    ids=lambda fault: fault.raw[9:12].decode() or fault.end,
)
async def test_without_retries_every_fault_costs_one_request(
    server: RawServer, clock: SteppedClock, fault: Reply
) -> None:
    server.script(fault, CREATED)

    async with make_client(server, clock, max_retries=0) as anton:
        results = await outcomes(anton, 1)

    assert isinstance(results[0], Exception)
    assert (len(server.requests), clock.pauses) == (1, [])


async def test_calls_restored_from_a_journal_are_outside_the_budget(server: RawServer, clock: SteppedClock) -> None:
    server.script(*[DOWN] * 4, CREATED)

    async with make_client(server, clock, retry_budget=1) as anton:
        body = json.dumps(ORDER).encode()
        call = anton.transport.restore(CREATE_PAYOUT, {"idempotency_key": "k1"}, path=CREATE_PAYOUT.path, body=body)
        response = await anton.transport.send(call)

    assert (response.attempts, len(server.requests)) == (5, 5)
