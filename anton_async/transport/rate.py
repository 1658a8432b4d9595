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
import itertools
from collections import deque
from collections.abc import Mapping
from typing import Self

import msgspec
from multidict import CIMultiDictProxy

from anton_async.clock import Clock
from anton_async.config import RateLimit
from anton_async.response import header_number
from anton_async.transport.retry_after import read_date

_WINDOW = 60.0  # seconds
_MARGIN = 0.25  # seconds; the API counts a request when it arrives, a little after we do
_ROUNDING = 0.05  # seconds; at the latest it has counted a request when its answer is here
_MAX_ENDPOINTS = 256


class _Window:
    """One quota: what of it is used up, and who waits for it, first come first served."""

    def __init__(self, limit: int, clock: Clock) -> None:
        self.limit = limit
        self.turn = asyncio.Lock()
        self._clock = clock
        self._ends: list[_Counted] = []  # a heap
        self._gone: deque[float] = deque()
        self._closed_until = 0.0

    def wait(self) -> float:
        """Return for how many seconds nothing may leave."""
        now = self._clock.monotonic()
        self._forget(now)
        closed = self._closed_until - now
        over = len(self._ends) - self.limit
        if over < 0:
            return closed
        # The first of a heap is its smallest; any other has to be looked for, which takes long in a large quota.
        opens = self._ends[0] if over == 0 else heapq.nsmallest(over + 1, self._ends)[-1]
        return max(closed, opens.as_it_left - now)

    def _forget(self, now: float) -> None:
        """Drop what counts no longer; a request whose answer was late counts for a minute from its answer."""
        while self._ends and self._ends[0].as_it_left <= now:
            first = self._ends[0]
            if first.as_it_ended > now:
                heapq.heapreplace(self._ends, _Counted(first.as_it_ended, first.as_it_ended))
            else:
                self._gone.append(heapq.heappop(self._ends).as_it_left)
        while self._gone and self._gone[0] <= now - _WINDOW:
            self._gone.popleft()

    async def opened(self) -> None:
        """Wait until a request may leave."""
        while (wait := self.wait()) > 0:
            await self._clock.sleep(wait)

    def count(self, lasting: float = _WINDOW) -> _Counted:
        """Count a request that leaves now, or that others were found to have sent, for `lasting` seconds."""
        end = self._clock.monotonic() + lasting + _MARGIN
        counted = _Counted(end, end)
        heapq.heappush(self._ends, counted)
        return counted

    def used(self) -> int:
        """Return how many requests of the last minute count, our own and those of others that we know of."""
        self.wait()
        return min(len(self._ends), self.limit)

    def taken_by_others(self, remaining: int, left: float) -> int:
        """Return how many requests others must have sent that are not counted yet.

        Args:
            remaining: what the API said was left, some time after the monotonic time `left`.
            left: when the request left that it was said to. The API may have counted then what we count no longer.
        """
        self._forget(self._clock.monotonic())
        ours = len(self._ends)
        if self._gone:
            ours += sum(1 for _ in itertools.takewhile(lambda end: end > left, reversed(self._gone)))
        return min(self.limit - remaining - ours, self.limit)

    def close(self, seconds: float) -> None:
        """Let nothing through for `seconds`, at most a whole window."""
        self._closed_until = max(self._closed_until, self._clock.monotonic() + min(seconds, _WINDOW))


class _Counted(msgspec.Struct, order=True, gc=False):
    """A request that counts: until when by the time it left, and until when by the time it ended."""

    as_it_left: float
    as_it_ended: float


class _Admission:
    """One request that was let through: frees its slot at the end of the block.

    Attributes:
        left: monotonic time at which it left.
    """

    __slots__ = ("_clock", "_counted", "_counted_too", "_slots", "left")

    def __init__(
        self, slots: asyncio.Semaphore, clock: Clock, window: _Window | None = None, own: _Window | None = None
    ) -> None:
        self.left: float = clock.monotonic()
        self._slots: asyncio.Semaphore = slots
        self._clock: Clock = clock
        self._counted: _Counted | None = None if window is None else window.count()
        self._counted_too: _Counted | None = None if own is None else own.count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # The API may have counted the request as late as now.
        latest = self._clock.monotonic() + _WINDOW + _ROUNDING
        for counted in (self._counted, self._counted_too):
            if counted is not None:
                counted.as_it_ended = max(counted.as_it_ended, latest)
        self._slots.release()


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
        self._queued = 0
        self._clock = clock

    async def admit(self, endpoint: str) -> _Admission:
        """Wait for this caller's turn and a free slot, and count the request; the slot is freed after the block."""
        merchant = self._merchant
        if merchant is None:
            await self._slots.acquire()
            return _Admission(self._slots, self._clock)
        if self._queued or endpoint in self._endpoints or self._slots.locked() or merchant.wait() > 0:
            self._queued += 1
            try:
                return await self._queue(endpoint, merchant)
            finally:
                self._queued -= 1
        await self._slots.acquire()  # at once
        return _Admission(self._slots, self._clock, merchant)

    def observe(self, endpoint: str, headers: CIMultiDictProxy[str], left: float) -> None:
        """Correct the count by an answer's headers: what others used of the same quota is counted as ours.

        `left` is the monotonic time at which the request left.
        """
        if self._merchant is None:
            return
        limit, remaining = _limit(headers), header_number(headers.get("X-RateLimit-Remaining"))
        if limit is not None and remaining is not None:
            window = self._window(endpoint, limit, self._merchant)
            others = window.taken_by_others(remaining, left)
            lasting = self._reset(headers) if others > 0 else _WINDOW
            for _ in range(others):
                window.count(lasting)

    def used(self) -> tuple[int, int] | None:
        """Return how much of the merchant's quota is used up and how much there is; None when nothing is paced."""
        return None if self._merchant is None else (self._merchant.used(), self._merchant.limit)

    def refused(self, endpoint: str, headers: CIMultiDictProxy[str], retry_after: float | None) -> None:
        """Close the quota that a 429 was about: the endpoint's own, unless the answer names the merchant's."""
        if self._merchant is not None:
            self._window(endpoint, _limit(headers), self._merchant).close(retry_after or 1.0)

    async def _queue(self, endpoint: str, merchant: _Window) -> _Admission:
        own = self._endpoints.get(endpoint) or await self._pass(endpoint, merchant)
        if isinstance(own, _Admission):
            return own
        async with own.turn:
            while True:
                await own.opened()
                passed = await self._pass(endpoint, merchant)
                if isinstance(passed, _Admission):
                    return passed
                own = passed

    async def _pass(self, endpoint: str, merchant: _Window) -> _Admission | _Window:
        """Take a slot when the merchant's quota allows it; return the endpoint's window instead if that is closed."""
        await self._slots.acquire()
        try:
            async with merchant.turn:
                await merchant.opened()
            own = self._endpoints.get(endpoint)
            if own is None or own.wait() <= 0:
                return _Admission(self._slots, self._clock, merchant, own)
        except BaseException:
            self._slots.release()
            raise
        self._slots.release()
        return own

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

    def _reset(self, headers: CIMultiDictProxy[str]) -> float:
        """Return in how many seconds the window is reset, by the clock of the answer; a minute if that is no answer."""
        reset = header_number(headers.get("X-RateLimit-Reset"), digits=12)
        if reset is None:
            return _WINDOW
        date = read_date(headers.getall("Date", []))
        seconds = reset - (self._clock.time() if date is None else date)
        return seconds if 0 < seconds <= _WINDOW else _WINDOW


def _limit(headers: Mapping[str, str]) -> int | None:
    return header_number(headers.get("X-RateLimit-Limit")) or None
