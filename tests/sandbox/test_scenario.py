from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.sandbox.wire import Wire, order


async def test_a_dropped_response_was_carried_out(wire: Wire) -> None:
    wire.sandbox.on("createPayout").drop_response()

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await wire.pay("k1")
    again = await wire.pay("k1")

    assert (again.status, again.headers["X-Idempotent-Replayed"]) == (201, "true")
    assert wire.sandbox.executed == {"k1": 1}
    assert [(seen.status, seen.delivered, seen.replayed) for seen in wire.sandbox.requests[1:]] == [
        (201, False, False),
        (201, True, True),
    ]


async def test_a_failure_has_no_effect(wire: Wire) -> None:
    wire.sandbox.on("createPayout").fail(times=2)

    failed = [await wire.pay("k1") for _ in range(2)]
    paid = await wire.pay("k1")

    assert [(reply.status, reply.code) for reply in failed] == [(503, "internal_error")] * 2
    assert {reply.json["error"]["message"] for reply in failed} == {"internal server error"}
    assert paid.status == 201
    assert wire.sandbox.executed == {"k1": 1}


async def test_steps_are_taken_in_order(wire: Wire) -> None:
    wire.sandbox.on("listBalances").let_through().fail(500).fail(429, code="slow_down", retry_after=7)

    replies = [await wire.call("GET", "/v1/balances") for _ in range(4)]

    assert [reply.status for reply in replies] == [200, 500, 429, 200]
    assert (replies[2].code, replies[2].headers["Retry-After"]) == ("slow_down", "7")


async def test_a_delay_passes_on_the_clock(wire: Wire) -> None:
    await wire.token()
    wire.sandbox.on("getBalance").delay(2.5)

    reply = await wire.call("GET", "/v1/balances/USD")

    assert reply.status == 200
    assert wire.clock.pauses == [2.5]


async def test_other_operations_are_left_alone(wire: Wire) -> None:
    wire.sandbox.on("listBalances").fail()

    assert (await wire.call("GET", "/v1/balances/USD")).status == 200


async def test_the_token_endpoint_fails_in_the_flat_form(wire: Wire) -> None:
    wire.sandbox.on("createAccessToken").fail(503, retry_after=1).fail(401)

    busy, unknown = await wire.ask_token(), await wire.ask_token()

    assert (busy.status, busy.json["error"], busy.headers["Retry-After"]) == (503, "server_error", "1")
    assert (unknown.status, unknown.json["error"]) == (401, "invalid_client")


async def test_a_request_without_credentials_takes_no_step(wire: Wire) -> None:
    wire.sandbox.on("listBalances").fail()

    refused = await wire.send("GET", "/v1/balances")
    failed = await wire.call("GET", "/v1/balances")

    assert (refused.status, failed.status) == (401, 503)


async def test_nonsense_is_refused_at_once(wire: Wire) -> None:
    with pytest.raises(ValueError, match=r"no operation 'creatPayouts'; did you mean one of .*createPayout,"):
        wire.sandbox.on("creatPayouts")
    with pytest.raises(ValueError, match=r"no operation 'payouts\.create'; the document calls it createPayout\."):
        wire.sandbox.on("payouts.create")
    with pytest.raises(ValueError, match=r"no operation 'zzz'; there are .*createPayout,.*listBalances"):
        wire.sandbox.on("zzz")
    with pytest.raises(ValueError, match="retry_after must be 0"):
        wire.sandbox.on("createPayout").rate_limit(retry_after=-1)
    with pytest.raises(ValueError, match="0 to 86400"):
        wire.sandbox.on("createPayout").delay(-1)
    with pytest.raises(ValueError, match="from 400 to 599"):
        wire.sandbox.on("createPayout").fail(200)
    with pytest.raises(ValueError, match="times must be 1 or more"):
        wire.sandbox.on("createPayout").drop_response(times=0)


async def test_a_scripted_rate_limit_looks_like_a_real_one(wire: Wire) -> None:
    wire.sandbox.on("createPayout").rate_limit(retry_after=7, times=2)

    refused = [await wire.pay("k") for _ in range(2)]

    assert [(reply.status, reply.code) for reply in refused] == [(429, "rate_limit_exceeded")] * 2
    headers = refused[0].headers
    assert (headers["Retry-After"], headers["X-RateLimit-Remaining"]) == ("7", "0")
    assert int(headers["X-RateLimit-Reset"]) == wire.now() + 7
    assert (await wire.pay("k")).status == 201


async def test_a_held_request_has_changed_nothing_until_it_is_released(wire: Wire) -> None:
    script = wire.sandbox.on("createPayout").hold(times=2).fail(500)
    paying = [asyncio.create_task(wire.pay(key)) for key in ("k1", "k2")]
    await script.wait_held(2)

    in_flight = await wire.call("POST", "/v1/payouts", body=order(), key="k1")
    before = (script.held, dict(wire.sandbox.executed), await wire.balance())
    script.release()
    paid = await asyncio.gather(*paying)

    assert before == (2, {}, ("10000.00", "0.00", "10000.00"))
    assert in_flight.status == 500
    assert [reply.status for reply in paid] == [201, 201]
    assert (script.held, wire.sandbox.executed) == (0, {"k1": 1, "k2": 1})


async def test_a_held_key_is_in_flight(wire: Wire) -> None:
    script = wire.sandbox.on("createPayout").hold()
    paying = asyncio.create_task(wire.pay("k"))
    await script.wait_held()

    second = await wire.pay("k")
    script.release()

    assert (second.status, second.code) == (409, "idempotency_in_flight")
    assert (await paying).status == 201


async def test_a_request_is_carried_out_though_its_client_has_gone(wire: Wire) -> None:
    script = wire.sandbox.on("createPayout").hold()
    paying = asyncio.create_task(wire.pay("k"))
    await script.wait_held()
    paying.cancel()
    await asyncio.wait({paying})

    script.release()

    assert (await wire.call("GET", "/v1/balances")).status == 200
    assert wire.sandbox.executed == {"k": 1}


async def test_a_sandbox_stops_with_requests_held(wire: Wire) -> None:
    script = wire.sandbox.on("createPayout").hold()
    paying = asyncio.create_task(wire.pay("k"))
    await script.wait_held()

    await wire.sandbox.stop()

    with pytest.raises(aiohttp.ClientError):
        await paying
    assert (script.held, wire.sandbox.executed) == (0, {})


async def test_clearing_a_script_lets_everything_go_on(wire: Wire) -> None:
    script = wire.sandbox.on("createPayout").hold().fail(500, times=3)
    paying = asyncio.create_task(wire.pay("k"))
    await script.wait_held()

    script.clear()

    assert ((await paying).status, script.waiting, (await wire.pay("k2")).status) == (201, 0, 201)
