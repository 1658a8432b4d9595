from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from anton_async.sandbox import Sandbox
from tests.sandbox.contract import event_problems
from tests.sandbox.wire import SEED, Wire
from tests.support.clock import SteppedClock


@dataclass
class Receiver:
    """An endpoint that keeps what it gets, and answers what it is told to."""

    url: str = ""
    status: int = 200
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list[tuple[dict[str, str], bytes]])
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append((dict(request.headers), await request.read()))
        self.arrived.set()
        return web.Response(status=self.status, text="x" * 5000, headers={"Location": self.url})

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.requests]


@asynccontextmanager
async def listening() -> AsyncGenerator[Receiver]:
    receiver = Receiver()
    runner = web.ServerRunner(web.Server(receiver.answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with listening() as started:
        yield started


async def subscribe(wire: Wire, url: str, *events: str) -> Any:
    body = {"url": url, "events": events or ["*"]}
    return (await wire.call("POST", "/v1/webhooks", body=body, key=f"s{url}{events}")).json


def signed_with(secret: str, headers: dict[str, str], body: bytes) -> bool:
    signed = headers["X-Webhook-Timestamp"].encode() + b"." + body
    expected = "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return expected in headers["X-Webhook-Signature"].split(",")


async def deliveries(wire: Wire, event_id: str) -> list[Any]:
    return list((await wire.call("GET", f"/v1/webhooks/events/{event_id}/deliveries")).data)


async def test_an_event_is_delivered_with_a_signature(wire: Wire, receiver: Receiver) -> None:
    subscription = await subscribe(wire, receiver.url, "payout.created")
    payout = (await wire.pay()).data

    await wire.sandbox.deliver_webhooks()

    [(headers, body)] = receiver.requests
    assert event_problems(receiver.bodies[0]) == []
    assert receiver.bodies[0]["data"]["id"] == payout["id"]
    assert (headers["X-Webhook-Event"], headers["X-Webhook-ID"]) == ("payout.created", receiver.bodies[0]["id"])
    assert headers["User-Agent"] == "AntonPayments-Webhook/1.0"
    assert headers["X-Webhook-Timestamp"] == str(wire.now())
    assert signed_with(subscription["secret"], headers, body)
    [delivery] = await deliveries(wire, receiver.bodies[0]["id"])
    assert (delivery["status"], delivery["attempts"], delivery["response_status"]) == ("success", 1, 200)
    assert (delivery["subscription_id"], delivery["url"]) == (subscription["id"], receiver.url)
    assert len(delivery["response_body"]) == 1024


async def test_an_endpoint_gets_only_what_it_asked_for(wire: Wire, receiver: Receiver) -> None:
    await subscribe(wire, receiver.url, "payout.sent", "payout.completed")
    await wire.pay()
    wire.clock.step(10)

    await wire.sandbox.deliver_webhooks()

    assert {body["type"] for body in receiver.bodies} == {"payout.sent", "payout.completed"}


@pytest.mark.parametrize("status", [500, 404, 302])
async def test_a_failed_delivery_is_tried_five_times_on_the_documented_schedule(
    wire: Wire, receiver: Receiver, status: int
) -> None:
    receiver.status = status
    await subscribe(wire, receiver.url, "payout.created")
    await wire.pay()
    await wire.sandbox.deliver_webhooks()
    event_id = receiver.bodies[0]["id"]

    for count, wait in enumerate((30, 120, 480, 1920), 1):
        [delivery] = await deliveries(wire, event_id)
        assert (delivery["status"], delivery["attempts"], "next_retry_at" in delivery) == ("failed", count, True)
        wire.sandbox.clock.advance(wait - 1)
        await wire.sandbox.deliver_webhooks()
        assert len(receiver.requests) == count
        wire.sandbox.clock.advance(1)
        await wire.sandbox.deliver_webhooks()
        assert len(receiver.requests) == count + 1
    wire.sandbox.clock.advance(100_000)
    await wire.sandbox.deliver_webhooks()

    [delivery] = await deliveries(wire, event_id)
    assert (delivery["status"], delivery["attempts"], delivery["max_attempts"]) == ("abandoned", 5, 5)
    assert len({body for _, body in receiver.requests}) == 1
    assert len(receiver.requests) == 5


async def test_an_endpoint_that_comes_back_gets_the_event(wire: Wire, receiver: Receiver) -> None:
    receiver.status = 503
    await subscribe(wire, receiver.url, "payout.created")
    await wire.pay()
    await wire.sandbox.deliver_webhooks()
    receiver.status = 204
    wire.sandbox.clock.advance(30)

    await wire.sandbox.deliver_webhooks()

    [delivery] = await deliveries(wire, receiver.bodies[0]["id"])
    assert (delivery["status"], delivery["attempts"]) == ("success", 2)
    assert "delivered_at" in delivery


async def test_an_endpoint_that_is_not_there_is_a_failed_try(wire: Wire) -> None:
    async with listening() as gone:
        pass
    await subscribe(wire, gone.url, "payout.created")
    await wire.pay()

    await wire.sandbox.deliver_webhooks()

    event = (await wire.events("payout.created"))[0]
    [delivery] = await deliveries(wire, event["id"])
    assert (delivery["status"], delivery["error"]) == ("failed", "ClientConnectorError")
    assert "response_status" not in delivery


async def test_after_a_rotation_both_secrets_sign_for_a_day(wire: Wire, receiver: Receiver) -> None:
    subscription = await subscribe(wire, receiver.url)
    path = f"/v1/webhooks/{subscription['id']}"
    rotated = (await wire.call("POST", f"{path}/secret/rotate", key="r")).data

    for number, hours in enumerate((23, 1)):
        wire.sandbox.clock.advance(hours * 3600)
        await wire.call("POST", f"{path}/test", key=f"t{number}")
        await wire.sandbox.deliver_webhooks()

    both, new = receiver.requests
    assert signed_with(subscription["secret"], *both)
    assert signed_with(rotated["secret"], *both)
    assert not signed_with(subscription["secret"], *new)
    assert signed_with(rotated["secret"], *new)


async def test_a_test_event_goes_to_one_endpoint(wire: Wire, receiver: Receiver) -> None:
    subscription = await subscribe(wire, receiver.url, "payout.failed")

    queued = await wire.call("POST", f"/v1/webhooks/{subscription['id']}/test", key="t")
    await wire.sandbox.deliver_webhooks()

    assert (queued.status, receiver.bodies[0]["id"]) == (202, queued.data["event_id"])
    assert receiver.bodies[0]["data"]["test"] is True
    assert event_problems(receiver.bodies[0]) == []


async def test_nothing_goes_to_an_endpoint_that_was_switched_off(wire: Wire, receiver: Receiver) -> None:
    receiver.status = 500
    subscription = await subscribe(wire, receiver.url)
    await wire.pay()
    await wire.sandbox.deliver_webhooks()
    await wire.call("POST", f"/v1/webhooks/{subscription['id']}/deactivate", key="off")
    await wire.pay()

    wire.sandbox.clock.advance(30)
    await wire.sandbox.deliver_webhooks()

    assert len(receiver.requests) == 1
    [delivery] = await deliveries(wire, receiver.bodies[0]["id"])
    assert delivery["status"] == "abandoned"


async def test_events_go_out_by_themselves_when_nobody_asks(receiver: Receiver, wire: Wire) -> None:
    await subscribe(wire, receiver.url, "payout.completed")
    await wire.pay()

    wire.sandbox.clock.advance(10)
    async with asyncio.timeout(10):
        await receiver.arrived.wait()

    assert receiver.bodies[0]["type"] == "payout.completed"


async def test_what_was_under_way_at_a_stop_is_sent_after_the_next_start(wire: Wire) -> None:
    async with listening() as receiver:
        await subscribe(wire, receiver.url, "payout.created")
        await wire.sandbox.stop()
        await wire.sandbox.start()
        await wire.pay()

        await wire.sandbox.deliver_webhooks()

        assert [body["type"] for body in receiver.bodies] == ["payout.created"]


def test_a_sandbox_may_come_back_in_another_event_loop() -> None:
    sandbox = Sandbox(seed=SEED)

    async def deliver() -> list[str]:
        async with listening() as receiver, sandbox, aiohttp.ClientSession() as session:
            wire = Wire(sandbox, session, SteppedClock(time.time()))
            await subscribe(wire, receiver.url, "payout.created")
            await wire.pay()
            async with asyncio.timeout(10):
                await receiver.arrived.wait()
            return [body["type"] for body in receiver.bodies]

    assert [asyncio.run(deliver()) for _ in range(2)] == [["payout.created"]] * 2
