"""A server that follows a script per connection, so that it can be as wrong as a real network.

    server.script(lose("reset"), serve)           one step a connection: the first breaks, the second behaves
    server.script((serve, lose("close")), serve)  several steps a connection: a kept connection breaks at its second use

A connection whose steps are done, and every connection beyond the script, behaves. A step plays what happens to one
request; `tests.faults.steps` has them.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Literal, Self, TypeAlias

from tests.faults.ledger import Ledger, Sending
from tests.support.examples import BALANCE, PAYOUT

End = Literal["keep", "close", "reset", "hang"]


class Over(Exception):  # noqa: N818 - it ends a conversation, as planned
    """This connection is done."""


class Link:
    """One accepted connection, as a step sees it."""

    def __init__(self, server: FaultServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.number = server.connections
        self.reader = reader
        self.writer = writer

    async def head(self) -> bytes:
        """Read up to the blank line."""
        return self._seen(await self.reader.readuntil(b"\r\n\r\n"))

    async def request(self) -> Sending:
        """Read one whole request and enter it in the ledger."""
        first, *lines = (await self.head()).decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = self._seen(await self.reader.readexactly(int(headers.get("content-length", "0"))))
        sending = Sending(self.server.name, self.number, method, target, headers, body)
        self.server.ledger.sendings.append(sending)
        self.server.asked.set()
        return sending

    def _seen(self, data: bytes) -> bytes:
        self.server.ledger.raw[self.server.name, self.number] += data
        return data

    async def say(self, raw: bytes) -> None:
        """Send bytes."""
        self.writer.write(raw)
        await self.writer.drain()

    async def end(self, how: End) -> None:
        """Leave the connection as it is, say nothing more until the client ends it, or end it."""
        while how == "hang" and self._seen(await self.reader.read(1 << 16)):
            pass
        if how == "reset":
            self.reset()
        if how != "keep":
            raise Over

    def reset(self) -> None:
        """End the connection with an RST."""
        raw: socket.socket = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Step: TypeAlias = Callable[[Link], Awaitable[None]]
Script: TypeAlias = Step | tuple[Step, ...]


async def serve(link: Link) -> None:
    """Answer one request as the API would."""
    await link.say(answer_to(link.server.ledger, await link.request()))


def answer_to(ledger: Ledger, sending: Sending) -> bytes:
    """Execute `sending`, and return the answer the API would give."""
    if sending.target == "/oauth/token":
        ledger.mints += 1
        token = {"access_token": f"{sending.server}-{ledger.mints}", "token_type": "DPoP", "expires_in": 3600}
        return http(200, token)
    if sending.method == "POST" and sending.target == "/v1/payouts":
        status, body, headers = ledger.pay(sending)
        return http(status, body, {**headers, "X-Request-ID": sending.headers["x-request-id"]})
    if sending.target.startswith("/v1/payouts/"):
        return http(200, {"data": {**PAYOUT, "id": sending.target.rpartition("/")[2]}})
    if sending.target.startswith("/v1/balances/"):
        return http(200, {"data": BALANCE})
    return http(404, {"error": {"code": "not_found", "message": "no"}})


def http(status: int, body: object = None, headers: Mapping[str, str] | None = None) -> bytes:
    """Write a well-formed answer."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


class FaultServer:
    """Listens on a loopback port and plays its script.

    Attributes:
        ledger: what it saw and did.
        asked: set by the first whole request.
        connections: how many were accepted.
        open: how many are open now.
    """

    def __init__(
        self, ledger: Ledger, name: str = "api", *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> None:
        self.ledger = ledger
        self.name = name
        self.connections = 0
        self.asked = asyncio.Event()
        self.links: set[asyncio.Task[None]] = set()
        self._tls = tls
        self._host = host
        self._scripts: deque[Script] = deque()

    def script(self, *scripts: Script) -> None:
        """Say what the next connections do."""
        self._scripts.extend(scripts)

    def unscript(self) -> None:
        """Let every further connection behave."""
        self._scripts.clear()

    @property
    def open(self) -> int:
        return len(self.links)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, self._host, 0, ssl=self._tls, limit=1 << 26)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.base_url = f"{'http' if self._tls is None else 'https'}://{self._host}:{self.port}"
        return self

    def stop_listening(self) -> None:
        """Refuse every further connection."""
        self._server.close()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for link in self.links:
            link.cancel()
        await asyncio.gather(*self.links, return_exceptions=True)
        await self._server.wait_closed()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.links.add(task)
        self.connections += 1
        link = Link(self, reader, writer)
        try:
            await self._play(link)
        except (Over, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            self.links.discard(task)
            writer.close()

    async def _play(self, link: Link) -> None:
        script = self._scripts.popleft() if self._scripts else serve
        steps = (script,) if callable(script) else script
        for step in steps:
            await step(link)
        while True:
            await serve(link)
