"""The merchant's rolling-minute quota, kept on our side so that the API does not have to refuse.

Every request that leaves is counted for a minute. A burst passes at once, up to what the rolling minute still allows;
after that callers wait in the order they came. The API's `X-RateLimit-*` headers correct the count, since other
programs share the same quota. An endpoint that announces less than the merchant's quota gets a window of its own:

    caller ─▶ endpoint's window, where it has one ─▶ merchant's window ─▶ a slot ─▶ counted in both

so that a queue for a narrow endpoint holds up nobody else, and takes no slot while it waits.

Source: https://docs.antonpayments.com/api-reference/rate-limits
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from multidict import CIMultiDictProxy

from anton_async.clock import Clock
from anton_async.config import RateLimit
from anton_async.transport.retry_after import read_date

_WINDOW = 60.0  # seconds
_MARGIN = 0.25  # seconds; the API counts a request when it arrives, a little after we do
_MAX_ENDPOINTS = 256


class _Window:
    """One quota: what of it is used up, and who waits for it, first come first served."""

    def __init__(self, limit: int, clock: Clock) -> None:
        self.limit = limit
        self.turn = asyncio.Lock()
        self._clock = clock
        self._ends: list[float] = []
        self._closed_until = 0.0

    def wait(self) -> float:
        """Return for how many seconds nothing may leave."""
        now = self._clock.monotonic()
        while self._ends and self._ends[0] <= now:
            heapq.heappop(self._ends)
        closed = self._closed_until - now
        over = len(self._ends) - self.limit
        return closed if over < 0 else max(closed, heapq.nsmallest(over + 1, self._ends)[-1] - now)

    async def opened(self) -> None:
        """Wait until a request may leave."""
        while (wait := self.wait()) > 0:
            await self._clock.sleep(wait)

    def count(self, number: int = 1, lasting: float = _WINDOW) -> None:
        """Count requests that leave now, or that others were found to have sent, for `lasting` seconds."""
        end = self._clock.monotonic() + lasting + _MARGIN
        for _ in range(number):
            heapq.heappush(self._ends, end)

    def learn(self, remaining: int, reset: float | None) -> None:
        """Count as used what others must have used, until the window is reset."""
        self.wait()
        unseen = self.limit - remaining - len(self._ends)
        self.count(min(max(unseen, 0), self.limit), _WINDOW if reset is None else reset)

    def close(self, seconds: float) -> None:
        """Let nothing through for `seconds`, at most a whole window."""
        self._closed_until = max(self._closed_until, self._clock.monotonic() + min(seconds, _WINDOW))


class RateGate:
    """Admits the requests of one client.

    Args:
        rate_limit: the merchant's quota; None switches the pacing off.
        concurrency: how many requests may be under way at once.
        clock: by which minutes are measured and waited for.
    """

    def __init__(self, rate_limit: RateLimit | None, concurrency: int, clock: Clock) -> None:
        self._merchant = None if rate_limit is None else _Window(rate_limit.per_minute, clock)
        self._endpoints: dict[str, _Window] = {}
        self._slots = asyncio.Semaphore(concurrency)
        self._clock = clock

    @asynccontextmanager
    async def admit(self, endpoint: str) -> AsyncGenerator[None, None]:
        """Wait for this caller's turn and a free slot, count the request, and free the slot after the block."""
        if self._merchant is None:
            await self._slots.acquire()
        else:
            await self._enter(endpoint, self._merchant)
        try:
            yield
        finally:
            self._slots.release()

    def observe(self, endpoint: str, headers: CIMultiDictProxy[str]) -> None:
        """Correct the count by an answer's headers: what others used of the same quota is counted as ours."""
        limit, remaining = _limit(headers), _number(headers.get("X-RateLimit-Remaining"))
        if self._merchant is not None and limit is not None and remaining is not None:
            self._window(endpoint, limit, self._merchant).learn(remaining, self._reset(headers))

    def refused(self, endpoint: str, headers: CIMultiDictProxy[str], retry_after: float | None) -> None:
        """Close the quota that a 429 was about: the endpoint's own, unless the answer names the merchant's."""
        if self._merchant is not None:
            self._window(endpoint, _limit(headers), self._merchant).close(retry_after or 1.0)

    async def _enter(self, endpoint: str, merchant: _Window) -> None:
        own = self._endpoints.get(endpoint) or await self._pass(endpoint, merchant)
        if own is None:
            return
        async with own.turn:
            closed: _Window | None = own
            while closed is not None:
                await closed.opened()
                closed = await self._pass(endpoint, merchant)

    async def _pass(self, endpoint: str, merchant: _Window) -> _Window | None:
        """Take a slot when the merchant's quota allows it; return the endpoint's window instead if that is closed."""
        async with merchant.turn:
            await self._slots.acquire()
            try:
                await merchant.opened()
            except BaseException:
                self._slots.release()
                raise
            own = self._endpoints.get(endpoint)
            if own is not None and own.wait() > 0:
                self._slots.release()
                return own
            merchant.count()
            if own is not None:
                own.count()
            return None

    def _window(self, endpoint: str, limit: int | None, merchant: _Window) -> _Window:
        """Return the window that an answer is about."""
        if limit is not None and limit >= merchant.limit:
            return merchant
        own = self._endpoints.get(endpoint)
        if own is None:
            if len(self._endpoints) >= _MAX_ENDPOINTS:
                del self._endpoints[next(iter(self._endpoints))]
            own = self._endpoints[endpoint] = _Window(merchant.limit, self._clock)
        own.limit = limit or own.limit
        return own

    def _reset(self, headers: CIMultiDictProxy[str]) -> float | None:
        """Return in how many seconds the window is reset, by the clock of the answer; None if that makes no sense."""
        reset = _number(headers.get("X-RateLimit-Reset"), digits=12)
        if reset is None:
            return None
        date = read_date(headers.getall("Date", []))
        seconds = reset - (self._clock.time() if date is None else date)
        return seconds if 0 < seconds <= _WINDOW else None


def _limit(headers: Mapping[str, str]) -> int | None:
    return _number(headers.get("X-RateLimit-Limit")) or None


def _number(text: str | None, digits: int = 9) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= digits else None
