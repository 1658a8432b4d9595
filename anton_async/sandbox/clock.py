"""The sandbox's own time, which a test can hold still and move on.

Only the world behind the API runs on it: payouts, quotes, retries of webhooks, idempotency keys. Tokens, proofs,
quotas and signatures keep the time of the clock below, so that a client whose clock stands where it stood still gets
in.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from anton_async.clock import Clock


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on both scales of a clock."""

    tick: float  # of `monotonic`
    time: float  # Unix seconds


class SandboxClock:
    """A clock on top of another one, ahead of it by what it was advanced."""

    def __init__(self, base: Clock) -> None:
        self._base = base
        self._ahead = 0.0
        self._shift = 0.0  # of `monotonic` against `time`, since the clock went on from a state file
        self._instant: Instant | None = None
        self._held_since: float | None = None
        self._watchers: list[Callable[[], None]] = []

    def time(self) -> float:
        """Return Unix time in seconds."""
        return self._base.time() + self._offset() if self._instant is None else self._instant.time

    def monotonic(self) -> float:
        """Return seconds on a scale that never goes back."""
        return self._base.monotonic() + self._offset() + self._shift if self._instant is None else self._instant.tick

    async def sleep(self, seconds: float) -> None:
        """Suspend the calling task on the clock below."""
        await self._base.sleep(seconds)

    def advance(self, seconds: float) -> None:
        """Move time on; everything that falls due on the way happens before this returns, but for HTTP deliveries.

        Args:
            seconds: how far, 0 or more.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError("Time only moves forward; advance by 0 seconds or more.")
        self._ahead += seconds
        self._tell()

    def hold(self) -> None:
        """Stop time until `release`; `advance` still moves it."""
        if self._held_since is None:
            self._held_since = self._base.monotonic()
            self._tell()

    def release(self) -> None:
        """Let time go on from where it was held."""
        self._ahead = self._offset()
        self._held_since = None
        self._tell()

    @property
    def held(self) -> bool:
        """Whether time stands still."""
        return self._held_since is not None

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` after each `advance`, `hold` and `release`."""
        self._watchers.append(watcher)

    def now(self) -> Instant:
        """Return the present moment."""
        return self._instant or Instant(self.monotonic(), self.time())

    @contextmanager
    def at(self, instant: Instant) -> Generator[None, None, None]:
        """Let it be `instant` for everything inside: what belongs together happens at one moment."""
        outer, self._instant = self._instant, instant
        try:
            yield
        finally:
            self._instant = outer

    def resume(self, instant: Instant, *, held: bool) -> None:
        """Go on from a moment, without telling the watchers."""
        self._ahead = instant.time - self._base.time()
        self._shift = instant.tick - self._base.monotonic() - self._ahead
        self._held_since = self._base.monotonic() if held else None

    def _tell(self) -> None:
        for watcher in self._watchers:
            watcher()

    def _offset(self) -> float:
        waited = 0.0 if self._held_since is None else self._base.monotonic() - self._held_since
        return self._ahead - waited
