"""Who is told what becomes of each call: hooks, which are plain functions, and observers, which follow whole calls.

`AntonClient` takes the hooks `on_attempt`, `on_retry` and `on_response`; `AntonClient.observe` adds an observer. Both
run on the event loop, in the task of the call, and must not block; what they raise is logged once and changes nothing.

    begin ──> attempt ──> response ──> retry ──> attempt ──> response ──> end
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, cast

from anton_async.call_log import CallLog
from anton_async.clock import Clock
from anton_async.errors import AntonError, ConfigurationError, Outcome
from anton_async.log import get_log
from anton_async.operation import Operation
from anton_async.response import ApiResponse, header_number

if TYPE_CHECKING:
    from yarl import URL

logger: Final = get_log("anton_async.hooks")

Moment = Literal["attempt", "response", "retry", "end"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    """One moment in the life of a call. It holds no ids of resources, no URLs, no headers and no bodies.

    Attributes:
        operation: the operation's id in the API's document, such as `createPayout`; `request` for `anton.request`.
        attempt: number of the request within its call, from 1; 0 while nothing has left yet. At the end of a call, how
            many requests left.
        elapsed: seconds since the call began, over queues, requests and pauses.
        outcome: what is known about the effect of the whole call so far; None in `on_attempt` and for a success.
        status: HTTP status; None where no answer arrived.
        request_id: `X-Request-ID` of the answer, to quote to support.
        delay: seconds until the call is tried again; in `on_retry` only.
        error: class name of the error that the request, or at its end the call, came to; None where it came to none.
        code: the API's error code, such as `insufficient_balance`.
        queued: seconds that the request waited for a token, the quota and a slot before it left; at the end of a call,
            all its requests together, and one that did not leave any more.
        quota: `X-RateLimit-Limit` of the newest answer; None where it gave none.
        quota_left: `X-RateLimit-Remaining` of the newest answer.
        replayed: whether the API repeated the answer to an earlier request under the same key; at the end of a call.
    """

    operation: str
    attempt: int
    elapsed: float
    outcome: Outcome | None = None
    status: int | None = None
    request_id: str | None = None
    delay: float | None = None
    error: str | None = None
    code: str | None = None
    queued: float = 0.0
    quota: int | None = None
    quota_left: int | None = None
    replayed: bool = False


Hook: TypeAlias = Callable[[CallEvent], object]


class CallObserver(Protocol):
    """Follows one call."""

    def attempt(self, event: CallEvent, /) -> object:
        """Learn that a request is about to leave."""
        ...

    def response(self, event: CallEvent, /) -> object:
        """Learn what became of a request that left: its answer arrived, or will not."""
        ...

    def retry(self, event: CallEvent, /) -> object:
        """Learn that a pause begins, after which the call is tried again."""
        ...

    def end(self, event: CallEvent, /) -> object:
        """Learn what the call came to; told once."""
        ...


class Timer(Protocol):
    """Times the requests of one call, for our own purposes: it costs nothing but the call of a method."""

    def left(self) -> None:
        """Learn that a request leaves now."""
        ...

    def ended(self, status: int | None, outcome: Outcome | None) -> None:
        """Learn that the request has ended now; see `CallEvent` for what it is told."""
        ...


class Observer(Protocol):
    """Follows the calls of a client."""

    def begin(self, operation: Operation[Any], base_url: URL, /) -> CallObserver | None:
        """Return who follows a call that begins now; None when it is of no interest."""
        ...


class Hooks:
    """The hooks and observers of one client.

    Args:
        on_attempt: called when a request is about to leave.
        on_retry: called before the pause that precedes another try.
        on_response: called once for each request that left: its answer arrived, or will not.

    Raises:
        ConfigurationError: one of them cannot be called, or is a coroutine function.
    """

    def __init__(
        self, *, on_attempt: Hook | None = None, on_retry: Hook | None = None, on_response: Hook | None = None
    ) -> None:
        named = {"on_attempt": on_attempt, "on_retry": on_retry, "on_response": on_response}
        for name, hook in cast("dict[str, object]", named).items():
            if hook is not None and (not callable(hook) or inspect.iscoroutinefunction(hook)):
                raise ConfigurationError(f"{name} must be a plain function of one argument, not a coroutine function.")
        self._observers: list[Observer] = [CallLog()]
        if any(named.values()):
            self._observers.insert(0, _Functions(on_attempt, on_retry, on_response))
        self._failed: set[str] = set()

    def add(self, observer: Observer) -> None:
        """Tell `observer` of every call from now on: of beginnings before the others, of ends after them."""
        self._observers.insert(0, observer)

    def begin(self, operation: Operation[Any], base_url: URL, clock: Clock, timer: Timer | None = None) -> Watch:
        """Return what tells of a call that begins now, its own `timer` among others."""
        following: tuple[CallObserver, ...] = ()
        for observer in self._observers:
            try:
                follower = observer.begin(operation, base_url)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever an observer of the user's raises
                self.failed(f"{type(observer).__name__}.begin observer", error)
            else:
                if follower is not None:
                    following += (follower,)
        return Watch(self, operation, following, clock, timer)

    def failed(self, name: str, error: BaseException) -> None:
        """Say once that the user's function `name` raised."""
        if name not in self._failed:
            self._failed.add(name)
            logger.warning("the %s raised %s; this is said once", name, type(error).__name__)


