"""How many payouts of a run may be under way at once: fewer when the API slows down or fails, more when it recovers.

A server that struggles is not helped by as many requests as it could serve before: they would time out together and
be repeated together. Halved at most once for the calls that began since the last time; widened by one for each round
of calls that went well.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from anton_async.clock import Clock

_SLOW = 5.0  # seconds; shorter waits are the merchant's quota, or nothing to care for
_SLOWER = 4.0  # times the best that was seen
_NARROWEST = 16  # part of the full width that always remains


class Width:
    """The width of one run.

    Args:
        full: how many payouts may be under way at once at best.
        clock: by which they are timed.
    """

    def __init__(self, full: int, clock: Clock) -> None:
        self._full = float(full)
        self._clock = clock
        self._width = self._full
        self._busy = 0
        self._changed = asyncio.Event()
        self._best = math.inf
        self._narrowed_at = -math.inf

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[None, None]:
        """Wait until one more may be under way, and be that one for the block."""
        while self._busy >= max(1, int(self._width)):
            self._changed.clear()
            await self._changed.wait()
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._changed.set()

    def learn(self, began: float, *, answered: bool) -> None:
        """Take in how a call went that began at the monotonic time `began`; it has ended now.

        Args:
            began: when.
            answered: whether its outcome is known now.
        """
        took = self._clock.monotonic() - began
        self._best = min(self._best, took)
        if not answered or took > max(_SLOW, _SLOWER * self._best):
            if began >= self._narrowed_at:
                self._width = max(1.0, self._full / _NARROWEST, self._width / 2)
                self._narrowed_at = self._clock.monotonic()
        elif self._width < self._full:
            self._width = min(self._full, self._width + 1 / self._width)
            self._changed.set()
