"""A large body on its way out, piece by piece, so that it does not hold up the event loop.

aiohttp's own payload for bytes in memory copies them once more, on the loop, only to tell how many they are.
"""

from __future__ import annotations

import asyncio

import aiohttp
from aiohttp.abc import AbstractStreamWriter

_PIECE = 1 << 16  # bytes


class LargeBody(aiohttp.Payload):
    """Bytes that are written in pieces; they stay what they are, for the next attempt.

    Args:
        content: the bytes.
    """

    _autoclose = True  # there is nothing to close

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._content = content
        self._size = len(content)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the bytes as text."""
        return self._content.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write all of it."""
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write the first `content_length` bytes, or all of them."""
        size = len(self._content)
        end = size if content_length is None else min(content_length, size)
        for start in range(0, end, _PIECE):
            await writer.write(self._content[start : min(start + _PIECE, end)])
            await asyncio.sleep(0)
