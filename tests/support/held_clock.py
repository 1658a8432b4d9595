"""A clock on which sleepers really wait: until the test moves time on."""

from __future__ import annotations

import asyncio

from tests.support.clock import SteppedClock


class HeldClock(SteppedClock):
    """Lets everybody who sleeps wait for `advance`; the others go on in no time at all."""

    def __init__(self) -> None:
        super().__init__()
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        awake = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.ticks + seconds, awake))
        await awake

    async def settle(self) -> None:
        """Let all go on until they sleep here or wait for an answer that does not come."""
        for _ in range(30):
            await asyncio.sleep(0.001)

    async def advance(self, seconds: float) -> None:
        """Move time on, second by second, and let those go on who have slept enough."""
        ends = self.ticks + seconds
        while self.ticks < ends:
            self.step(min(1.0, ends - self.ticks))
            due = sorted((at, number) for number, (at, _) in enumerate(self._sleepers) if at <= self.ticks)
            awake = [self._sleepers[number][1] for _, number in due]
            self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self.ticks]
            for sleeper in awake:
                if not sleeper.done():
                    sleeper.set_result(None)
            if awake:
                await self.settle()
