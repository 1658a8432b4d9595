"""Files as the API answers with them, and what the tests of downloads ask of the client and the wire."""

from __future__ import annotations

import datetime as dt

from anton_async import AntonClient
from anton_async.download import Download
from tests.support.raw_server import End, RawServer, Reply

CONTENT = b"reference,amount\r\n" + bytes(range(256)) * 64


def file(content: bytes = CONTENT, *, announced: int | None = None, headers: str = "", end: End = "keep") -> Reply:
    size = len(content) if announced is None else announced
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/CSV; charset=utf-8\r\nContent-Length: {size}\r\n{headers}\r\n"
    return Reply(head.encode() + content, end)


NAMED = file(headers='Content-Disposition: attachment; filename="template.csv"\r\n')
CUT = file(CONTENT[:100], announced=len(CONTENT), end="close")
HANGING = file(CONTENT[:100], announced=len(CONTENT), end="hang")


def export(anton: AntonClient) -> Download:
    day = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
    return anton.reviews.export_csv(from_=day, to=day + dt.timedelta(days=1))


async def connection_ended(server: RawServer) -> bool:
    """Tell whether the client has closed its newest connection: what is sent to it then comes back as an error."""
    for _ in range(1000):
        try:
            await server.speak_unasked(b"x", "keep")
        except ConnectionError:
            return True
    return False
