"""Two ways to an application: straight through ASGI, and over a real server."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message

Headers = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    messages_read: int

    @property
    def detail(self) -> Any:
        return json.loads(self.body)["detail"]


async def ask(
    app: ASGIApp,
    path: str,
    *,
    method: str = "POST",
    chunks: Iterable[bytes] = (b"",),
    headers: Headers = (),
    leaves: bool = False,
    stalls: bool = False,
) -> Answer:
    """Send one request; after its chunks the client `leaves` or `stalls`, or the body is complete."""
    parts = list(chunks)
    incoming: list[Message] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    if not stalls:
        incoming.append({"type": "http.disconnect"} if leaves else {"type": "http.request", "body": b""})
    sent: list[Message] = []
    read = 0

    async def receive() -> Message:
        nonlocal read
        if read == len(incoming):
            await asyncio.Event().wait()
        read += 1
        return incoming[read - 1]

    async def send(message: Message) -> None:
        sent.append(message)

    encoded = [(name.lower().encode(), value.encode("utf-8")) for name, value in headers]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http",
        "server": ("service.test", 80),
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": encoded,
    }
    await app(scope, receive, send)
    start = sent[0]
    return Answer(
        status=start["status"],
        headers={name.decode(): value.decode() for name, value in start["headers"]},
        body=b"".join(message.get("body", b"") for message in sent[1:]),
        messages_read=read,
    )


def free_socket() -> socket.socket:
    """Return a listening socket on a free port, so that its address is known before there is a server."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    return listening


def url_of(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


@asynccontextmanager
async def serve(app: Any, listening: socket.socket) -> AsyncGenerator[str, None]:
    """Run `app` with uvicorn, lifespan and all; gives its URL."""
    config = uvicorn.Config(app, lifespan="on", log_config=None, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)

    async def run() -> None:
        with suppress(SystemExit):  # a failed start, which would end the whole test run
            await server.serve(sockets=[listening])

    task = asyncio.create_task(run())
    while not server.started:
        assert not task.done(), "the application did not start"
        await asyncio.sleep(0)
    try:
        yield url_of(listening)
    finally:
        server.should_exit = True
        await task
