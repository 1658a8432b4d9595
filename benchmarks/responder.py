"""The other end of every measurement: answers each request at once with bytes made beforehand.

A plain asyncio protocol in a process of its own; it costs a fraction of what any client spends on the same request.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from benchmarks.answers import routes

_ROOT = Path(__file__).parents[1]
_ROUTES = routes()
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_UNKNOWN = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Responder(asyncio.Protocol):
    """One connection: reads a head, lets its body pass, and answers."""

    def __init__(self) -> None:
        self._head = b""
        self._answer: bytes | None = None
        self._body_left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer each request that has arrived whole."""
        while data:
            if self._answer is None:
                head, found, data = (self._head + data).partition(b"\r\n\r\n")
                if not found:
                    self._head = head
                    return
                self._begin(head)
            passed = min(self._body_left, len(data))
            self._body_left -= passed
            data = data[passed:]
            if self._body_left == 0 and self._answer is not None:
                self._transport.write(self._answer)
                self._answer = None

    def _begin(self, head: bytes) -> None:
        length = _LENGTH.search(head)
        self._head = b""
        self._body_left = int(length[1]) if length else 0
        line = head[: head.index(b" HTTP/1.1")].partition(b"?")[0]
        self._answer = _ROUTES.get(line, _UNKNOWN)
        if self._body_left == 0:
            self._transport.write(self._answer)
            self._answer = None


@contextmanager
def responding() -> Iterator[str]:
    """Run a responder in a process of its own; yield its base URL."""
    command = [sys.executable, "-m", "benchmarks.responder"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=_ROOT) as process:
        try:
            yield f"http://127.0.0.1:{cast('IO[str]', process.stdout).readline().strip()}"
        finally:
            process.terminate()


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Responder, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
