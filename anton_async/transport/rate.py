"""The merchant's rolling-minute quota, kept on our side so that the API does not have to refuse.

Every request that leaves is counted for a minute. A burst passes at once, up to what the rolling minute still allows;
after that callers wait in the order they came. The API's `X-RateLimit-*` headers correct the count, since other
programs share the same quota.

Source: https://docs.antonpayments.com/api-reference/rate-limits
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

from anton_async.clock import Clock
from anton_async.config import RateLimit

_WINDOW = 60.0  # seconds
_MARGIN = 0.25  # seconds; the API counts a request when it arrives, a little after we do


class RateGate:
    """Lets one request through at a time, first come first served, while the quota lasts."""

    def __init__(self, rate_limit: RateLimit, clock: Clock) -> None:
        self._configured = rate_limit.per_minute
        self._limit = rate_limit.per_minute
        self._clock = clock
        self._sent: deque[float] = deque()
        self._closed_until = 0.0
        self._turn = asyncio.Lock()

    async def enter(self) -> None:
        """Wait for this caller's turn, and count the request that is about to leave."""
        async with self._turn:
            while (wait := self._wait()) > 0:
                await self._clock.sleep(wait)
            self._sent.append(self._clock.monotonic())

    def observe(self, headers: Mapping[str, str]) -> None:
        """Correct the count by an answer's headers: what others used of the same quota is counted as ours."""
        limit, remaining = _number(headers.get("X-RateLimit-Limit")), _number(headers.get("X-RateLimit-Remaining"))
        if limit is None or remaining is None or limit < 1:
            return
        self._limit = min(self._configured, limit)
        self._forget()
        now = self._clock.monotonic()
        unseen = self._limit - remaining - len(self._sent)
        self._sent.extend([now] * min(max(unseen, 0), self._limit))

    def refused(self, retry_after: float | None) -> None:
        """Close the gate after a 429, for `retry_after` seconds, at most a whole window."""
        self._closed_until = max(self._closed_until, self._clock.monotonic() + min(retry_after or 1.0, _WINDOW))

    def _wait(self) -> float:
        self._forget()
        now = self._clock.monotonic()
        closed = self._closed_until - now
        if len(self._sent) < self._limit:
            return closed
        freed = self._sent[len(self._sent) - self._limit] + _WINDOW + _MARGIN
        return max(closed, freed - now)

    def _forget(self) -> None:
        past = self._clock.monotonic() - _WINDOW - _MARGIN
        while self._sent and self._sent[0] <= past:
            self._sent.popleft()


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None
