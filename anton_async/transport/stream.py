"""The body of a success, handed over piece by piece instead of whole: for files of any size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeAlias

import aiohttp

from anton_async.errors import ResponseLostError
from anton_async.transport.faults import FAULTS, lost


class BodyStream:
    """An answer whose body is still on its way; it can be read once.

    Attributes:
        headers: headers of the answer, looked up in any case.
        size: how many bytes the body has, where the answer says so.
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.headers: Mapping[str, str] = response.headers
        self.size: int | None = response.content_length

    @staticmethod
    async def drain(response: aiohttp.ClientResponse, receive: Receive) -> None:
        """Let `receive` read the body, and free the connection afterwards.

        Raises:
            ResponseLostError: the body is compressed, which was not asked for.
        """
        try:
            if response.headers.get("Content-Encoding", "identity").strip().lower() not in {"identity", ""}:
                raise ResponseLostError("The answer's Content-Encoding is none that was asked for")
            await receive(BodyStream(response))
        finally:
            if not response.content.at_eof():
                response.close()
            response.release()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives.

        Raises:
            ResponseLostError: the connection broke before the end of it.
            ReadTimeoutError: nothing arrived for `read_timeout` seconds.
        """
        fault = None
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except FAULTS as error:
            fault = lost(error)
        if fault is not None:
            raise fault


Receive: TypeAlias = Callable[[BodyStream], Awaitable[None]]
"""Reads a body; called once for each attempt that brings one."""
