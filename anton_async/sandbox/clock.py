"""The sandbox's own time, which a test can hold still and move on.

Only the world behind the API runs on it: payouts, quotes, retries of webhooks, idempotency keys. Tokens, proofs,
quotas and signatures keep the time of the clock below, so that a client whose clock stands where it stood still gets
in.
"""

from __future__ import annotations

from collections.abc import Callable

from anton_async.clock import Clock


class SandboxClock:
    """A clock on top of another one, ahead of it by what it was advanced."""

    def __init__(self, base: Clock) -> None:
        self._base = base
        self._ahead = 0.0
        self._held_since: float | None = None
        self._watchers: list[Callable[[], None]] = []

    def time(self) -> float:
        """Return Unix time in seconds."""
        return self._base.time() + self._offset()

    def monotonic(self) -> float:
        """Return seconds on a scale that never goes back."""
        return self._base.monotonic() + self._offset()

    async def sleep(self, seconds: float) -> None:
        """Suspend the calling task on the clock below."""
        await self._base.sleep(seconds)

    def advance(self, seconds: float) -> None:
        """Move time on; everything that falls due on the way happens before this returns, but for HTTP deliveries.

        Args:
            seconds: How far, 0 or more.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError("Time only moves forward; advance by 0 seconds or more.")
        self._ahead += seconds
        for watcher in self._watchers:
            watcher()

    def hold(self) -> None:
        """Stop time until `release`; `advance` still moves it."""
        if self._held_since is None:
            self._held_since = self._base.monotonic()

    def release(self) -> None:
        """Let time go on from where it was held."""
        self._ahead = self._offset()
        self._held_since = None

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` after each `advance`."""
        self._watchers.append(watcher)

    def _offset(self) -> float:
        waited = 0.0 if self._held_since is None else self._base.monotonic() - self._held_since
        return self._ahead - waited
