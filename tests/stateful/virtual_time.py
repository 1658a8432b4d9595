"""An event loop on which time passes only while nothing else happens, and then at once.

Sockets are real; pauses, deadlines and read timeouts of hours take a millisecond.
"""

from __future__ import annotations

import asyncio
import os
import selectors

from tests.support import loops

EPOCH = 1_790_000_000.0
_GRACE = 0.001  # seconds of real time in which bytes may still arrive before time is skipped
_STUCK = 5.0  # seconds of real time after which a loop that waits for nothing but bytes is called stuck


class _SkippingSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        ready = super().select(_STUCK if timeout is None else _GRACE)
        if not ready:
            if timeout is None:
                raise AssertionError("nothing is scheduled, nothing arrives: somebody waits for ever")
            self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """asyncio's loop with a clock of its own."""

    def __init__(self) -> None:
        self._skipping = _SkippingSelector()
        super().__init__(self._skipping)
        if os.environ.get("ANTON_TEST_LOOP") == "eager":
            loops.make_eager(self)

    def time(self) -> float:
        return self._skipping.now


class VirtualClock:
    """The client's clocks, following those of an event loop; the wall clock can be set wrong."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.wrong_by = 0.0

    def time(self) -> float:
        return EPOCH + self._loop.time() + self.wrong_by

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
