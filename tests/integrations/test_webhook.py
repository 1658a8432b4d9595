"""The webhook route: raw bytes, under a cap, answered at once, and never a 500 for what a stranger sends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import pytest
from fastapi import Depends, FastAPI, Request, Response

from anton_async import AntonClient
from anton_async.integrations.fastapi import anton_lifespan, webhook_route
from anton_async.models import PayoutCreatedEvent
from anton_async.sandbox import Sandbox
from anton_async.webhooks import Event, WebhookRouter, WebhookVerifier, sign
from tests.flows.conftest import ORDER
from tests.integrations.conftest import MakeClient
from tests.integrations.deliveries import PATH, SECRET, Delivery, Seen, delivery, make_router
from tests.integrations.serving import ask, free_socket, serve, url_of


def make_app(seen: Seen, **options: Any) -> FastAPI:
    app = FastAPI()
    app.include_router(webhook_route(make_router(seen), path=PATH, **options))
    return app


async def test_a_delivery_is_acknowledged_and_handled() -> None:
    seen = Seen()
    app = make_app(seen)
    body, headers = delivery()

    async with app.router.lifespan_context(app):
        answer = await ask(app, PATH, chunks=[body], headers=headers)

    assert (answer.status, answer.body) == (200, b"")
    assert seen.events == ["evt_1"]


@pytest.mark.fault("G15")
async def test_a_replayed_delivery_is_acknowledged_and_handled_once() -> None:
    seen = Seen()
    app = make_app(seen)
    body, headers = delivery()

    async with app.router.lifespan_context(app):
        answers = [await ask(app, PATH, chunks=[body], headers=headers) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert seen.events == ["evt_1"]


def replayed_late() -> Delivery:
    return delivery(timestamp=int(time.time()) - 301)


def altered() -> Delivery:
    body, headers = delivery()
    return body.replace(b"ben_1", b"ben_2"), headers


def signed_with_another_secret() -> Delivery:
    return delivery(secret="whsec_" + "f" * 64)


def unsigned() -> Delivery:
    return delivery()[0], []


def signed_twice() -> Delivery:
    body, headers = delivery()
    return body, [*headers, *headers]


def with_odd_bytes_in_the_header() -> Delivery:
    body, _ = delivery()
    return body, [("x-webhook-timestamp", "١٢٣"), ("x-webhook-signature", "v1=é")]


def signed_but_no_event() -> Delivery:
    return b"[]", [*sign(SECRET, b"[]").items()]


@pytest.mark.parametrize(
    ("forge", "code"),
    [
        (replayed_late, "invalid_signature"),
        (altered, "invalid_signature"),
        (signed_with_another_secret, "invalid_signature"),
        (unsigned, "invalid_signature"),
        (signed_twice, "invalid_signature"),
        (with_odd_bytes_in_the_header, "invalid_signature"),
        (signed_but_no_event, "invalid_payload"),
    ],
)
async def test_what_is_not_a_delivery_of_anton_s_is_refused_and_told_nothing(
    forge: Callable[[], Delivery], code: str
) -> None:
    seen = Seen()
    app = make_app(seen)
    body, headers = forge()

    async with app.router.lifespan_context(app):
        answer = await ask(app, PATH, chunks=[body], headers=headers)

    assert (answer.status, answer.detail) == (400, {"code": code})
    assert seen.events == []


@pytest.mark.fault("G18")
@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_a_chunked_body_is_verified_as_it_arrived(size: int) -> None:
    seen = Seen()
    app = make_app(seen)
    body, headers = delivery()
    chunks = [body[at : at + size] for at in range(0, len(body), size)]

    async with app.router.lifespan_context(app):
        answer = await ask(app, PATH, chunks=chunks, headers=headers)

    assert (answer.status, seen.events) == (200, ["evt_1"])


@pytest.mark.fault("G18")
async def test_a_body_that_was_parsed_before_is_still_verified_by_its_bytes() -> None:
    async def curious(request: Request) -> None:
        await request.json()

    seen = Seen()
    app = FastAPI(dependencies=[Depends(curious)])
    app.include_router(webhook_route(make_router(seen), path=PATH))

    @app.middleware("http")
    async def reads_along(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        await request.json()
        return await call_next(request)

    body, headers = delivery()
    async with app.router.lifespan_context(app):
        answer = await ask(app, PATH, chunks=[body], headers=headers)

    assert (answer.status, seen.events) == (200, ["evt_1"])
    assert reads_along is not None


@pytest.mark.fault("G18")
async def test_no_more_is_read_than_the_cap_allows() -> None:
    seen = Seen()
    app = make_app(seen, max_bytes=1000)
    body, headers = delivery()
    flood = [body, *[b" " * 400] * 100]

    async with app.router.lifespan_context(app):
        streamed = await ask(app, PATH, chunks=flood, headers=headers)
        announced = await ask(app, PATH, chunks=flood, headers=[*headers, ("content-length", "40121")])

    assert (streamed.status, announced.status) == (413, 413)
    assert streamed.detail == {"code": "delivery_too_large"}
    assert streamed.messages_read < 5
    assert announced.messages_read == 0
    assert seen.events == []


async def test_a_body_that_does_not_arrive_in_time_is_given_up() -> None:
    app = make_app(Seen(), timeout=0.01)

    async with app.router.lifespan_context(app):
        async with asyncio.timeout(5):
            answer = await ask(app, PATH, chunks=[b"{"], headers=[("content-length", "100")], stalls=True)

    assert (answer.status, answer.detail) == (408, {"code": "delivery_timeout"})


@pytest.mark.fault("G18")
async def test_a_client_that_leaves_gets_no_500() -> None:
    seen = Seen()
    app = make_app(seen)
    body, headers = delivery()

    async with app.router.lifespan_context(app):
        answer = await ask(app, PATH, chunks=[body], headers=headers, leaves=True)

    assert answer.status == 400
    assert seen.events == []


@pytest.mark.fault("G18")
async def test_clients_that_leave_a_real_server_break_nothing(caplog: pytest.LogCaptureFixture) -> None:
    seen = Seen()
    body, headers = delivery()
    lines = [f"POST {PATH} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *[f"{k}: {v}" for k, v in headers]]
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"

    async with serve(make_app(seen), free_socket()) as url:
        port = int(url.rpartition(":")[2])
        for cut in (len(head) - 3, len(head), len(head) + 20):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write((head + body)[:cut])
            await writer.drain()
            writer.transport.abort()
        async with aiohttp.ClientSession() as session, session.post(url + PATH, data=body, headers=headers) as answer:
            assert answer.status == 200

    assert seen.events == ["evt_1"]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_chunked_flood_ends_at_a_real_server() -> None:
    async def flood() -> AsyncGenerator[bytes, None]:
        for _ in range(3):
            yield b" " * 600

    async with (
        serve(make_app(Seen(), max_bytes=1000), free_socket()) as url,
        aiohttp.ClientSession() as session,
        session.post(url + PATH, data=flood()) as answer,
    ):
        assert answer.status == 413


async def test_a_route_whose_router_is_not_open_asks_for_another_delivery(caplog: pytest.LogCaptureFixture) -> None:
    seen = Seen()
    app = make_app(seen)
    body, headers = delivery()

    before = await ask(app, PATH, chunks=[body], headers=headers)
    async with app.router.lifespan_context(app):
        pass
    after = await ask(app, PATH, chunks=[body], headers=headers)

    assert (before.status, after.status) == (503, 503)
    assert seen.events == []
    assert "The router is not open" in caplog.text


async def test_a_store_that_fails_is_not_an_acknowledgement() -> None:
    class Broken:
        async def add(self, event_id: str, body: bytes) -> bool:
            raise OSError("away")

        async def done(self, event_id: str) -> None: ...

        async def pending(self) -> Sequence[bytes]:
            return []

    app = FastAPI()
    app.include_router(webhook_route(make_router(Seen(), Broken()), path=PATH))
    body, headers = delivery()

    async with app.router.lifespan_context(app):
        with pytest.raises(OSError, match="away"):
            await ask(app, PATH, chunks=[body], headers=headers)


def test_the_route_is_not_in_the_callers_api_document() -> None:
    assert make_app(Seen()).openapi()["paths"] == {}


async def test_handlers_end_before_the_client_and_the_application_do(make_anton: MakeClient) -> None:
    app = FastAPI(lifespan=anton_lifespan(make_anton))
    acknowledged = asyncio.Event()
    balances = list[int]()

    async def look(event: Event) -> None:
        await acknowledged.wait()
        anton: AntonClient = app.state.anton
        balances.append(len(await anton.balances.list()))

    app.include_router(webhook_route(WebhookRouter(WebhookVerifier(SECRET), fallback=look), path=PATH))
    body, headers = delivery()
    async with app.router.lifespan_context(app):
        answer = await ask(app, PATH, chunks=[body], headers=headers)
        acknowledged.set()

    assert answer.status == 200
    assert balances == [2]


async def test_what_anton_delivers_over_http_is_handled(sandbox: Sandbox, make_anton: MakeClient) -> None:
    created = list[str]()
    listening = free_socket()

    async with make_anton() as anton:
        hook = await anton.webhooks.create(url=url_of(listening) + PATH, events=["payout.created"])
        router = WebhookRouter(WebhookVerifier(hook.secret or ""), fallback=Seen())

        @router.on("payout.created")
        async def note(event: PayoutCreatedEvent) -> None:
            created.append(event.data.id)

        app = FastAPI()
        app.include_router(webhook_route(router, path=PATH))
        async with serve(app, listening):
            payout = await anton.payouts.create(**ORDER)
            await sandbox.deliver_webhooks()

    assert created == [payout.id]
    assert note is not None
