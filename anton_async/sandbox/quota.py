"""The merchant's rolling-minute quota over `/v1/*`, with the numbers the `X-RateLimit-*` headers show.

A refused request does not count, so a client that keeps asking still gets through when the window has room.
"""

from __future__ import annotations

import math
from collections import deque

from anton_async.clock import Clock
from anton_async.sandbox.errors import Refusal

_WINDOW = 60.0  # seconds


class Quota:
    """Counts the requests of the last 60 seconds."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._taken: deque[float] = deque()

    def take(self) -> None:
        """Count one request; raises the 429 when the window is full."""
        now = self._clock.monotonic()
        self._forget(now)
        if len(self._taken) >= self._per_minute:
            wait = max(1, math.ceil(self._taken[0] + _WINDOW - now)) if self._taken else int(_WINDOW)
            message = f"Rate limit exceeded. Retry after {wait} seconds."
            raise Refusal(429, "rate_limit_exceeded", message, headers={"Retry-After": str(wait)})
        self._taken.append(now)

    def headers(self) -> dict[str, str]:
        """Return the three headers that go with every response."""
        now = self._clock.monotonic()
        self._forget(now)
        until_reset = self._taken[0] + _WINDOW - now if self._taken else 0.0
        return {
            "X-RateLimit-Limit": str(self._per_minute),
            "X-RateLimit-Remaining": str(max(0, self._per_minute - len(self._taken))),
            "X-RateLimit-Reset": str(math.ceil(self._clock.time() + until_reset)),
        }

    def _forget(self, now: float) -> None:
        while self._taken and self._taken[0] <= now - _WINDOW:
            self._taken.popleft()
