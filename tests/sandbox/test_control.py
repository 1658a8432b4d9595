"""The control API, by plain HTTP as a test in another language would use it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from anton_async.sandbox import Sandbox
from tests.sandbox.conftest import OpenSandbox
from tests.sandbox.wire import BENEFICIARY, Reply, Wire


@pytest.fixture
async def wire(open_sandbox: OpenSandbox) -> Wire:
    return await open_sandbox(control=True)


async def control(wire: Wire, method: str, path: str, body: object = None, **headers: str) -> Reply:
    data = None if body is None else json.dumps(body)
    return await wire.send(method, f"/control/{path}", data=data, headers=headers)


async def test_steps_are_taken_in_order(wire: Wire) -> None:
    steps: list[Any] = [
        {"action": "fail", "status": 500, "times": 2},
        {"action": "rate_limit", "retry_after": 7},
        {"action": "fail", "status": 422, "code": "own_code", "retry_after": 3},
        {"action": "delay", "seconds": 1.5},
        {"action": "let_through"},
        {"action": "drop_response"},
    ]

    added = await control(wire, "POST", "scenarios/listBalances", {"steps": steps})
    replies = [await wire.call("GET", "/v1/balances") for _ in range(6)]
    left = await control(wire, "GET", "scenarios/listBalances")

    assert added.json == {"operation": "listBalances", "steps": 7, "held": 0}
    assert [reply.status for reply in replies] == [500, 500, 429, 422, 200, 200]
    assert (replies[2].headers["Retry-After"], replies[3].code) == ("7", "own_code")
    assert wire.clock.pauses == [1.5]
    assert left.json["steps"] == 1
    assert (await control(wire, "POST", "scenarios/listBalances/clear")).json["steps"] == 0


async def test_a_held_request_goes_on_when_it_is_released(wire: Wire) -> None:
    await control(wire, "POST", "scenarios/createPayout", {"steps": [{"action": "hold"}]})
    paying = asyncio.create_task(wire.pay("k"))
    while not (await control(wire, "GET", "scenarios/createPayout")).json["held"]:
        pass
    under_way = (await control(wire, "GET", "executed")).json

    await control(wire, "POST", "scenarios/createPayout/release")

    assert (await paying).status == 201
    assert under_way == {"executed": {}}
    assert (await control(wire, "GET", "executed")).json == {"executed": {"k": 1}}


async def test_the_clock_is_moved_held_and_released(wire: Wire) -> None:
    payout = (await wire.pay("k")).data["id"]

    held = await control(wire, "POST", "clock/hold")
    moved = await control(wire, "POST", "clock/advance", {"seconds": 3600})
    released = await control(wire, "POST", "clock/release")

    assert (held.json["held"], moved.json["held"], released.json["held"]) == (True, True, False)
    assert moved.json["now"] > held.json["now"]
    assert (await wire.call("GET", f"/v1/payouts/{payout}")).data["status"] == "completed"
    assert (await control(wire, "GET", "clock")).json == released.json


async def test_requests_are_told_without_secrets(wire: Wire) -> None:
    await wire.pay("k", source_amount="999999.00", dest_amount="999999.00")

    seen = (await control(wire, "GET", "requests")).json["requests"]

    assert [(one["operation_id"], one["status"], one["code"]) for one in seen] == [
        ("createAccessToken", 200, None),
        ("createPayout", 422, "insufficient_balance"),
    ]
    assert (await wire.token()) not in json.dumps(seen)


async def test_a_reset_begins_again_from_the_seed(wire: Wire) -> None:
    credentials = wire.sandbox.credentials
    paid = (await wire.pay("k")).data["id"]
    wire.sandbox.on("createPayout").fail(500)
    wire.sandbox.clock.advance(1000)
    wire.sandbox.clock.hold()

    assert (await control(wire, "POST", "reset")).json == {"done": "reset"}

    assert (await control(wire, "POST", "deliver")).json == {"done": "deliver"}
    assert not wire.sandbox.clock.held
    assert wire.sandbox.clock.time() == wire.clock.time()
    assert (wire.sandbox.executed, wire.sandbox.requests) == ({}, [])
    assert (await wire.call("GET", f"/v1/payouts/{paid}")).status == 404
    assert (await wire.call("GET", f"/v1/beneficiaries/{BENEFICIARY}")).status == 200
    assert (await wire.pay("k")).status == 201
    assert await wire.balance() == ("9900.00", "100.00", "10000.00")
    assert wire.sandbox.credentials.client_id == credentials.client_id


@pytest.mark.parametrize(
    ("request_line", "body", "status", "told"),
    [
        ("POST scenarios/creatPayout", {"steps": []}, 404, "did you mean one of createPayout"),
        ("POST scenarios/createPayout", {"steps": [{"action": "explode"}]}, 400, "explode"),
        ("POST scenarios/createPayout", {"steps": [{"action": "hold"}, {"action": "delay"}]}, 400, "seconds"),
        ("POST scenarios/createPayout", {"steps": [{"action": "fail", "status": 99}]}, 400, "400"),
        ("POST scenarios/createPayout", {"steps": [{"action": "hold", "times": 10**9}]}, 400, "10000"),
        ("POST scenarios/createPayout", {"steps": [{"action": "hold", "secs": 1}]}, 400, "secs"),
        ("POST scenarios/createPayout", None, 400, "truncated"),
        ("POST scenarios/createPayout/explode", None, 404, "no POST /control/scenarios/createPayout/explode"),
        ("POST clock/advance", {"seconds": -1}, 400, "seconds"),
        ("POST clock/advance", {"seconds": 1e300}, 400, "seconds"),
        ("GET clock/advance", None, 404, "there is no GET"),
        ("GET nothing", None, 404, "there are scenarios, clock"),
        ("PUT clock", None, 405, "use GET or POST"),
    ],
)
async def test_mistakes_are_explained_and_change_nothing(
    wire: Wire, request_line: str, body: object, status: int, told: str
) -> None:
    method, path = request_line.split(" ")

    reply = await control(wire, method, path, body)

    assert reply.status == status
    assert told in reply.json["error"]["message"]
    assert (await control(wire, "GET", "scenarios/createPayout")).json == {
        "operation": "createPayout",
        "steps": 0,
        "held": 0,
    }


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Host": "evil.example:8080"},
        {"Host": "localhost.evil.example"},
        {"Host": "127.0.0.1.evil.example"},
    ],
)
async def test_a_web_page_is_no_way_in(wire: Wire, headers: dict[str, str]) -> None:
    refused = await control(wire, "POST", "clock/hold", **headers)

    assert (refused.status, refused.code) == (403, "forbidden")
    assert not wire.sandbox.clock.held


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1234", "[::1]:80", "127.8.8.8", "anton.localhost:1"])
async def test_this_machine_has_many_names(wire: Wire, host: str) -> None:
    assert (await control(wire, "GET", "clock", Host=host)).status == 200


async def test_anywhere_means_any_name(open_sandbox: OpenSandbox) -> None:
    wire = await open_sandbox(control="anywhere")

    assert (await control(wire, "GET", "clock", Host="anton.docker.internal:8080")).status == 200
    assert (await control(wire, "GET", "clock", Origin="https://evil.example")).status == 403


async def test_it_is_off_unless_asked_for(open_sandbox: OpenSandbox) -> None:
    wire = await open_sandbox()

    assert (await control(wire, "POST", "reset")).status == 404
    with pytest.raises(ValueError, match="control must be True, False or one of loopback, anywhere"):
        Sandbox(control="lan")  # type: ignore[arg-type]  # what a newcomer may try


async def test_a_step_that_cannot_be_leaves_none_of_the_others_behind(wire: Wire) -> None:
    steps = {"steps": [{"action": "hold"}, {"action": "fail", "status": 99}]}

    assert (await control(wire, "POST", "scenarios/createPayout", steps)).status == 400
    assert wire.sandbox.on("createPayout").waiting == 0
