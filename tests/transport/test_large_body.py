"""A large body leaves in pieces, with a turn of the event loop after each."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp.abc import AbstractStreamWriter

from anton_async.transport.large_body import LargeBody

CONTENT = bytes(range(256)) * 1000
PIECE = 1 << 16


class Writer(AbstractStreamWriter):
    """Keeps what is written."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    async def write(self, chunk: bytes | bytearray | memoryview) -> None:
        self.pieces.append(bytes(chunk))

    async def write_eof(self, chunk: bytes = b"") -> None:
        raise NotImplementedError

    async def drain(self) -> None:
        raise NotImplementedError

    def enable_compression(self, encoding: str = "deflate", strategy: int | None = None) -> None:
        raise NotImplementedError

    def enable_chunking(self) -> None:
        raise NotImplementedError

    async def write_headers(self, status_line: str, headers: object) -> None:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("length", "sent"), [(None, len(CONTENT)), (len(CONTENT), len(CONTENT)), (70_000, 70_000), (0, 0), (10**9, 256_000)]
)
async def test_what_leaves_is_the_content_in_pieces(length: int | None, sent: int) -> None:
    writer = Writer()

    await LargeBody(CONTENT).write_with_length(writer, length)

    assert b"".join(writer.pieces) == CONTENT[:sent]
    assert all(len(piece) <= PIECE for piece in writer.pieces)


async def test_it_can_be_written_again_for_the_next_attempt() -> None:
    body, first, second = LargeBody(CONTENT), Writer(), Writer()

    await body.write(first)
    await body.write(second)

    assert first.pieces == second.pieces


async def test_others_get_their_turn_between_the_pieces() -> None:
    writer = Writer()
    writing = asyncio.create_task(LargeBody(CONTENT).write(writer))

    await asyncio.sleep(0)

    assert 0 < len(writer.pieces) < len(CONTENT) / PIECE
    await writing


def test_its_size_and_text_are_those_of_the_content() -> None:
    body = LargeBody(b"abc")

    assert (body.size, body.decode()) == (3, "abc")
