"""When a failed attempt is repeated, and how long to wait before.

    NOT_SENT            repeated: nothing happened
    429, in flight      repeated, not before `Retry-After`
    unknown outcome     repeated for reads, and for mutations only under the same idempotency key
    everything else     raised

The loop is tenacity's, one `AsyncRetrying` for each call that has failed once. What repeats because the API fails
is paid from the client's retry budget; what waits for its turn (429, in flight) is not.

Source: https://docs.antonpayments.com/api-reference/errors
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from anton_async.clock import Clock
from anton_async.errors import AntonError, ConflictError, Outcome, RateLimitError, ResponseDecodeError
from anton_async.operation import RetryClass
from anton_async.transport.budget import RetryBudget

T = TypeVar("T")

_BASE_DELAY = 0.5  # seconds
_MAX_DELAY = 20.0  # seconds
_JITTER = 0.5  # seconds on top of Retry-After


def worth_repeating(error: BaseException, retry: RetryClass) -> bool:
    """Return whether an attempt that ended in `error` may and should be repeated."""
    if isinstance(error, ResponseDecodeError):
        return retry == "keyed"
    if not isinstance(error, AntonError) or not error.is_retryable:
        return False
    return retry != "never" or isinstance(error, RateLimitError) or error.outcome is Outcome.NOT_SENT


def delay_before(attempt: int, retry_after: float | None) -> float:
    """Return the pause in seconds after attempt number `attempt`: full jitter, never less than `retry_after`."""
    backoff = random.uniform(0, min(_MAX_DELAY, _BASE_DELAY * 2 ** min(attempt - 1, 10)))  # noqa: S311 - no secret
    if retry_after is None:
        return backoff
    return max(retry_after + random.uniform(0, _JITTER), backoff)  # noqa: S311 - no secret


async def repeat(
    failure: AntonError,
    attempt: Callable[[], Awaitable[T]],
    *,
    retry: RetryClass,
    max_retries: int,
    remaining: Callable[[], float],
    clock: Clock,
    budget: RetryBudget | None = None,
    before_pause: Callable[[AntonError, float], None] | None = None,
) -> T:
    """Repeat what failed until it succeeds, fails for good, or its retries, its time or the common budget are spent.

    Args:
        failure: what the first attempt came to; raised when it is not worth repeating.
        attempt: one attempt; raises an `AntonError` of its own each time.
        retry: the operation's retry class.
        max_retries: how often it may be repeated.
        remaining: seconds until the call's deadline; a pause that would reach it is not begun.
        clock: where pauses are slept.
        budget: what the calls of a client may spend on repeating together; None bounds nothing.
        before_pause: told the error and the seconds of each pause.
    """
    if max_retries == 0 or not worth_repeating(failure, retry):
        raise failure
    first = [failure]

    async def next_attempt() -> T:
        if first:
            raise first.pop()
        return await attempt()

    def pause(state: RetryCallState) -> float:
        return delay_before(state.attempt_number, _error(state).retry_after)

    def spent(state: RetryCallState) -> bool:
        if state.attempt_number > max_retries or state.upcoming_sleep >= remaining():
            return True
        error = _error(state)
        if budget is None or not _is_failure(error) or budget.take():
            return False
        error.message += "; not tried again, since the client's retry_budget is spent"
        return True

    loop = AsyncRetrying(
        retry=retry_if_exception(lambda error: worth_repeating(error, retry)),
        wait=pause,
        stop=spent,
        sleep=clock.sleep,
        before_sleep=None if before_pause is None else lambda state: before_pause(_error(state), state.upcoming_sleep),
        reraise=True,
    )
    result: T = await loop(next_attempt)
    if budget is not None:
        budget.succeeded(after_retry=True)
    return result


def _is_failure(error: AntonError) -> bool:
    """Return whether `error` says that the API fails, rather than that a call has to wait for its turn."""
    return not isinstance(error, RateLimitError | ConflictError)


def _error(state: RetryCallState) -> AntonError:
    error = state.outcome.exception() if state.outcome is not None else None
    return cast("AntonError", error)
