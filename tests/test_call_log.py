"""The log of calls: what it says, under which names, and what it never says."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from anton_async import AntonClient, AntonError, ApiKeyCredentials
from anton_async.log import loggable
from anton_async.models import Beneficiary, Payout
from tests.support.clock import SteppedClock
from tests.support.examples import BALANCE, ORDER, PAYOUT
from tests.support.raw_server import LOST, RawServer, Reply, answer, failure

NOW = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
KEY = ApiKeyCredentials("ak_test_" + "5" * 32)
CREATED = answer(201, {"data": PAYOUT}, headers={"X-Request-ID": "r9", "X-RateLimit-Remaining": "7"})


def make_client(server: RawServer, clock: SteppedClock, **options: Any) -> AntonClient:
    return AntonClient(KEY, base_url=server.base_url, clock=clock, **options)


def lines(caplog: pytest.LogCaptureFixture, name: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == name]


def extras(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name.startswith("anton_")}


async def test_a_line_a_call_is_off_even_where_everything_else_is_logged(
    server: RawServer, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "anton_async")
    server.script(CREATED)

    async with make_client(server, clock) as anton:
        await anton.payouts.create(**ORDER)

    assert lines(caplog, "anton_async.calls") == []
    assert lines(caplog, "anton_async.transport") == ["POST /v1/payouts: 201, attempt 1, request r9"]


async def test_a_line_a_call_says_what_it_came_to(
    server: RawServer, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "anton_async.calls")
    server.script(LOST, CREATED, failure(422, "insufficient_balance"), Reply(b"", "hang"))

    async with make_client(server, clock) as anton:
        await anton.payouts.create(**ORDER)
        with pytest.raises(AntonError):
            await anton.payouts.create(**ORDER)
        with pytest.raises(AntonError):
            await anton.payouts.create(**ORDER, timeout=0.02)

    first, refused, late = caplog.records
    pause = clock.pauses[0]
    assert [record.levelname for record in caplog.records] == ["INFO"] * 3
    assert first.getMessage() == f"POST /v1/payouts: succeeded after {pause:.3f} s, 2 requests, request id r9"
    assert refused.getMessage().startswith("POST /v1/payouts: rejected (insufficient_balance) after 0.000 s, 1 request")
    assert late.getMessage().startswith("POST /v1/payouts: unknown (DeadlineExceededError)")
    assert late.getMessage().endswith(" s, 1 request")
    assert extras(first) == {
        "anton_operation": "createPayout",
        "anton_attempt": 2,
        "anton_elapsed": pytest.approx(pause, abs=1e-6),
        "anton_queued": 0.0,
        "anton_outcome": "succeeded",
        "anton_status": 201,
        "anton_request_id": "r9",
        "anton_quota_left": 7,
    }
    assert extras(refused)["anton_code"] == "insufficient_balance"


async def test_a_line_a_request_and_a_line_a_pause_at_debug(
    server: RawServer, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "anton_async.transport")
    server.script(LOST, CREATED)

    async with make_client(server, clock) as anton:
        await anton.payouts.create(**ORDER)

    assert lines(caplog, "anton_async.transport") == [
        "POST /v1/payouts: ResponseLostError, attempt 1",
        f"POST /v1/payouts: tried again in {clock.pauses[0]:.2f} s",
        "POST /v1/payouts: 201, attempt 2, request r9",
    ]


@pytest.mark.parametrize("sent", ["x" * 201, "a\tb", "a b", "é"])
async def test_a_request_id_that_is_none_is_not_told(
    server: RawServer, clock: SteppedClock, caplog: pytest.LogCaptureFixture, sent: str
) -> None:
    caplog.set_level(logging.DEBUG, "anton_async")
    caplog.set_level(logging.INFO, "anton_async.calls")
    server.script(answer(200, {"data": BALANCE}, headers={"X-Request-ID": sent}))

    async with make_client(server, clock) as anton:
        await anton.balances.retrieve("USD")

    assert "anton_request_id" not in extras(caplog.records[-1])
    assert sent not in caplog.text


async def test_the_path_of_an_endpoint_without_a_template_is_not_told(
    server: RawServer, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "anton_async")
    caplog.set_level(logging.INFO, "anton_async.calls")
    server.script(answer(200, {}))

    async with make_client(server, clock) as anton:
        await anton.request("GET", "/v1/people/ada", response_type=dict)

    assert "GET: succeeded" in caplog.text
    assert "ada" not in caplog.text


async def test_the_warning_about_a_cancelled_payout_carries_its_key(
    server: RawServer, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(Reply(b"", "hang"))

    async with make_client(server, clock) as anton:
        paying = asyncio.create_task(anton.payouts.create(**ORDER, idempotency_key="inv-7"))
        await server.asked.wait()
        paying.cancel()
        await asyncio.wait([paying])

    assert paying.cancelled()
    assert [extras(record) for record in caplog.records] == [
        {"anton_operation": "createPayout", "anton_idempotency_key": "inv-7", "anton_outcome": "unknown"}
    ]


def test_what_the_application_set_before_the_import_stays() -> None:
    program = (
        "import logging; logging.getLogger('anton_async.calls').setLevel(logging.INFO);"
        "import anton_async.call_log as it; print(it.calls.isEnabledFor(logging.INFO))"
    )

    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert found.stdout == "True\n"


def test_structs_in_a_structured_log_hide_what_is_sensitive() -> None:
    payee = Beneficiary(
        id="ben_1",
        merchant_id="mer_1",
        type="individual",
        status="active",
        display_name="Ada Byron",
        country="DE",
        created_at=NOW,
        updated_at=NOW,
    )

    shown = msgspec.json.encode(loggable({"payees": [payee], "n": 1})).decode()

    assert "ben_1" in shown
    assert "Ada" not in shown
    assert "<hidden>" in shown


def test_what_is_not_sensitive_stays_as_it_is() -> None:
    payout = msgspec.convert(PAYOUT, Payout)

    assert loggable(payout) == {name: getattr(payout, name) for name in payout.__struct_fields__}


async def test_an_error_in_a_structured_log_says_what_became_of_the_call(
    server: RawServer, clock: SteppedClock
) -> None:
    server.script(failure(422, "insufficient_balance", "Ada Byron has no money"))

    async with make_client(server, clock) as anton:
        with pytest.raises(AntonError) as caught:
            await anton.payouts.create(**ORDER, idempotency_key="inv-7")

    assert loggable(caught.value) == {
        "error": "UnprocessableEntityError",
        "outcome": "rejected",
        "status": 422,
        "code": "insufficient_balance",
        "idempotency_key": "inv-7",
        "attempt": 1,
    }
