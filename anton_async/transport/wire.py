"""One request on the wire: signed at the last moment, never redirected, read under a cap, every fault translated.

The innermost aiohttp middleware signs, because aiohttp may send a GET, PUT or DELETE again by itself: the second
sending would carry the same proof. It also translates aiohttp's exceptions, which ends that hidden resend (aiohttp
repeats only what it recognises) and keeps request headers out of our errors.

Whether a request may have been executed is decided here, from evidence: what fails before the request was handed a
connection was not sent, whatever fails later has an unknown outcome.
"""

from __future__ import annotations

import asyncio
import math
import os
import ssl as tls
import zlib
from collections.abc import Mapping
from typing import Any

import aiohttp
import msgspec
from multidict import CIMultiDictProxy
from yarl import URL

from anton_async._version import __version__
from anton_async.auth.authorization import Authorization
from anton_async.clock import Clock
from anton_async.config import Settings
from anton_async.errors import (
    AntonError,
    ConfigurationError,
    ConnectionError,
    ReadTimeoutError,
    ResponseLostError,
)
from anton_async.transport.deadline import Deadline, Deadlines
from anton_async.transport.faults import FAULTS, attempt_fault, lost
from anton_async.transport.idempotency import OURS, REQUEST_ID
from anton_async.transport.large_body import LargeBody
from anton_async.transport.quiet import quieten, watched
from anton_async.transport.stream import BodyStream, Receive

_HEADERS = {"User-Agent": f"anton-async/{__version__}", "Accept-Encoding": "gzip"}
_NOT_THE_SESSIONS = ("Authorization", "Cookie")
"""Headers that a session of the user's would add by itself."""
_SLOWEST_UPLOAD = 64 * 1024  # bytes a second
_LARGE_BODY = 1 << 20
"""Bytes above which a body is written in pieces, so that it does not hold up the loop."""


class WireAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that arrived whole; `elapsed` is in seconds."""

    url: URL
    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    elapsed: float

    def __repr__(self) -> str:
        return f"WireAnswer(status={self.status})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("status", self.status)]


class Wire:
    """Sends single requests over one aiohttp session."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._ssl: tls.SSLContext | bool = True
        self._home: tuple[asyncio.AbstractEventLoop, int] | None = None
        self._deadlines = Deadlines()
        self._settings = settings
        self._clock = clock
        connect = settings.connect_timeout
        self._timeout = aiohttp.ClientTimeout(connect=connect, sock_connect=connect)
        self._stream_timeout = aiohttp.ClientTimeout(
            connect=connect, sock_connect=connect, sock_read=settings.read_timeout
        )

    def attach(self, session: aiohttp.ClientSession, ssl: tls.SSLContext | None) -> None:
        """Send over `session` from now on, in this process and on the running event loop only.

        Raises:
            ConfigurationError: the session was made on another event loop.
        """
        here = asyncio.get_running_loop()
        if getattr(session, "_loop", here) is not here:  # its public property warns that it will go
            raise ConfigurationError("The given session belongs to another event loop: make it on this one.")
        if session.connector is not None:
            quieten(session.connector)
        self._session = session
        self._ssl = ssl or True
        self._home = (here, os.getpid())

    def detach(self) -> None:
        """Send nothing more, and end what is under way."""
        self._session = None
        self._deadlines.end_all()
        self._deadlines.close()

    def require_session(self) -> aiohttp.ClientSession:
        """Return the session.

        Raises:
            ConfigurationError: the client is not open, or was opened on another event loop or in another process.
        """
        if self._session is None or self._session.closed:
            raise ConfigurationError(
                "The client is not open, or was closed: use it inside `async with AntonClient(...) as anton:`."
            )
        loop, process = self._home or (None, 0)
        if process != os.getpid() or loop is not asyncio.get_running_loop():
            raise ConfigurationError(
                "The client was opened on another event loop or before a fork: make one client per loop and process."
            )
        return self._session

    async def send(
        self,
        method: str,
        url: URL,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        authorization: Authorization,
        receive: Receive | None = None,
    ) -> WireAnswer:
        """Send one request and read its answer.

        Args:
            method: HTTP method.
            url: the whole URL.
            headers: beside those that are the same for all requests.
            body: the bytes to send; `headers` then hold a `Content-Type`.
            authorization: what authorises it.
            receive: takes the body of a success as it arrives, of any size; the answer's own body is then empty.

        Raises:
            ConfigurationError: the client is not open.
            ConnectionError: nothing was sent.
            ResponseLostError: the request may have been executed, but no whole answer came back.
        """
        session = self.require_session()
        large = body if body is not None and len(body) > _LARGE_BODY else None
        # It runs while the body is still being written.
        patience = self._settings.read_timeout + len(large or b"") / _SLOWEST_UPLOAD
        deadline = self._deadlines.within(self._settings.connect_timeout + patience)
        attempt = _SignedAttempt(authorization, url, headers, deadline, patience)
        started = self._clock.monotonic()
        try:
            with deadline:
                response = await session.request(
                    method,
                    url,
                    data=body if large is None else LargeBody(large),
                    # Where there is a body, its type is named below; skipping costs aiohttp a pass over the headers.
                    skip_auto_headers=("Content-Type",) if body is None and method != "GET" else None,
                    allow_redirects=False,
                    raise_for_status=False,
                    auto_decompress=False,
                    timeout=self._timeout if receive is None else self._stream_timeout,
                    proxy=self._settings.proxy,
                    ssl=self._ssl,
                    middlewares=(attempt,),
                )
                attempt.answered = True
                deadline.move(self._settings.read_timeout)
                self._check_owner(response, headers)
                streamed = receive is not None and 200 <= response.status < 300
                content = b"" if streamed else await self._receive(response, deadline)
                if receive is not None and streamed:
                    deadline.move(math.inf)  # its receiver takes as long as it takes; aiohttp times the pieces
                    await BodyStream.drain(response, receive)
            elapsed = self._clock.monotonic() - started
            return WireAnswer(url=url, status=response.status, headers=response.headers, body=content, elapsed=elapsed)
        except (AntonError, asyncio.CancelledError) as error:
            # The frames below hold the proxy's password and what has arrived of the body; tools that print locals see
            # neither without them.
            raise error.with_traceback(None)  # noqa: B904 - the same error, less its frames
        except Exception as error:
            if deadline.expired:
                fault = self._interrupted(attempt)
            elif attempt.answered:
                raise
            else:  # a hook of a session of the user's may raise anything, and the request may have left
                fault = attempt.fault(error)
        raise fault

    @staticmethod
    def _check_owner(response: aiohttp.ClientResponse, headers: Mapping[str, str]) -> None:
        """Take no answer to another call of ours: HTTP/1.1 ties them together by their order alone."""
        echoed = response.headers.get(REQUEST_ID, "")
        if echoed.startswith(OURS) and echoed != headers.get(REQUEST_ID):
            response.close()
            raise ResponseLostError("The answer that came was to another request")

    def _interrupted(self, attempt: _SignedAttempt) -> AntonError:
        if self._session is None:
            return attempt.failure("The client was closed while the request was under way")
        if attempt.connected:
            return ReadTimeoutError("The answer did not arrive in time")
        return ConnectionError("No connection could be made in time")

    async def _receive(self, response: aiohttp.ClientResponse, deadline: Deadline) -> bytes:
        try:
            return await self._read(response, deadline)
        except FAULTS as error:
            fault = lost(error)
        finally:
            if not response.content.at_eof():
                response.close()
            response.release()
        raise fault

    async def _read(self, response: aiohttp.ClientResponse, deadline: Deadline) -> bytes:
        if not 200 <= response.status < 600:
            raise ResponseLostError("The answer's status is none that HTTP knows")
        content = bytearray()
        while not response.content.at_eof():
            content += await response.content.readany()
            self._check_size(len(content))
            deadline.move(self._settings.read_timeout)
        match response.headers.get("Content-Encoding", "identity").strip().lower():
            case "identity" | "":
                return bytes(content)
            case "gzip" | "x-gzip":
                return self._inflate(content) if content else b""
            case _:
                raise ResponseLostError("The answer's Content-Encoding is none that was asked for")

    def _inflate(self, content: bytearray) -> bytes:
        inflater = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            plain = inflater.decompress(content, self._settings.max_response_bytes + 1)
        except zlib.error:
            plain = b""
        self._check_size(len(plain))
        if not inflater.eof or inflater.unused_data:
            raise ResponseLostError("The answer's gzip data is broken or cut short")
        return plain

    def _check_size(self, size: int) -> None:
        if size > self._settings.max_response_bytes:
            raise ResponseLostError(
                f"The answer is larger than max_response_bytes ({self._settings.max_response_bytes})"
            )


