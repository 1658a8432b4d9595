"""The retry budget: what all calls of a client may spend on repeating together.

Each call's own retries are bounded already; when the API is down, a thousand of such calls would still be a storm. A
retry costs one; a call that succeeds after a retry brings that one back, one that succeeds at once a fifth, and time a
little, so that a client with few calls recovers too. When nothing is left, failures are raised at once.
"""

from __future__ import annotations

from anton_async.clock import Clock

_EARNED_AT_ONCE = 0.2
_SECONDS_PER_RETRY = 300.0


class RetryBudget:
    """A bucket of retries, shared by the calls of one client.

    Args:
        retries: how many it holds when it is full, which it is at first.
        clock: by which it fills slowly.
    """

    def __init__(self, retries: int, clock: Clock) -> None:
        self._capacity = float(retries)
        self._left = self._capacity
        self._clock = clock
        self._filled_at = clock.monotonic()

    def take(self) -> bool:
        """Take one retry; return whether there was one."""
        now = self._clock.monotonic()
        self._add((now - self._filled_at) / _SECONDS_PER_RETRY)
        self._filled_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def succeeded(self, *, after_retry: bool) -> None:
        """Give back what a success is worth."""
        self._add(1.0 if after_retry else _EARNED_AT_ONCE)

    def _add(self, retries: float) -> None:
        self._left = min(self._left + retries, self._capacity)
