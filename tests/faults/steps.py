"""What can happen to one request, from before its first byte to after its answer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping

from tests.faults.server import End, Link, Step, answer_to, http, serve

__all__ = [
    "answer",
    "break_at_once",
    "break_in_head",
    "drip",
    "drop",
    "duplicate",
    "lose",
    "repeat_late",
    "serve",
    "speak_first",
    "spoil",
    "take_slowly",
]


def break_at_once(how: End) -> Step:
    """End the connection before anything was read from it."""

    async def step(link: Link) -> None:
        await link.end(how)

    return step


def break_in_head(how: End) -> Step:
    """End the connection when the request's headers were read, and not its body."""

    async def step(link: Link) -> None:
        await link.head()
        await link.end(how)

    return step


def drop(how: End) -> Step:
    """Read the whole request, do nothing about it, and end the connection."""

    async def step(link: Link) -> None:
        await link.request()
        await link.end(how)

    return step


def lose(how: End) -> Step:
    """Execute the request, and end the connection without an answer."""

    async def step(link: Link) -> None:
        answer_to(link.server.ledger, await link.request())
        await link.end(how)

    return step


def spoil(change: Callable[[bytes], bytes], how: End = "close") -> Step:
    """Execute the request, and send an answer of which something is wrong."""

    async def step(link: Link) -> None:
        await link.say(change(answer_to(link.server.ledger, await link.request())))
        await link.end(how)

    return step


def drip(pause: float, size: int = 1) -> Step:
    """Execute the request, and send the answer in pieces of `size` bytes, with a `pause` in seconds after each."""

    async def step(link: Link) -> None:
        raw = answer_to(link.server.ledger, await link.request())
        for start in range(0, len(raw), size):
            await link.say(raw[start : start + size])
            await asyncio.sleep(pause)

    return step


def answer(status: int, code: str | None = None, headers: Mapping[str, str] | None = None, how: End = "keep") -> Step:
    """Answer a request without executing it."""
    body = None if code is None else {"error": {"code": code, "message": "no"}}

    async def step(link: Link) -> None:
        await link.request()
        await link.say(http(status, body, headers))
        await link.end(how)

    return step


def duplicate(status: int, code: str | None, headers: Mapping[str, str] | None = None) -> Step:
    """Execute the request, and answer what its copy, made on the way, got."""

    async def step(link: Link) -> None:
        answer_to(link.server.ledger, await link.request())
        body = b"<html>Conflict</html>" if code is None else {"error": {"code": code, "message": "no"}}
        await link.say(http(status, body, headers))

    return step


def repeat_late(pause: float) -> Step:
    """Answer a request, and once more `pause` seconds later."""

    async def step(link: Link) -> None:
        raw = answer_to(link.server.ledger, await link.request())
        await link.say(raw)
        asyncio.get_running_loop().call_later(pause, link.writer.write, raw)

    return step


def take_slowly(seconds: float, status: int, code: str) -> Step:
    """Read the body of a request over some `seconds`, and refuse it."""

    async def step(link: Link) -> None:
        head = await link.head()
        left = int(re.search(rb"(?i)content-length: *([0-9]+)", head)[1])  # type: ignore[index]  # ours have one
        pause = seconds * (1 << 16) / left
        while left > 0:
            left -= len(await link.reader.read(1 << 16))
            await asyncio.sleep(pause)
        await link.say(http(status, {"error": {"code": code, "message": "no"}}))

    return step


def speak_first(raw: bytes, how: End) -> Step:
    """Send bytes before anything was asked."""

    async def step(link: Link) -> None:
        await link.say(raw)
        await link.end(how)

    return step
