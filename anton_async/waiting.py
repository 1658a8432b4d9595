"""Waiting for a terminal state, for those who cannot take webhooks.

Generated `wait` methods call `wait_until`. It asks less and less often, since each look costs one request of the
merchant's quota.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from anton_async.clock import Clock
from anton_async.config import check_timeout
from anton_async.errors import DeadlineExceededError, Outcome, printable

T = TypeVar("T")

_FIRST_PAUSE = 1.0  # seconds
_LAST_PAUSE = 15.0  # seconds
_GROWTH = 1.5


async def wait_until(
    fetch: Callable[[], Awaitable[T]],
    *,
    state: Callable[[T], str],
    terminal: frozenset[str],
    timeout: float,
    clock: Clock,
) -> T:
    """Fetch again and again until the state is terminal.

    Args:
        fetch: reads the resource.
        state: reads its state.
        terminal: states that do not change any more.
        timeout: seconds to wait altogether.
        clock: where pauses are slept.

    Raises:
        DeadlineExceededError: the state was not terminal in time; the message names the last one seen.
    """
    ends = clock.monotonic() + check_timeout(timeout)
    pause, last = _FIRST_PAUSE, "never seen"
    try:
        async with asyncio.timeout(timeout):
            while True:
                found = await fetch()
                last = printable(state(found), 100)
                if last in terminal:
                    return found
                left = ends - clock.monotonic()
                if left <= 0:
                    break
                await clock.sleep(min(pause, left))
                pause = min(pause * _GROWTH, _LAST_PAUSE)
    except TimeoutError:
        pass
    raise DeadlineExceededError(f"Still {last} after waiting for {timeout:g} seconds", outcome=Outcome.UNKNOWN)
