"""Closing a client, or not: what is under way ends with the truth, and nothing is sent afterwards."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import aiohttp
import pytest

from anton_async import AntonClient, ApiKeyCredentials, CallEvent, ConfigurationError, Outcome, RateLimit
from anton_async.clock import SYSTEM_CLOCK
from tests.faults.conftest import Connect
from tests.faults.ledger import Ledger, Report, report
from tests.faults.server import FaultServer
from tests.faults.steps import answer, drop, lose, serve
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


@pytest.mark.fault("K12")
@pytest.mark.parametrize(("status", "outcome"), [(503, Outcome.UNKNOWN), (429, Outcome.REJECTED)])
async def test_closing_ends_calls_that_wait_for_their_next_try(
    connect: Connect, api: FaultServer, ledger: Ledger, status: int, outcome: Outcome
) -> None:
    api.script((answer(status, "rate_limit_exceeded", {"Retry-After": "30"}), serve))
    paused = asyncio.Event()

    def note(event: CallEvent) -> None:
        del event
        paused.set()

    anton = await connect(clock=SYSTEM_CLOCK, on_retry=note).open()
    call = asyncio.create_task(report(anton.payouts.create(**ORDER, idempotency_key="k1")))
    await paused.wait()
    told = await closed_under(anton, call)

    ledger.check("k1", told)
    assert (told.outcome, len(ledger.sent("k1"))) == (outcome, 1)
    assert told.error is not None
    assert told.error.idempotency_key == "k1"


@pytest.mark.fault("K12")
@pytest.mark.parametrize("limits", [{"rate_limit": RateLimit(per_minute=1)}, {"concurrency": 1}], ids=str)
async def test_closing_ends_calls_that_wait_for_their_turn(
    connect: Connect, api: FaultServer, ledger: Ledger, limits: dict[str, Any]
) -> None:
    api.script(lose("hang"))
    anton = await connect(clock=SYSTEM_CLOCK, **limits).open()
    first = asyncio.create_task(report(anton.payouts.create(**ORDER, idempotency_key="k1")))
    await api.asked.wait()
    others = [asyncio.create_task(report(anton.payouts.create(**ORDER, idempotency_key=f"k{n}"))) for n in (2, 3)]
    for _ in range(5):
        await asyncio.sleep(0)

    told = [await closed_under(anton, call) for call in (others[0], others[1])]

    ledger.check("k1", await first)
    assert [report.outcome for report in told] == [Outcome.NOT_SENT] * 2
    assert ledger.sent("k2") == ledger.sent("k3") == []


@pytest.mark.fault("K12", "B21")
async def test_closing_ends_calls_that_wait_for_a_token(connect: Connect, issuer: FaultServer, ledger: Ledger) -> None:
    issuer.script(drop("hang"))
    anton = await connect(clock=SYSTEM_CLOCK).open()
    call = asyncio.create_task(report(anton.payouts.create(**ORDER, idempotency_key="k1")))
    await issuer.asked.wait()

    told = await closed_under(anton, call)

    ledger.check("k1", told)
    assert (told.outcome, ledger.sent("k1")) == (Outcome.NOT_SENT, [])


@pytest.mark.fault("K12")
async def test_an_answer_that_asks_for_a_pause_while_the_client_closes_gets_none(
    connect: Connect, api: FaultServer, ledger: Ledger
) -> None:
    api.script(answer(503, "unavailable"))
    closing: list[asyncio.Task[None]] = []

    def close(event: CallEvent) -> None:
        del event
        closing.append(asyncio.create_task(anton.close()))

    anton: AntonClient = await connect(clock=SYSTEM_CLOCK, on_response=close).open()

    told = await asyncio.wait_for(report(anton.payouts.create(**ORDER, idempotency_key="k1")), 1)
    await asyncio.gather(*closing)

    ledger.check("k1", told)
    assert (told.outcome, len(ledger.sent("k1"))) == (Outcome.UNKNOWN, 1)


async def closed_under(anton: AntonClient, call: asyncio.Task[Report]) -> Report:
    """Close the client and return what a call under way was told, which must be at once and a sentence."""
    await asyncio.wait_for(anton.close(), 1)
    told = await asyncio.wait_for(call, 0.1)
    assert isinstance(told.error, ConfigurationError)
    assert "client was closed while" in str(told.error)
    return told


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
