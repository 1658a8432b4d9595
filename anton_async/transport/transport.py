"""The stages of a call, strung together.

`Transport.send` takes a `Call` through deadline, retry, rate gate, token, wire and decoding, and keeps the record from
which the outcome of a failed call is told: once an attempt may have been executed, no later failure makes the call "not
sent" again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from yarl import URL

from anton_async.auth.authorization import Authorization
from anton_async.clock import Clock
from anton_async.config import RequestOptions, Settings
from anton_async.errors import (
    AntonError,
    ApiError,
    ConfigurationError,
    DeadlineExceededError,
    Outcome,
    RateLimitError,
    TransportError,
)
from anton_async.hooks import Hooks, Timer
from anton_async.log import get_log
from anton_async.operation import Operation
from anton_async.response import ApiResponse
from anton_async.transport.authentication import ANONYMOUS, Authenticator
from anton_async.transport.budget import RetryBudget
from anton_async.transport.call import Call, freeze, join, prepare
from anton_async.transport.deadline import Deadline, Deadlines
from anton_async.transport.decode import read_data, read_error, request_id
from anton_async.transport.form import Form
from anton_async.transport.idempotency import KeyLife
from anton_async.transport.rate import RateGate
from anton_async.transport.retry import repeat
from anton_async.transport.stream import Receive
from anton_async.transport.trail import Trail
from anton_async.transport.unsettled import Unsettled, keep
from anton_async.transport.wire import Wire, WireAnswer

T = TypeVar("T")

logger: Final = get_log("anton_async.transport")

_SHARED_LIMIT = frozenset({None, "rate_limit_exceeded", "rate_limited"})
_KEY_STAYS_FREE = frozenset({"payout_rejected"})
"""Refusals that the API does not remember under the key: a request on its way could still be executed."""
_HELD_BACK = 180.0  # seconds; a proof is good for 60, and the calls that sent it last 60 more
_MAYBE_EXECUTED = frozenset({408, 500, 502, 503, 504})


class Transport:
    """Sends calls for one client.

    Args:
        settings: the client's configuration.
        wire: sends single requests.
        authenticator: authorises them.
        clock: time source.
        hooks: who is told of each request.
        client_id: who the client is.
    """

    def __init__(
        self,
        settings: Settings,
        wire: Wire,
        authenticator: Authenticator,
        clock: Clock,
        *,
        hooks: Hooks,
        client_id: str,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.owner: tuple[str, str] = (client_id, str(settings.base_url))
        self._wire = wire
        self._authenticator = authenticator
        self._hooks = hooks
        self._gate = RateGate(settings.rate_limit, settings.concurrency, clock)
        self._budget = None if settings.retry_budget is None else RetryBudget(settings.retry_budget, clock)
        self._deadlines = Deadlines()
        self._under_way: dict[Deadline, Trail] = {}
        self._closed = False

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

        Its retries are not paid from the retry budget: a job bounds them by its concurrency, and gains nothing from
        leaving rows unknown.

        Args:
            operation: the endpoint.
            options: holds the idempotency key the bytes were first sent under.
            path: path below the base URL, percent-encoded.
            body: body bytes.
        """
        call = freeze(operation, self.settings, options, url=join(self.settings.base_url, path), body=body)
        return msgspec.structs.replace(call, budgeted=False)

    async def send(
        self,
        call: Call[T],
        receive: Receive | None = None,
        *,
        key_life: KeyLife | None = None,
        timer: Timer | None = None,
    ) -> ApiResponse[Any]:
        """Take `call` to the API and return its answer.

        Args:
            call: what to send.
            receive: takes the body of a success as it arrives; called anew for each attempt that brings one.
            key_life: life of the key of a call that was sent before and may have been executed.
            timer: times its requests.

        Raises:
            AntonError: the call failed; `.outcome` tells whether it may have been executed.
        """
        watch = self._hooks.begin(call.operation, self.settings.base_url, self.clock, timer)
        ends = self.clock.monotonic() + call.timeout
        trail = Trail(ends, watch, maybe_executed=key_life is not None, key_life=key_life)
        try:
            response = await self._conclude(call, trail, receive)
        except BaseException as failure:
            watch.fail(trail.attempts, failure, failure.outcome if isinstance(failure, AntonError) else trail.outcome)
            raise
        watch.succeed(response)
        return response

    def quota(self) -> tuple[int, int] | None:
        """Return how many requests of the rolling minute are used up and how many there are; None when unpaced."""
        return self._gate.used()

    async def _conclude(self, call: Call[T], trail: Trail, receive: Receive | None) -> ApiResponse[Any]:
        """Return the answer, or raise what the call came to within its time."""
        try:
            self._wire.require_session()
            with self._deadlines.within(call.timeout) as deadline:
                self._under_way[deadline] = trail
                try:
                    return await self._try(call, trail, receive)
                finally:
                    del self._under_way[deadline]
        except TimeoutError:
            pass
        except AntonError as failure:
            self._complete(call, failure, trail)
            raise
        except asyncio.CancelledError as cancellation:
            self._cancelled(call, cancellation, trail)
            raise
        was_on_wire, error = trail.on_wire, self._given_up(call, trail)
        if was_on_wire:
            trail.watch.failure(trail.attempts, error, error.outcome)
        self._complete(call, error, trail)
        raise error from trail.last_error

    def close(self) -> None:
        """Let nothing leave any more, and end the calls that wait; what is on the wire is the wire's to end."""
        self._closed = True
        for deadline, trail in self._under_way.items():
            if not trail.on_wire:
                deadline.end()
        self._deadlines.close()

    def server_time(self) -> float:
        """Return the Unix time by the servers' clock, as far as it is known."""
        return self.clock.time() + self._authenticator.offset

    async def authorize(self) -> Authorization:
        """Return what would authorise a request now, fetching an access token where one is needed."""
        self._wire.require_session()
        return await self._authenticator.authorize()

    async def _try(self, call: Call[T], trail: Trail, receive: Receive | None) -> ApiResponse[Any]:
        try:
            response = await self._attempt(call, trail, receive)
        except AntonError as error:
            failure = error
        else:
            if call.budgeted and self._budget is not None:
                self._budget.succeeded(after_retry=False)
            return response
        return await self._repeat(call, trail, receive, failure)

    async def _repeat(
        self, call: Call[T], trail: Trail, receive: Receive | None, failure: AntonError
    ) -> ApiResponse[Any]:
        return await repeat(
            failure,
            lambda: self._attempt(call, trail, receive),
            retry=call.operation.retry,
            max_retries=call.max_retries,
            remaining=lambda: self._remaining(trail),
            clock=self.clock,
            budget=self._budget if call.budgeted else None,
            before_pause=lambda error, delay: trail.watch.retry(trail.attempts, error, delay),
        )

    async def _attempt(self, call: Call[T], trail: Trail, receive: Receive | None) -> ApiResponse[Any]:
        try:
            answer = await self._exchange(call, call.url, trail, receive)
            if answer.status == 404 and call.operation.earlier_path is not None:
                self._answered(trail, answer, self._request_id(answer))
                earlier = join(self.settings.base_url, call.operation.earlier_path)
                answer = await self._exchange(call, earlier, trail, receive)
            response = self._response(call, answer, trail)
        except AntonError as error:
            self._judge(call, error, trail)
            raise
        self._answered(trail, answer, response.request_id)
        return response

    async def _exchange(self, call: Call[T], url: URL, trail: Trail, receive: Receive | None) -> WireAnswer:
        label = call.label
        while True:
            trail.watch.queue()
            # A token first, so that fetching one does not let the request leave long after it was counted; and again
            # behind the gate, where the wait may have outlived it.
            if self._ready(call) is None:
                await self._authenticator.authorize()
            with await self._gate.admit(label) as admission:
                authorization = self._ready(call) or await self._authenticator.authorize()
                self._leave(trail)
                try:
                    answer = await self._wire.send(
                        call.operation.method,
                        url,
                        headers=call.headers,
                        body=call.body,
                        authorization=authorization,
                        receive=receive,
                    )
                except BaseException:
                    self._authenticator.unanswered(authorization)
                    raise
            self._gate.observe(label, answer.headers, admission.left)
            if call.operation.retry != "safe" and self._authenticator.may_be_copy(authorization, answer):
                trail.maybe_executed = trail.lost = True
            trail.watch.answered(answer.headers)
            if not self._authenticator.wants_repeat(authorization, answer, trail.repeats):
                return answer
            self._answered(trail, answer, self._request_id(answer))

    def _ready(self, call: Call[T]) -> Authorization | None:
        return self._authenticator.ready() if call.operation.authenticated else ANONYMOUS

    def _leave(self, trail: Trail) -> None:
        """Note that a request leaves now, if there is still time for it."""
        if self._remaining(trail) <= 0:
            raise TimeoutError
        trail.attempts += 1
        trail.key_life = trail.key_life or KeyLife.begin(self.clock)
        trail.watch.attempt(trail.attempts)
        trail.on_wire = True

    def _remaining(self, trail: Trail) -> float:
        """Return the seconds in which another request may leave: what may have been executed ends with its key."""
        if self._closed:
            return 0.0
        left = trail.ends - self.clock.monotonic()
        if trail.maybe_executed and trail.key_life is not None:
            return min(left, trail.key_life.left(self.clock))
        return left

    def _answered(self, trail: Trail, answer: WireAnswer, request_id: str | None) -> None:
        """Tell of an answer that is no failure of the call."""
        trail.on_wire = False
        refused = None if 200 <= answer.status < 300 else Outcome.REJECTED
        outcome = Outcome.UNKNOWN if refused and trail.maybe_executed else refused
        trail.watch.response(trail.attempts, outcome, answer.status, request_id)

    def _response(self, call: Call[T], answer: WireAnswer, trail: Trail) -> ApiResponse[Any]:
        if not 200 <= answer.status < 300:
            raise self._api_error(call, answer)
        return ApiResponse(
            data=read_data(call.operation, answer),
            status=answer.status,
            headers=answer.headers,
            request_id=self._request_id(answer),
            idempotency_key=call.idempotency_key,
            idempotent_replayed=answer.headers.get("X-Idempotent-Replayed", "").lower() == "true",
            attempts=trail.attempts,
            body=answer.body,
        )

    def _request_id(self, answer: WireAnswer) -> str | None:
        found = request_id(answer)
        return found and self._authenticator.redact(found)

    def _api_error(self, call: Call[T], answer: WireAnswer) -> ApiError:
        error = read_error(call.label, answer, now=self.clock.time(), redact=self._authenticator.redact)
        if isinstance(error, RateLimitError) and error.code in _SHARED_LIMIT:
            self._gate.refused(call.label, answer.headers, error.retry_after)
        error.is_documented = any(
            status == error.status and error.code in codes for status, codes in call.operation.errors
        )
        in_flight = error.status == 409 and error.is_retryable
        redirected = 300 <= error.status < 400
        undocumented = error.status > 504
        if call.operation.retry != "safe" and (
            in_flight or redirected or undocumented or error.status in _MAYBE_EXECUTED
        ):
            error.outcome = Outcome.UNKNOWN
        return error

    def _judge(self, call: Call[T], error: AntonError, trail: Trail) -> None:
        """Complete a failed attempt's error with what the whole call has been through."""
        was_on_wire, trail.on_wire = trail.on_wire, False
        self._complete(call, error, trail)
        if error.outcome is Outcome.UNKNOWN:
            trail.maybe_executed = trail.lost = True
        if isinstance(error, TransportError):
            error.message = f"{call.label} at {self.settings.base_url.origin()}: {error.message}"
        trail.last_error = error
        if was_on_wire:
            trail.watch.failure(trail.attempts, error, error.outcome)

    def _complete(self, call: Call[T], error: AntonError, trail: Trail) -> None:
        error.attempts = trail.attempts
        error.idempotency_key = call.idempotency_key
        if trail.maybe_executed and not self._settles(error, trail):
            error.outcome = Outcome.UNKNOWN
        if error.outcome is Outcome.UNKNOWN:
            self._keep(call, error, trail)

    def _settles(self, error: AntonError, trail: Trail) -> bool:
        """Return whether `error` tells that no earlier request under the key was executed, nor will be."""
        if not isinstance(error, ApiError) or not error.settles_earlier_attempts:
            return False
        if error.code not in _KEY_STAYS_FREE:
            return True
        return not trail.lost and trail.key_life is not None and trail.key_life.age(self.clock) > _HELD_BACK

    def _keep(self, call: Call[T], error: BaseException, trail: Trail) -> None:
        if call.idempotency_key is not None and trail.key_life is not None:
            keep(error, Unsettled(call=call, life=trail.key_life, owner=self.owner))

    def _cancelled(self, call: Call[T], cancellation: asyncio.CancelledError, trail: Trail) -> None:
        """Tell of a call that was cancelled while it may have been executed: its caller gets no error that says so."""
        was_on_wire, outcome = trail.on_wire, trail.outcome
        trail.on_wire, trail.maybe_executed = False, outcome is Outcome.UNKNOWN
        if was_on_wire:
            trail.watch.failure(trail.attempts, cancellation, outcome)
        if outcome is Outcome.UNKNOWN and call.idempotency_key is not None:
            text = f"{call.label} was cancelled; the outcome is unknown; idempotency key {call.idempotency_key}"
            named = {"anton_operation": call.operation.id, "anton_idempotency_key": call.idempotency_key}
            logger.warning("%s", text, extra={**named, "anton_outcome": outcome.value})
            cancellation.add_note(text)
            self._keep(call, cancellation, trail)

    def _given_up(self, call: Call[T], trail: Trail) -> AntonError:
        """Return the error of a call that ran out of time, or whose client was closed."""
        outcome = trail.outcome
        trail.on_wire, trail.maybe_executed = False, outcome is Outcome.UNKNOWN
        last = trail.last_error
        ended = f"; the last attempt ended in {type(last).__name__}: {last.message}" if last else ""
        if self._closed:
            return ConfigurationError(
                f"{call.label}: the client was closed while the call waited{ended}", outcome=outcome
            )
        if trail.maybe_executed and trail.key_life is not None and trail.key_life.left(self.clock) <= 0:
            why = "not repeated, since the API may have forgotten the idempotency key"
        else:
            why = f"not done within timeout={call.timeout:g} seconds and {trail.attempts} attempts"
            quota = self._gate.used()
            if trail.attempts == 0 and quota is not None and quota[0] >= quota[1]:
                why += f", since the quota of {quota[1]} requests a minute was used up: give it more time (timeout=)"
        return DeadlineExceededError(f"{call.label}: {why}{ended}", outcome=outcome)
