"""Closing a client, or not: what is under way ends with the truth, and nothing is sent afterwards."""

from __future__ import annotations

import asyncio
import gc

import aiohttp
import pytest

from anton_async import ApiKeyCredentials, ConfigurationError, Outcome
from anton_async.clock import SYSTEM_CLOCK
from tests.faults.conftest import Connect
from tests.faults.ledger import Ledger, report
from tests.faults.server import FaultServer
from tests.faults.steps import answer, lose, serve
from tests.support.examples import ORDER


@pytest.mark.fault("K12")
@pytest.mark.parametrize("foreign", [False, True])
async def test_closing_ends_what_is_under_way_as_unknown(
    connect: Connect, api: FaultServer, ledger: Ledger, foreign: bool
) -> None:
    api.script(lose("hang"))

    async with aiohttp.ClientSession() as session:
        anton = await connect(**({"session": session} if foreign else {})).open()
        call = asyncio.create_task(report(anton.payouts.create(**ORDER, idempotency_key="k1")))
        await api.asked.wait()
        await anton.close()
        told = await asyncio.wait_for(call, 1)
        assert session.closed is False

    ledger.check("k1", told)
    assert told.outcome is Outcome.UNKNOWN
    assert len(ledger.sent("k1")) == 1


@pytest.mark.fault("K12")
async def test_closing_in_the_middle_of_an_answer_frees_the_connection(
    connect: Connect, api: FaultServer, ledger: Ledger
) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session:
        api.script(lose("hang"))
        anton = await connect(session=session, credentials=ApiKeyCredentials("ak_test_1")).open()
        call = asyncio.create_task(report(anton.payouts.create(**ORDER, idempotency_key="k1")))
        await api.asked.wait()
        await anton.close()
        ledger.check("k1", await call)

        async with connect(session=session, connect_timeout=0.5, max_retries=0) as second:
            told = await report(second.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.payout is not None
    assert len(ledger.payments) == 1


@pytest.mark.xfail(strict=True, reason="Transport does not end calls that wait in a pause or at the rate gate")
async def test_closing_ends_calls_that_wait(connect: Connect, api: FaultServer, ledger: Ledger) -> None:
    api.script((answer(503, "unavailable", {"Retry-After": "30"}), serve))

    anton = await connect(clock=SYSTEM_CLOCK).open()
    call = asyncio.create_task(report(anton.payouts.create(**ORDER, idempotency_key="k1")))
    await api.asked.wait()
    await asyncio.sleep(0.05)  # lets the answer arrive and the pause begin
    await anton.close()

    ledger.check("k1", await asyncio.wait_for(call, 0.1))


@pytest.mark.fault("K12")
async def test_a_client_that_was_never_opened_or_was_closed_sends_nothing(connect: Connect, ledger: Ledger) -> None:
    unopened, closed = connect(), connect()
    async with closed:
        pass
    await closed.close()
    await unopened.close()

    for anton in (unopened, closed):
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))
        ledger.check("k1", told)
        assert isinstance(told.error, ConfigurationError)
    assert ledger.sendings == []


@pytest.mark.fault("K12")
async def test_a_client_left_open_is_complained_about(connect: Connect, ledger: Ledger) -> None:
    left_open = [await connect().open()]
    await left_open[0].balances.retrieve("USD")

    def forget() -> None:
        left_open.clear()
        gc.collect()

    with pytest.warns(ResourceWarning, match="[Uu]nclosed"):
        forget()

    assert len(ledger.sendings) == 2
