from __future__ import annotations

import pytest

from tests.sandbox.conftest import OpenSandbox
from tests.sandbox.wire import Wire

PATH = "/v1/balances"


@pytest.fixture
async def wire(open_sandbox: OpenSandbox) -> Wire:
    return await open_sandbox(rate_limit_per_minute=3)


async def test_every_answer_carries_the_window(wire: Wire) -> None:
    replies = [await wire.call("GET", PATH) for _ in range(2)]
    missing = await wire.send("GET", "/v1/nothing")

    assert [reply.headers["X-RateLimit-Limit"] for reply in (*replies, missing)] == ["3"] * 3
    assert [reply.headers["X-RateLimit-Remaining"] for reply in (*replies, missing)] == ["2", "1", "1"]
    assert {int(reply.headers["X-RateLimit-Reset"]) for reply in (*replies, missing)} == {wire.now() + 60}


async def test_the_request_over_the_limit_is_told_how_long_to_wait(wire: Wire) -> None:
    for _ in range(3):
        await wire.call("GET", PATH)
    wire.clock.step(18)

    reply = await wire.call("GET", PATH)

    assert (reply.status, reply.headers["Retry-After"], reply.headers["X-RateLimit-Remaining"]) == (429, "42", "0")
    assert reply.json == {
        "error": {"code": "rate_limit_exceeded", "message": "Rate limit exceeded. Retry after 42 seconds."}
    }


async def test_the_window_rolls(wire: Wire) -> None:
    statuses: list[int] = []
    for pause in (0, 30, 0, 29.5, 0.5, 0, 30):
        wire.clock.step(pause)
        statuses.append((await wire.call("GET", PATH)).status)

    assert statuses == [200, 200, 200, 429, 200, 429, 200]


async def test_a_refused_request_does_not_count(wire: Wire) -> None:
    for _ in range(6):
        await wire.call("GET", PATH)
    wire.clock.step(60)

    assert [(await wire.call("GET", PATH)).status for _ in range(4)] == [200, 200, 200, 429]


async def test_a_request_without_credentials_does_not_count(wire: Wire) -> None:
    for _ in range(5):
        await wire.send("GET", PATH)

    assert (await wire.call("GET", PATH)).headers["X-RateLimit-Remaining"] == "2"


async def test_a_throttled_payout_keeps_its_key_free(wire: Wire) -> None:
    for _ in range(3):
        await wire.call("GET", PATH)

    throttled = await wire.pay("k1")
    wire.clock.step(60)
    paid = await wire.pay("k1")

    assert (throttled.status, paid.status, "X-Idempotent-Replayed" in paid.headers) == (429, 201, False)