class _SignedAttempt:
    """The innermost middleware: runs once for each request that really leaves.

    Attributes:
        answered: whether its answer has begun.
        connected: whether the request was handed a connection, and so may have been sent.
    """

    def __init__(
        self, authorization: Authorization, url: URL, headers: Mapping[str, str], deadline: Deadline, patience: float
    ) -> None:
        self.answered: bool = False
        self.connected: bool = False
        self._authorization = authorization
        self._url = url
        self._headers = headers
        self._deadline = deadline
        self._patience = patience
        self._proxied = False

    def failure(self, problem: str) -> AntonError:
        """Return the error for a `problem` on our own side, which a repetition would not mend."""
        if not self.connected:
            return ConfigurationError(problem)
        error = ResponseLostError(problem)
        error.is_retryable = False
        return error

    async def __call__(self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if request.url is not self._url and request.url.origin() != self._url.origin():
            raise ConfigurationError("A request was about to leave for another origin than the API's.")
        self._proxied = request.proxy is not None
        for name in _NOT_THE_SESSIONS:
            request.headers.popall(name, None)
        signed, method, url = self._authorization, request.method, request.url
        proof = await signed.remote_headers(method, url) if signed.remote else signed.headers(method, url)
        request.headers.update({**_HEADERS, **self._headers, **proof})
        try:
            watched[request] = self
            return await send(request)
        except FAULTS as error:
            fault = self.fault(error)
        finally:
            watched.pop(request, None)
        raise fault

    def connect(self) -> None:
        """Learn that the request was handed a connection."""
        self.connected = True
        self._deadline.move(self._patience)

    def fault(self, error: Exception) -> AntonError:
        """Return what it means that the request ends in `error`, which may be of any kind."""
        if isinstance(error, FAULTS):
            return attempt_fault(error, connected=self.connected, proxied=self._proxied)
        return self.failure(f"The aiohttp session failed with {type(error).__name__}, in a hook of its own perhaps")
