"""What once made an executed payout look refused or never sent: each is a doubt, and said to be one."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from anton_async import AntonClient, AntonError, ApiKeyCredentials, CallEvent, Outcome, RequestValidationError
from tests.support.clock import SteppedClock
from tests.support.raw_server import LOST, RawServer, answer

ORDER: dict[str, Any] = {
    "beneficiary_id": "ben_01K5",
    "instrument_id": "ins_01K5",
    "source_amount": "10.00",
    "dest_amount": "10.00",
    "dest_currency": "EUR",
    "method": "sepa",
    "purpose": "salary",
    "reference": "S-1",
}


def connect(server: RawServer, **options: Any) -> AntonClient:
    key = ApiKeyCredentials("ak_test_00000000000000000000")
    return AntonClient(key, base_url=server.base_url, clock=SteppedClock(), **options)


async def failed(anton: AntonClient) -> AntonError:
    with pytest.raises(AntonError) as caught:
        await anton.payouts.create(**ORDER, idempotency_key="k1")
    return caught.value


@pytest.mark.fault("C06", "D07")
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"timestamp": "2026-01-01T00:00:00Z", "status": 404, "error": "Not Found"}),
        (400, {"statusCode": 400, "error": "Bad Request", "message": "premature"}),
        (404, {"error": {"code": 404, "message": "not defined by this API"}}),
        (404, {"code": 5, "message": "Method does not exist."}),
        (410, {"error": "Gone"}),
        (404, {"error": {"code": "not_found", "message": "x"}}),
        (422, {"error": {"code": "duplicate_file", "message": "a code of another call"}}),
    ],
)
async def test_a_gateways_error_page_settles_no_lost_answer(status: int, body: object) -> None:
    async with RawServer() as server, connect(server) as anton:
        server.script(LOST, answer(status, body))

        error = await failed(anton)

    assert (error.outcome, error.idempotency_key) == (Outcome.UNKNOWN, "k1")
    assert {request.headers["idempotency-key"] for request in server.requests} == {"k1"}


@pytest.mark.fault("C06")
async def test_a_documented_refusal_under_the_same_key_settles_a_lost_answer() -> None:
    async with RawServer() as server, connect(server) as anton:
        server.script(LOST, answer(422, {"error": {"code": "insufficient_balance", "message": "too low"}}))

        error = await failed(anton)

    assert error.outcome is Outcome.REJECTED


@pytest.mark.fault("K11")
@pytest.mark.parametrize("kind", ["connector", "proxy", "url", "timeout"])
async def test_a_trace_hook_cannot_make_a_sent_payout_look_unsent(kind: str) -> None:
    faults: dict[str, Exception] = {
        "connector": aiohttp.ClientConnectorDNSError(_connection_key(), OSError(111, "refused")),
        "proxy": aiohttp.ClientProxyConnectionError(_connection_key(), OSError(111, "refused")),
        "url": aiohttp.InvalidURL("http://collector"),
        "timeout": aiohttp.ConnectionTimeoutError(),
    }

    async def fail(*_: object) -> None:
        raise faults[kind]

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(fail)
    async with RawServer() as server, aiohttp.ClientSession(trace_configs=[trace]) as session:
        server.script(answer(201, {"data": {"id": "pay_1"}}))
        async with connect(server, session=session, max_retries=0) as anton:
            error = await failed(anton)

    assert len(server.requests) == 1
    assert error.outcome is Outcome.UNKNOWN


def _connection_key() -> Any:
    from aiohttp.client_reqrep import ConnectionKey  # noqa: PLC0415 - nobody else needs it

    return ConnectionKey("127.0.0.1", 1, False, True, None, None, None)


async def test_a_hook_that_reads_a_cancelled_future_changes_nothing() -> None:
    async def cancelled() -> None:
        await asyncio.Event().wait()

    other = asyncio.create_task(cancelled())
    other.cancel()
    await asyncio.wait({other})

    def read(_: CallEvent) -> None:
        other.result()

    async with RawServer() as server, connect(server, on_response=read, max_retries=0) as anton:
        server.script(answer(422, {"error": {"code": "insufficient_balance", "message": "too low"}}))

        error = await failed(anton)

    assert error.outcome is Outcome.REJECTED


def pickled(error: AntonError) -> Any:
    return pickle.loads(pickle.dumps(error))  # noqa: S301 - our own


def told(error: AntonError) -> Any:
    return str(error)


@pytest.mark.parametrize("spoil", [pickled, told])
async def test_what_cannot_be_settled_is_no_less_unknown(spoil: Callable[[AntonError], Any]) -> None:
    async with RawServer() as server, connect(server, max_retries=0) as anton:
        server.script(LOST)
        error = await failed(anton)

        with pytest.raises(RequestValidationError) as caught:
            await anton.payouts.settle(spoil(error))
        with pytest.raises(AntonError) as untimely:
            await anton.payouts.settle(error, timeout=0)

    assert caught.value.outcome is Outcome.UNKNOWN
    assert (untimely.value.outcome, untimely.value.idempotency_key) == (Outcome.UNKNOWN, "k1")
