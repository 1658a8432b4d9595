"""A token endpoint that is busy or down is left in peace, however many calls wait for it."""

from __future__ import annotations

import asyncio

import pytest

from anton_async import AntonClient, AntonError, ApiError, OAuthCredentials, Outcome, ServerError
from tests.conftest import ClientMaker
from tests.support.clock import SteppedClock
from tests.support.examples import BALANCE, ORDER
from tests.support.raw_server import RawServer, answer

FOUND = answer(200, {"data": BALANCE})


@pytest.mark.fault("B09")
@pytest.mark.parametrize("status", [429, 503])
async def test_while_the_token_endpoint_wants_rest_nobody_asks_it(
    make_client: ClientMaker, server: RawServer, clock: SteppedClock, status: int
) -> None:
    server.token_replies.append(answer(status, {"error": "server_error"}, headers={"Retry-After": "7"}))
    server.script(*[FOUND] * 21)

    async with make_client(max_retries=0) as anton:
        first = await asyncio.gather(*(anton.balances.retrieve("USD") for _ in range(20)), return_exceptions=True)
        clock.step(4)
        with pytest.raises(ApiError) as caught:
            await anton.balances.retrieve("USD")
        assert len(server.token_calls) == 1
        clock.step(3)
        await asyncio.gather(*(anton.balances.retrieve("USD") for _ in range(20)))

    assert {(type(error), getattr(error, "retry_after", None)) for error in first} == {(type(caught.value), 7.0)}
    assert (caught.value.status, caught.value.retry_after, caught.value.outcome) == (status, 3.0, Outcome.NOT_SENT)
    assert (len(server.token_calls), len(server.requests)) == (2, 20)


class SharedTime(SteppedClock):
    """Moves on to the next sleeper's time when nothing else happens, as time does for a hundred calls at once."""

    def __init__(self) -> None:
        super().__init__()
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        woken = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.ticks + seconds, woken))
        await woken

    async def pass_by(self) -> None:
        while True:
            await asyncio.sleep(0.002)
            sleeping = [sleeper for sleeper in self._sleepers if not sleeper[1].done()]
            if sleeping:
                moment, woken = min(sleeping, key=lambda sleeper: sleeper[0])
                self.step(max(moment - self.ticks, 0))
                woken.set_result(None)


@pytest.mark.fault("B10")
async def test_a_token_endpoint_that_is_down_is_not_stormed(credentials: OAuthCredentials, server: RawServer) -> None:
    clock = SharedTime()
    server.token_replies.extend([answer(503, {"error": "server_error"})] * 1000)

    async with AntonClient(credentials, base_url=server.base_url, clock=clock) as anton:
        time = asyncio.create_task(clock.pass_by())
        errors = await asyncio.gather(*(anton.payouts.create(**ORDER) for _ in range(100)), return_exceptions=True)
        time.cancel()

    assert {type(error) for error in errors} == {ServerError}
    assert len({id(error) for error in errors}) == 100
    assert {error.outcome for error in errors if isinstance(error, AntonError)} == {Outcome.NOT_SENT}
    assert len({error.idempotency_key for error in errors if isinstance(error, AntonError)}) == 100
    assert len(server.token_calls) <= 12
    assert server.requests == []