class Watch:
    """Tells those who follow one call, and lets none of them harm it."""

    def __init__(
        self,
        hooks: Hooks,
        operation: Operation[Any],
        following: tuple[CallObserver, ...],
        clock: Clock,
        timer: Timer | None = None,
    ) -> None:
        self._hooks = hooks
        self._timer = timer
        self._operation = operation
        self._following = following
        self._clock = clock
        self._began = clock.monotonic()
        self._queued = 0.0
        self._queues_since: float | None = None
        self._quota: tuple[int | None, int | None] = None, None

    def queue(self) -> None:
        """Note that a request begins to wait for its turn."""
        if self._following:
            self._queues_since = self._clock.monotonic()

    def attempt(self, number: int) -> None:
        """Tell that request `number` is about to leave."""
        if self._timer is not None:
            self._timer.left()
        if self._following:
            self._tell("attempt", number, queued=self._leave_queue())

    def answered(self, headers: Mapping[str, str]) -> None:
        """Learn the quota from an answer's headers."""
        if self._following:
            limit, remaining = headers.get("X-RateLimit-Limit"), headers.get("X-RateLimit-Remaining")
            self._quota = header_number(limit), header_number(remaining)

    def response(self, number: int, outcome: Outcome | None, status: int, request_id: str | None) -> None:
        """Tell of an answer that is no failure of the call."""
        if self._timer is not None:
            self._timer.ended(status, outcome)
        if self._following:
            self._tell("response", number, outcome=outcome, status=status, request_id=request_id)

    def failure(self, number: int, error: BaseException, outcome: Outcome) -> None:
        """Tell that request `number` came to `error`."""
        if self._timer is not None:
            self._timer.ended(getattr(error, "status", None), outcome)
        self._tell("response", number, **_failure(error, outcome))

    def retry(self, number: int, error: AntonError, delay: float) -> None:
        """Tell that the call is tried again in `delay` seconds."""
        self._tell("retry", number, delay=delay, **_failure(error, error.outcome))

    def succeed(self, response: ApiResponse[Any]) -> None:
        """Tell that the call came to `response`."""
        if self._following:
            self._tell(
                "end",
                response.attempts,
                status=response.status,
                request_id=response.request_id,
                queued=self._queued,
                replayed=response.idempotent_replayed,
            )

    def fail(self, number: int, error: BaseException, outcome: Outcome) -> None:
        """Tell that the call came to `error`, after `number` requests."""
        self._leave_queue()
        self._tell("end", number, queued=self._queued, **_failure(error, outcome))

    def _leave_queue(self) -> float:
        """Return for how many seconds a request waited."""
        if self._queues_since is None:
            return 0.0
        waited, self._queues_since = self._clock.monotonic() - self._queues_since, None
        self._queued += waited
        return waited

    def _tell(self, moment: Moment, number: int, **facts: Any) -> None:
        if not self._following:
            return
        elapsed, (quota, left) = self._clock.monotonic() - self._began, self._quota
        event = CallEvent(
            operation=self._operation.id, attempt=number, elapsed=elapsed, quota=quota, quota_left=left, **facts
        )
        for follower in reversed(self._following) if moment in {"response", "end"} else self._following:
            try:
                getattr(follower, moment)(event)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever a hook of the user's raises
                ours = isinstance(follower, _Functions)
                self._hooks.failed(
                    f"on_{moment} hook" if ours else f"{type(follower).__name__}.{moment} observer", error
                )


class _Functions:
    """The hooks, as an observer that follows every call."""

    def __init__(self, on_attempt: Hook | None, on_retry: Hook | None, on_response: Hook | None) -> None:
        self.attempt = on_attempt or _ignore
        self.retry = on_retry or _ignore
        self.response = on_response or _ignore
        self.end: Hook = _ignore

    def begin(self, operation: Operation[Any], base_url: URL) -> CallObserver:
        del operation, base_url
        return self


def _ignore(event: CallEvent) -> None:
    del event


def _failure(error: BaseException, outcome: Outcome) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "error": type(error).__name__,
        "status": getattr(error, "status", None),
        "code": getattr(error, "code", None),
        "request_id": getattr(error, "request_id", None),
    }
