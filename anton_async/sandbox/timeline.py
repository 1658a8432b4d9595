"""What will happen by itself, and when: one queue of due actions for all state machines of a sandbox.

Nothing runs in the background here. Whoever is about to read the state calls `advance`, which carries out every
action that is due, in order; while one runs, `now` is the moment it was due, so history does not depend on who looked
when.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from anton_async.clock import Clock
from anton_async.sandbox import chance

Action = Callable[[], None]


class Timeline:
    """Due actions in order of time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: list[tuple[float, int, datetime, bytes, Action]] = []
        self._serial = 0
        self._acting: tuple[float, datetime] | None = None

    def now(self) -> datetime:
        """Return the present moment in UTC, or the one that the running action was due at."""
        return self._moment()[1]

    def after(self, seconds: float, action: Action) -> None:
        """Carry out `action` once `seconds` have passed."""
        tick, moment = self._moment()
        self._serial += 1
        due = (tick + seconds, self._serial, moment + timedelta(seconds=seconds), chance.new_seed(), action)
        heapq.heappush(self._due, due)

    def advance(self) -> None:
        """Carry out everything that is due."""
        now = self._clock.monotonic()
        while self._due and self._due[0][0] <= now:
            tick, _, moment, seed, action = heapq.heappop(self._due)
            self._acting = (tick, moment)
            try:
                with chance.drawn_from(seed):
                    action()
            finally:
                self._acting = None

    def wait(self) -> float | None:
        """Return the seconds until the next action is due, None when there is none."""
        return max(0.0, self._due[0][0] - self._clock.monotonic()) if self._due else None

    def _moment(self) -> tuple[float, datetime]:
        return self._acting or (self._clock.monotonic(), datetime.fromtimestamp(self._clock.time(), UTC))
