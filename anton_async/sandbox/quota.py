"""Rolling windows: the merchant's quota over `/v1/*`, narrower ceilings of single endpoints, and their headers.

A refused request does not count, so a client that keeps asking still gets through when the window has room. The
quota keeps the time of the machine, as clients pace themselves by it; the ceilings run on the sandbox's own clock.
The API publishes no number for deposits, webhook tests and secrets; those here are the sandbox's.
"""

from __future__ import annotations

import math
from collections import deque

from anton_async.clock import Clock
from anton_async.sandbox.errors import Refusal

_MINUTE = 60.0  # seconds
_HOUR = 3600.0

_SINGLE = {
    "getIndicativeFXRate": (30, _MINUTE, "rate_limit_exceeded"),
    "createFXQuote": (30, _MINUTE, "rate_limit_exceeded"),
    "executeFXExchange": (10, _MINUTE, "rate_limit_exceeded"),
    "testWebhookSubscription": (10, _MINUTE, "rate_limit_exceeded"),
    "getWebhookSecret": (10, _MINUTE, "rate_limit_exceeded"),
    "createSandboxDeposit": (60, _MINUTE, "rate_limit_exceeded"),
    "resetSandbox": (10, _HOUR, "rate_limited_sandbox_reset"),
    "seedSandboxBeneficiaries": (10, _HOUR, "rate_limited_sandbox_seed"),
    "seedSandboxPayouts": (10, _HOUR, "rate_limited_sandbox_seed"),
}
_INTELLIGENCE = "/v1/intelligence/"
_INTELLIGENCE_LIMIT = 120


class Window:
    """Counts what passed in the last seconds."""

    def __init__(self, clock: Clock, limit: int, seconds: float, code: str = "rate_limit_exceeded") -> None:
        self._clock = clock
        self._seconds = seconds
        self._code = code
        self._taken: deque[float] = deque()
        self.limit = limit

    def take(self) -> None:
        """Count one request; raises the 429 when the window is full."""
        now = self._clock.monotonic()
        if self.left() <= 0:
            wait = max(1, math.ceil(self._taken[0] + self._seconds - now)) if self._taken else int(self._seconds)
            message = f"Rate limit exceeded. Retry after {wait} seconds."
            raise Refusal(429, self._code, message, headers={"Retry-After": str(wait)})
        self._taken.append(now)

    def left(self) -> int:
        """Return how many more may pass now."""
        now = self._clock.monotonic()
        while self._taken and self._taken[0] <= now - self._seconds:
            self._taken.popleft()
        return max(0, self.limit - len(self._taken))

    def until_reset(self) -> float:
        """Return the seconds until the oldest request falls out of the window."""
        return self._taken[0] + self._seconds - self._clock.monotonic() if self._taken else 0.0


class Quota:
    """The windows that a request has to pass."""

    def __init__(self, clock: Clock, world_clock: Clock, per_minute: int) -> None:
        self._clock = clock
        self._whole = Window(clock, per_minute, _MINUTE)
        self._single = {
            name: Window(world_clock, limit, seconds, code) for name, (limit, seconds, code) in _SINGLE.items()
        }
        self._intelligence = Window(world_clock, _INTELLIGENCE_LIMIT, _MINUTE)
        self._anonymous = Window(world_clock, _INTELLIGENCE_LIMIT, _MINUTE)  # of all addresses: here there is one

    def take(self, operation_id: str, path: str) -> None:
        """Count one request of an operation; raises the 429 when a window is full."""
        for window in self._windows(operation_id, path):
            window.take()

    def take_anonymous(self) -> None:
        """Count one request without credentials; raises the 429 when there were too many."""
        self._anonymous.take()

    def headers(self, operation_id: str | None = None, path: str = "") -> dict[str, str]:
        """Return the three headers that go with every response: those of the window with the least room."""
        window = min(self._windows(operation_id, path), key=lambda one: (one.left(), one.limit))
        return {
            "X-RateLimit-Limit": str(window.limit),
            "X-RateLimit-Remaining": str(window.left()),
            "X-RateLimit-Reset": str(math.ceil(self._clock.time() + window.until_reset())),
        }

    def _windows(self, operation_id: str | None, path: str) -> list[Window]:
        windows = [self._whole]
        if operation_id in self._single:
            windows.append(self._single[operation_id])
        if path.startswith(_INTELLIGENCE):
            windows.append(self._intelligence)
        return windows
