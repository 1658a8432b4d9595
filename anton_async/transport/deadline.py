"""Time limits of calls and requests, all of them with one timer of the event loop.

`asyncio.timeout` takes a timer for each block and cancels it when the block ends in time, as nearly all do; four such
timers were 7 % of what a call cost, and more with thousands of calls at once. Here a block enters and leaves a set, and
the only timer is set for the earliest end.
"""

from __future__ import annotations

import asyncio
import math
from types import TracebackType
from typing import Self

_STEP = 0.01  # seconds between two looks at the blocks, so that thousands with ends of their own cost no more


class Deadlines:
    """The blocks of one client that have to end in time."""

    def __init__(self) -> None:
        self._running: set[Deadline] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._rings = math.inf
        self._closed = False

    def within(self, seconds: float) -> Deadline:
        """Return a limit of `seconds` for the `with` block that it is given to, which has to begin now."""
        return Deadline(self, asyncio.get_running_loop().time() + seconds)

    def close(self) -> None:
        """Keep no timer once the last block has ended."""
        self._closed = True
        self._rest()

    def end_all(self) -> None:
        """End every block now."""
        for deadline in self._running:
            deadline.end()

    def enter(self, deadline: Deadline) -> None:
        """Watch over a block that begins."""
        self._running.add(deadline)
        if deadline.ends < self._rings:
            self.ring_by(deadline.ends)

    def leave(self, deadline: Deadline) -> None:
        """Leave a block alone that has ended."""
        self._running.discard(deadline)
        if self._closed:
            self._rest()

    def ring_by(self, when: float) -> None:
        """Look at the blocks again at `when` at the latest."""
        if when >= self._rings:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._rings = when
        self._alarm = asyncio.get_running_loop().call_at(when, self._ring)

    def _ring(self) -> None:
        loop = asyncio.get_running_loop()
        now = max(loop.time(), self._rings)  # some loops ring up to a millisecond early
        self._alarm, self._rings = None, math.inf
        next_end = math.inf
        for deadline in self._running:
            if deadline.ends <= now:
                # A turn later: when the loop was busy for long, what has arrived meanwhile is taken first.
                loop.call_soon(deadline.expire, now)
            elif deadline.ends < next_end:
                next_end = deadline.ends
        self.ring_by(max(next_end, now + _STEP))

    def _rest(self) -> None:
        if not self._running and self._alarm is not None:
            self._alarm.cancel()
            self._alarm, self._rings = None, math.inf


class Deadline:
    """A limit for one block: as with `asyncio.timeout`, the task is cancelled and the block ends in a `TimeoutError`.

    Attributes:
        ends: time of the loop at which the block is ended; infinite when nothing does.
        expired: whether the block was ended.
    """

    __slots__ = ("_cancelling", "_deadlines", "_task", "ends", "expired")

    def __init__(self, deadlines: Deadlines, ends: float) -> None:
        self._deadlines = deadlines
        self.ends: float = ends
        self.expired: bool = False

    def move(self, seconds: float) -> None:
        """Let the block end `seconds` from now instead, unless it was told to end."""
        if not self.expired and self.ends != -math.inf:
            self.ends = asyncio.get_running_loop().time() + seconds
            self._deadlines.ring_by(self.ends)

    def end(self) -> None:
        """Let the block end now, whatever moves it afterwards."""
        if not self.expired:
            self.ends = -math.inf
            self._deadlines.ring_by(asyncio.get_running_loop().time())

    def expire(self, now: float) -> None:
        """Cancel the block's task if its time is over still."""
        if self.ends <= now:
            self.ends, self.expired = math.inf, True
            self._task.cancel()

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A call of the SDK has to be awaited in a task.")
        self._task: asyncio.Task[object] = task
        self._cancelling = task.cancelling()
        self._deadlines.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ends = math.inf
        self._deadlines.leave(self)
        if self.expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
