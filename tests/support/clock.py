"""A clock that moves only when it is told to, or when somebody sleeps on it."""

from __future__ import annotations

import asyncio


class SteppedClock:
    """Stands in for `anton_async.clock.SystemClock`.

    Attributes:
        pauses: every sleep that was asked for, in seconds.
    """

    def __init__(self, start: float = 1_790_000_000.0) -> None:
        self.now = start
        self.ticks = 1_000.0
        self.pauses: list[float] = []

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.ticks

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.step(seconds)
        await asyncio.sleep(0)

    def step(self, seconds: float) -> None:
        self.now += seconds
        self.ticks += seconds
