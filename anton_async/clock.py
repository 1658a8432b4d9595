"""Where the SDK takes time from.

One object gives wall time, monotonic time and sleep, so that a test steps through an hour of retries without waiting.
"""

from __future__ import annotations

import asyncio
import time as system
from typing import Protocol


class Clock(Protocol):
    """Time as the SDK sees it; pass your own to `AntonClient(clock=...)` in tests."""

    def time(self) -> float:
        """Return Unix time in seconds."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a scale that never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Suspend the calling task for `seconds`."""
        ...


class SystemClock:
    """The machine's own clocks and `asyncio.sleep`."""

    monotonic: staticmethod[[], float] = staticmethod(system.monotonic)

    def time(self) -> float:
        """Return `time.time()`."""
        return system.time()

    async def sleep(self, seconds: float) -> None:
        """Await `asyncio.sleep(seconds)`."""
        await asyncio.sleep(seconds)


SYSTEM_CLOCK = SystemClock()
