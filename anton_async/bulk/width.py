"""How many payouts of a run may be under way at once: fewer when the API slows down or fails, more when it recovers.

A server that struggles is not helped by as many requests as it could serve before: they would time out together and
be repeated together. Halved at most once for the requests that left since the last time; widened by one for each round
of requests that went well. What counts is the time from a request's leaving to its answer: waiting for the merchant's
quota, or being told to wait for it, says nothing about the API's health.
"""

from __future__ import annotations

import asyncio
import math
from typing import Self

from anton_async.clock import Clock
from anton_async.errors import Outcome

_SLOW = 1.0  # seconds; nobody waits for less
_SLOWER = 4.0  # times the best that was seen
_FADING = 1.01  # times a success, so that an API that became slower for good is not held back for ever
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

    async def one(self) -> Timed:
        """Wait until one more may be under way; it is for the block that is given what this returns."""
        while self._busy >= max(1, int(self._width)):
            self._changed.clear()
            await self._changed.wait()
        self._busy += 1
        return Timed(self, self._clock)

    def leave(self) -> None:
        """Learn that one of them is not under way any more."""
        self._busy -= 1
        self._changed.set()

    def learn(self, took: float, *, answered: bool, done: bool = True) -> None:
        """Take in how a request went that has ended now.

        Args:
            took: seconds since it left.
            answered: whether its outcome is known.
            done: whether the API did what was asked, and not only refused it, which takes less.
        """
        now = self._clock.monotonic()
        if done:
            self._best = min(self._best * _FADING, took)
        if not answered or took > max(_SLOW, _SLOWER * self._best):
            if now - took >= self._narrowed_at:
                self._width = max(1.0, self._full / _NARROWEST, self._width / 2)
                self._narrowed_at = now
        elif self._width < self._full:
            self._width = min(self._full, self._width + 1 / self._width)
            self._changed.set()


class Timed:
    """One payout under way, for the length of a block: the timer of its call."""

    def __init__(self, width: Width, clock: Clock) -> None:
        self._width = width
        self._clock = clock
        self._left_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._width.leave()

    def left(self) -> None:
        """Learn that a request leaves now."""
        self._left_at = self._clock.monotonic()

    def ended(self, status: int | None, outcome: Outcome | None) -> None:
        """Learn that the request has ended now."""
        if status != 429:
            took = self._clock.monotonic() - self._left_at
            self._width.learn(took, answered=outcome is not Outcome.UNKNOWN, done=outcome is None)
