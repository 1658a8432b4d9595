"""A server that speaks bytes, so that it can be as wrong as a real network.

It records every request as it came in, and answers each with the next scripted reply; the token endpoint answers by
itself unless told otherwise. A mock inside the client would show neither hidden resends nor broken framing.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self, cast

End = Literal["keep", "close", "reset", "hang"]


@dataclass(frozen=True)
class Reply:
    """Bytes to send, and what becomes of the connection afterwards."""

    raw: bytes = b""
    end: End = "keep"


@dataclass(frozen=True)
class SeenRequest:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def proof(self) -> dict[str, Any]:
        """Claims of the DPoP proof."""
        payload = self.headers["dpop"].split(".")[1]
        return cast("dict[str, Any]", json.loads(base64.urlsafe_b64decode(payload + "==")))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def answer(
    status: int = 200, body: object = None, *, headers: Mapping[str, str] | None = None, end: End = "keep"
) -> Reply:
    """Build a well-formed JSON reply."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return Reply("\r\n".join(lines).encode() + b"\r\n\r\n" + content, end)


def failure(status: int, code: str, message: str = "no", *, headers: Mapping[str, str] | None = None) -> Reply:
    """Build an error reply in the API's envelope."""
    return answer(status, {"error": {"code": code, "message": message}}, headers=headers)


LOST = Reply(b"", "close")
"""The connection is closed after the request was read: executed or not, nobody can tell."""


@dataclass
class RawServer:
    """A scripted server on a loopback port.

    Attributes:
        requests: every request but token calls.
        token_calls: every token call.
        replies: what to answer next; running out of it is a test's mistake and answers 599.
        asked: set by the first request.
        token_replies: what token calls get next; by default a fresh opaque token.
    """

    requests: list[SeenRequest] = field(default_factory=list[SeenRequest])
    token_calls: list[SeenRequest] = field(default_factory=list[SeenRequest])
    replies: deque[Reply] = field(default_factory=deque[Reply])
    token_replies: deque[Reply] = field(default_factory=deque[Reply])
    connections: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    def script(self, *replies: Reply) -> None:
        self.replies.extend(replies)

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}"
        return self

    async def speak_unasked(self, raw: bytes, end: End) -> None:
        """Send `raw` on the newest connection, though nobody asked, and let it arrive."""
        self._writer.write(raw)
        await self._writer.drain()
        if end == "close":
            self._writer.close()
        for _ in range(3):
            await asyncio.sleep(0)

    def close(self) -> None:
        """Refuse new connections and end the open ones."""
        self._server.close()
        for task in self._tasks:
            task.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        self._writer = writer
        try:
            await self._converse(reader, writer, self.connections)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        while (request := await _read_request(reader, connection)) is not None:
            reply = self._reply_to(request)
            writer.write(reply.raw)
            await writer.drain()
            if reply.end == "hang":
                await asyncio.Event().wait()
            if reply.end == "reset":
                writer.transport.abort()
            if reply.end != "keep":
                return

    def _reply_to(self, request: SeenRequest) -> Reply:
        if request.target == "/oauth/token":
            self.token_calls.append(request)
            token = {"access_token": f"opaque-{len(self.token_calls)}", "token_type": "DPoP", "expires_in": 28800}
            return self.token_replies.popleft() if self.token_replies else answer(200, token)
        self.requests.append(request)
        self.asked.set()
        return self.replies.popleft() if self.replies else answer(599, {"error": {"message": "nothing scripted"}})


async def _read_request(reader: asyncio.StreamReader, connection: int) -> SeenRequest | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return SeenRequest(method, target, headers, body, connection)
