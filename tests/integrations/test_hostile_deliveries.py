"""What strangers, proxies and replays throw at the webhook route: refused or taken, and never a 500."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI

from anton_async.integrations.fastapi import webhook_route
from anton_async.webhooks import EventStore, MemoryEventStore, sign
from tests.integrations.deliveries import PATH, SECRET, Seen, delivery, make_router
from tests.integrations.serving import Answer, ask, free_socket, serve

NOW = int(time.time())
Sent = list[tuple[str, str]]


def make_app(seen: Seen, store: EventStore | None = None, **options: Any) -> FastAPI:
    app = FastAPI()
    app.include_router(webhook_route(make_router(seen, store), path=PATH, **options))
    return app


async def deliver(body: bytes, headers: list[tuple[str, str]], **options: Any) -> tuple[Answer, list[str]]:
    seen = Seen()
    app = make_app(seen)
    async with app.router.lifespan_context(app):
        answer = await ask(app, PATH, chunks=[body], headers=headers, **options)
    return answer, seen.events


def signed_at(timestamp: str) -> list[tuple[str, str]]:
    """Sign a delivery for a timestamp that Anton would not write."""
    signed = hmac.new(SECRET.encode(), timestamp.encode() + b"." + delivery()[0], hashlib.sha256)
    return [("x-webhook-timestamp", timestamp), ("x-webhook-signature", f"v1={signed.hexdigest()}")]


@pytest.mark.parametrize(
    "timestamp",
    [
        *("", "-1", "+1", "0", "1e9", "0x65", "NaN", "inf", "now", "9" * 12, "9" * 13, "9" * 5000, "١٢٣"),
        *(
            f"+{NOW}",
            f"-{NOW}",
            f"{NOW}.0",
            f"{NOW}000",
            f"{NOW},{NOW}",
            f"{NOW - 301}",
            f"{NOW + 100_000}",
            f"{NOW}\x00",
        ),
        "2026-09-14T09:00:00Z",
    ],
)
async def test_a_timestamp_that_is_no_time_of_now_is_refused_though_it_is_signed(timestamp: str) -> None:
    answer, events = await deliver(delivery()[0], signed_at(timestamp))

    assert (answer.status, answer.detail) == (400, {"code": "invalid_signature"})
    assert events == []


ALTERATIONS: list[Callable[[Sent], Sent]] = [
    lambda headers: [*headers, ("x-webhook-timestamp", str(NOW))],
    lambda headers: [*headers, ("X-Webhook-Timestamp", str(NOW + 1))],
    lambda headers: [*headers, ("x-webhook-signature", "v1=" + "0" * 64)],
    lambda headers: [headers[0], ("x-webhook-signature", ",".join(["v1=" + "0" * 64] * 17))],
    lambda headers: [headers[0], (headers[1][0], headers[1][1].upper())],
    lambda headers: [headers[0], (headers[1][0], headers[1][1].replace("v1=", "v0="))],
    lambda headers: [headers[0], (headers[1][0], headers[1][1][:-1])],
    lambda headers: [headers[0], (headers[1][0], headers[1][1] + "0")],
    lambda headers: [headers[1]],
    lambda headers: [headers[0]],
]


@pytest.mark.parametrize("alter", ALTERATIONS)
async def test_altered_headers_are_refused(alter: Callable[[Sent], Sent]) -> None:
    body, headers = delivery()

    answer, events = await deliver(body, alter(headers))

    assert (answer.status, events) == (400, [])


@pytest.mark.parametrize(
    "declared",
    [
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-type", "multipart/form-data; boundary=x"),
        ("content-type", "text/plain; charset=utf-16"),
        ("content-type", "application/json; charset=nonsense"),
        ("content-type", "\x00"),
        ("content-encoding", "gzip"),
        ("expect", "100-continue"),
        ("content-length", "abc"),
        ("content-length", "-1"),
        ("content-length", "١٢"),
    ],
)
async def test_what_the_headers_say_of_the_body_does_not_matter(declared: tuple[str, str]) -> None:
    body, headers = delivery()

    answer, events = await deliver(body, [*headers, declared])

    assert (answer.status, events) == (200, ["evt_1"])


@pytest.mark.parametrize("length", ["9" * 5000, "1048577", "0" * 5000 + "1048577"])
async def test_a_length_beyond_the_cap_is_refused_before_anything_is_read(length: str) -> None:
    body, headers = delivery()

    answer, events = await deliver(body, [*headers, ("content-length", length)])

    assert (answer.status, answer.messages_read, events) == (413, 0, [])


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"\xff\xfe", b"\xef\xbb\xbf{}", b"{}", b'{"id": 1, "type": "x"}', b"[" * 100_000),
        *(gzip.compress(delivery()[0]), delivery()[0] * 2, b'{"id": "e", "type": "payout.completed", "data": 7}'),
        b'{"id": "e", "type": "payout.completed", "data": {"source_amount": NaN}}',
    ],
)
async def test_a_signed_body_that_is_no_event_is_refused(body: bytes) -> None:
    answer, events = await deliver(body, [*sign(SECRET, body).items()])

    assert (answer.status, answer.detail, events) == (400, {"code": "invalid_payload"}, [])


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_only_posts_are_deliveries(method: str) -> None:
    body, headers = delivery()

    answer, events = await deliver(body, headers, method=method)

    assert (answer.status, events) == (405, [])


@pytest.mark.fault("G15")
async def test_the_same_event_many_times_at_once_is_handled_once() -> None:
    class Slow(MemoryEventStore):
        async def add(self, event_id: str, body: bytes) -> bool:
            await asyncio.sleep(0)
            return await super().add(event_id, body)

    seen = Seen()
    app = make_app(seen, Slow())
    body, headers = delivery()

    async with app.router.lifespan_context(app):
        answers = await asyncio.gather(*[ask(app, PATH, chunks=[body], headers=headers) for _ in range(50)])

    assert {answer.status for answer in answers} == {200}
    assert seen.events == ["evt_1"]


async def test_a_body_that_trickles_in_holds_up_no_other_delivery() -> None:
    seen = Seen()
    slow, others = asyncio.Event(), list[int]()
    body, headers = delivery(1)

    async def trickle() -> AsyncGenerator[bytes, None]:
        yield body[:10]
        await slow.wait()
        yield body[10:]

    async with serve(make_app(seen), free_socket()) as url, aiohttp.ClientSession(url) as session:
        trickling = asyncio.create_task(session.post(PATH, data=trickle(), headers=headers).__aenter__())
        for number in (2, 3):
            other, signed = delivery(number)
            async with session.post(PATH, data=other, headers=signed) as answer:
                others.append(answer.status)
        slow.set()
        answer = await trickling
        answer.release()

    assert (others, answer.status) == ([200, 200], 200)
    assert sorted(seen.events) == ["evt_1", "evt_2", "evt_3"]


async def test_raw_bytes_that_are_no_delivery_end_at_a_real_server(caplog: pytest.LogCaptureFixture) -> None:
    seen = Seen()
    body, headers = delivery()
    signed = "".join(f"{name}: {value}\r\n" for name, value in headers)
    start = f"POST {PATH} HTTP/1.1\r\nHost: x\r\n{signed}"
    hostile = [
        f"{start}Content-Length: {len(body)}\r\nContent-Length: 1\r\n\r\n".encode() + body,
        f"{start}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nzz\r\n".encode(),
        f"{start}X-Filler: {'a' * 200_000}\r\n\r\n".encode(),
        b"\x16\x03\x01\x02\x00\x01\x00",
    ]

    async with serve(make_app(seen), free_socket()) as url, aiohttp.ClientSession(url) as session:
        for sent in hostile:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(sent)
            writer.write_eof()
            with suppress(ConnectionError):  # uvicorn may hang up on what it does not read on
                assert b" 500 " not in await reader.read()
            writer.close()
        async with session.post(PATH, data=body, headers=headers) as answer:
            assert answer.status == 200

    assert seen.events == ["evt_1"]
    assert [record for record in caplog.records if record.exc_info] == []
