"""The stages of a call, strung together.

`Transport.send` takes a `Call` through deadline, retry, rate gate, token, wire and decoding, and keeps the record from
which the outcome of a failed call is told: once an attempt may have been executed, no later failure makes the call "not
sent" again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from yarl import URL

from anton_async.auth.authorization import Authorization
from anton_async.clock import Clock
from anton_async.config import RequestOptions, Settings
from anton_async.errors import AntonError, ApiError, DeadlineExceededError, Outcome, RateLimitError, TransportError
from anton_async.operation import Operation
from anton_async.response import ApiResponse
from anton_async.transport.authentication import ANONYMOUS, Authenticator, Repeats
from anton_async.transport.call import Call, freeze, join, prepare
from anton_async.transport.decode import read_data, read_error, request_id
from anton_async.transport.form import Form
from anton_async.transport.rate import RateGate
from anton_async.transport.retry import with_retries
from anton_async.transport.stream import Receive
from anton_async.transport.wire import Wire, WireAnswer

T = TypeVar("T")

logger = logging.getLogger("anton_async.transport")

_SHARED_LIMIT = frozenset({None, "rate_limit_exceeded", "rate_limited"})
_MAYBE_EXECUTED = frozenset({408, 500, 502, 503, 504})


@dataclass(slots=True)
class _Trail:
    """What has happened to one call so far."""

    attempts: int = 0
    on_wire: bool = False
    maybe_executed: bool = False
    last_error: str | None = None
    repeats: Repeats = field(default_factory=Repeats)


class Transport:
    """Sends calls for one client."""

    def __init__(self, settings: Settings, wire: Wire, authenticator: Authenticator, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self._wire = wire
        self._authenticator = authenticator
        self._gate = None if settings.rate_limit is None else RateGate(settings.rate_limit, clock)
        self._slots = asyncio.Semaphore(settings.concurrency)

    def prepare(
        self,
        operation: Operation[T],
        options: RequestOptions,
        *,
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        form: Form | None = None,
    ) -> Call[T]:
        """Check a call and encode it once; see `anton_async.transport.call.prepare`."""
        return prepare(operation, self.settings, options, path=path, query=query, body=body, form=form)

    def restore(self, operation: Operation[T], options: RequestOptions, *, path: str, body: bytes | None) -> Call[T]:
        """Rebuild a call from bytes kept in a journal; they are sent exactly as they were.

        Args:
            operation: the endpoint.
            options: holds the idempotency key the bytes were first sent under.
            path: path below the base URL, percent-encoded.
            body: body bytes.
        """
        return freeze(operation, self.settings, options, url=join(self.settings.base_url, path), body=body)

    async def send(self, call: Call[T], receive: Receive | None = None) -> ApiResponse[Any]:
        """Take `call` to the API and return its answer.

        Args:
            call: what to send.
            receive: takes the body of a success as it arrives; called anew for each attempt that brings one.

        Raises:
            AntonError: the call failed; `.outcome` tells whether it may have been executed.
        """
        self._wire.require_session()
        trail = _Trail()
        ends = self.clock.monotonic() + call.timeout
        try:
            async with asyncio.timeout(call.timeout):
                return await with_retries(
                    lambda: self._attempt(call, trail, receive),
                    retry=call.operation.retry,
                    max_retries=call.max_retries,
                    remaining=lambda: ends - self.clock.monotonic(),
                    clock=self.clock,
                )
        except TimeoutError:
            pass
        raise self._deadline_error(call, trail)

    async def authorize(self) -> Authorization:
        """Return what would authorise a request now, fetching an access token where one is needed."""
        self._wire.require_session()
        return await self._authenticator.authorize()

    async def _attempt(self, call: Call[T], trail: _Trail, receive: Receive | None) -> ApiResponse[Any]:
        try:
            async with self._slots:
                answer = await self._exchange(call, call.url, trail, receive)
                if answer.status == 404 and call.operation.earlier_path is not None:
                    earlier = join(self.settings.base_url, call.operation.earlier_path)
                    answer = await self._exchange(call, earlier, trail, receive)
            return self._response(call, answer, trail)
        except AntonError as error:
            self._judge(call, error, trail)
            raise

    async def _exchange(self, call: Call[T], url: URL, trail: _Trail, receive: Receive | None) -> WireAnswer:
        while True:
            # A token first, so that fetching one does not let the request leave long after it was counted; and again
            # behind the gate, where the wait may have outlived it.
            authorization = await self._authorization(call)
            if self._gate is not None:
                await self._gate.enter()
                authorization = await self._authorization(call)
            trail.attempts += 1
            trail.on_wire = True
            answer = await self._wire.send(
                call.operation.method,
                url,
                headers=call.headers,
                body=call.body,
                authorization=authorization,
                receive=receive,
            )
            trail.on_wire = False
            logger.debug(
                "%s: %d, attempt %d, request %s", call.label, answer.status, trail.attempts, request_id(answer)
            )
            if self._gate is not None:
                self._gate.observe(answer.headers)
            if not self._authenticator.wants_repeat(authorization, answer, trail.repeats):
                return answer

    async def _authorization(self, call: Call[T]) -> Authorization:
        return await self._authenticator.authorize() if call.operation.authenticated else ANONYMOUS

    def _response(self, call: Call[T], answer: WireAnswer, trail: _Trail) -> ApiResponse[Any]:
        if not 200 <= answer.status < 300:
            raise self._api_error(call, answer)
        return ApiResponse(
            data=read_data(call.operation, answer),
            status=answer.status,
            headers=answer.headers,
            request_id=request_id(answer),
            idempotency_key=call.idempotency_key,
            idempotent_replayed=answer.headers.get("X-Idempotent-Replayed", "").lower() == "true",
            attempts=trail.attempts,
            body=answer.body,
        )

    def _api_error(self, call: Call[T], answer: WireAnswer) -> ApiError:
        error = read_error(call.label, answer, now=self.clock.time())
        if isinstance(error, RateLimitError) and self._gate is not None and error.code in _SHARED_LIMIT:
            self._gate.refused(error.retry_after)
        in_flight = error.status == 409 and error.code == "idempotency_in_flight"
        redirected = 300 <= error.status < 400
        undocumented = error.status > 504
        if call.operation.retry != "safe" and (
            in_flight or redirected or undocumented or error.status in _MAYBE_EXECUTED
        ):
            error.outcome = Outcome.UNKNOWN
        return error

    def _judge(self, call: Call[T], error: AntonError, trail: _Trail) -> None:
        """Complete a failed attempt's error with what the whole call has been through."""
        trail.on_wire = False
        error.attempts = trail.attempts
        error.idempotency_key = call.idempotency_key
        conclusive = isinstance(error, ApiError) and error.settles_earlier_attempts
        if error.outcome is Outcome.UNKNOWN:
            trail.maybe_executed = True
        elif trail.maybe_executed and not conclusive:
            error.outcome = Outcome.UNKNOWN
        if isinstance(error, TransportError):
            error.message = f"{call.label} at {self.settings.base_url.origin()}: {error.message}"
        trail.last_error = f"{type(error).__name__}: {error.message}"
        logger.debug("%s: attempt %d failed: %s", call.label, trail.attempts, type(error).__name__)

    def _deadline_error(self, call: Call[T], trail: _Trail) -> DeadlineExceededError:
        last = f"; the last attempt ended in {trail.last_error}" if trail.last_error else ""
        return DeadlineExceededError(
            f"{call.label}: not done within timeout={call.timeout:g} seconds and {trail.attempts} attempts{last}",
            outcome=Outcome.UNKNOWN if trail.on_wire or trail.maybe_executed else Outcome.NOT_SENT,
            idempotency_key=call.idempotency_key,
            attempts=trail.attempts,
        )
