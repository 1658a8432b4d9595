"""Files on their way from the API.

Methods that answer with a file return a `Download`: await it for the content, `save()` it to a path, or read it as a
stream with `async with`.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import stat
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, TypeAlias, cast

from aiohttp import content_disposition_filename, parse_content_disposition

from anton_async.errors import ResponseLostError
from anton_async.response import ApiResponse
from anton_async.transport.stream import BodyStream, Receive

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the bytes so far and the bytes in all, None where the API does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A downloaded file.

    Attributes:
        content: its bytes.
        media_type: such as `text/csv`.
        file_name: what the API calls it, without any folder; None when it gives no name.
    """

    content: bytes = field(repr=False)
    media_type: str
    file_name: str | None


class FileStream:
    """A file that is being received: iterate it for its bytes, once.

    Attributes:
        headers: headers of the answer, looked up in any case.
        media_type: such as `text/csv`.
        file_name: what the API calls it, without any folder; None when it gives no name.
        size: bytes in all; None where the API does not say.
    """

    def __init__(
        self, body: BodyStream, *, progress: Progress | None = None, ended: Callable[[], object] = lambda: None
    ) -> None:
        self._body = body
        self._progress = progress
        self._ended = ended
        self.headers: Mapping[str, str] = body.headers
        self.media_type: str = _media_type(body.headers)
        self.file_name: str | None = _file_name(body.headers)
        self.size: int | None = body.size

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for chunk in self._body.chunks():
            yield chunk
            received += len(chunk)
            if self._progress is not None:
                self._progress(received, self.size)
        self._ended()


class Download:
    """A file, fetched when asked for.

    `await download` gives the whole `File`, up to `max_response_bytes`; `await download.save(path)` writes a file of
    any size; `async with download as stream:` gives it piece by piece. Each use is a call of its own.
    """

    def __init__(self, send: Callable[[Receive | None], Awaitable[ApiResponse[Any]]]) -> None:
        self._send = send
        self._open: AbstractAsyncContextManager[FileStream] | None = None

    def __await__(self) -> Generator[Any, None, File]:
        return self._fetch().__await__()

    async def _fetch(self) -> File:
        return as_file(await self._send(None))

    async def save(self, path: str | os.PathLike[str], *, progress: Progress | None = None) -> Path:
        """Write the file to `path`, readable for you alone; what stood there is replaced once the whole file arrived.

        Args:
            path: where to write it.
            progress: called after each piece; a repeated attempt begins at 0 again.

        Returns:
            The path.

        Raises:
            OSError: the file cannot be written; when it cannot be created, nothing was sent.
            AntonError: the call failed; nothing stands at `path` that did not stand there before.
        """
        target = Path(path)
        part = _Part(target)
        try:
            await part.begin()
            await self._send(lambda body: part.write(FileStream(body, progress=progress)))
            await part.finish()
        finally:
            await asyncio.shield(part.discard())
        return target

    async def __aenter__(self) -> FileStream:
        if self._open is not None:
            raise RuntimeError("This download is open already: call the method again for another one.")
        self._open = self._stream()
        try:
            return await self._open.__aenter__()
        except BaseException:
            self._open = None
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            await opened.__aexit__(kind, error, trace)

    @asynccontextmanager
    async def _stream(self) -> AsyncGenerator[FileStream, None]:
        begun: asyncio.Future[BodyStream] = asyncio.get_running_loop().create_future()
        read = asyncio.Event()

        async def hand_over(body: BodyStream) -> None:
            begun.set_result(body)
            await read.wait()

        call = asyncio.ensure_future(self._send(hand_over))
        try:
            await asyncio.wait({call, cast("asyncio.Future[Any]", begun)}, return_when=asyncio.FIRST_COMPLETED)
            if not begun.done():
                await call
            yield FileStream(begun.result(), ended=read.set)
            read.set()
            await call
        except ResponseLostError as error:
            # A deadline ends the reading by closing the connection: then the deadline is the reason.
            read.set()
            response = await call
            if error.attempts == 0:
                error.attempts, error.request_id = response.attempts, response.request_id
            raise
        finally:
            read.set()
            if not begun.done():
                call.cancel()
            await asyncio.wait({call})
            if not call.cancelled():
                call.exception()


def as_file(response: ApiResponse[Any]) -> File:
    """Return the body of an answer as a file."""
    return File(content=response.body, media_type=_media_type(response.headers), file_name=_file_name(response.headers))


class _Part:
    """What has arrived of a file, beside its target until it is whole. The disk is used in threads only."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._path = target.with_name(f".{secrets.token_hex(8)}.part")
        self._created: asyncio.Future[BinaryIO] | None = None

    async def begin(self) -> None:
        # Shielded: a thread cannot be stopped, and what it creates is wanted for `discard`.
        self._created = asyncio.ensure_future(asyncio.to_thread(self._create))
        await asyncio.shield(self._created)

    async def write(self, stream: FileStream) -> None:
        """Write `stream` in place of what was there."""
        output = await self._output()
        await asyncio.to_thread(_empty, output)
        async for chunk in stream:
            await asyncio.to_thread(output.write, chunk)

    async def finish(self) -> None:
        """Put the file where it belongs."""
        output = await self._output()
        await asyncio.to_thread(output.close)
        await asyncio.to_thread(self._path.replace, self._target)

    async def discard(self) -> None:
        """Remove what is left; nothing is, after `finish`."""
        with suppress(OSError):
            output = await self._output()
            await asyncio.to_thread(self._remove, output)

    async def _output(self) -> BinaryIO:
        return await cast("asyncio.Future[BinaryIO]", self._created)

    def _create(self) -> BinaryIO:
        with suppress(FileNotFoundError):
            if stat.S_ISDIR(self._target.stat().st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self._target))
        return os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def _remove(self, output: BinaryIO) -> None:
        try:
            output.close()
        finally:
            self._path.unlink(missing_ok=True)


def _empty(output: BinaryIO) -> None:
    output.seek(0)
    output.truncate()


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Type", "application/octet-stream").partition(";")[0].strip().lower()


def _file_name(headers: Mapping[str, str]) -> str | None:
    with warnings.catch_warnings():
        # A name we cannot read is no name; the caller did nothing to be warned about.
        warnings.simplefilter("ignore")
        _, parameters = parse_content_disposition(headers.get("Content-Disposition"))
    name = (content_disposition_filename(parameters) or "").replace("\\", "/").rpartition("/")[2]
    return name if name.isprintable() and name.strip(". ") else None
