"""The record of one call, from which its outcome is told when it fails."""

from __future__ import annotations

import msgspec

from anton_async.errors import AntonError, Outcome
from anton_async.hooks import Watch
from anton_async.transport.authentication import Repeats
from anton_async.transport.idempotency import KeyLife


class Trail(msgspec.Struct):
    """What has happened to one call so far.

    Attributes:
        ends: monotonic time at which the call has to be over.
        watch: who is told of its requests.
        attempts: how many requests have left.
        on_wire: whether one is under way.
        maybe_executed: whether one of them may have been executed.
        lost: whether the answer to one of them was lost.
        key_life: life of its idempotency key, from the first request.
        last_error: what its last attempt came to.
        repeats: how often it may still be repeated for its authentication.
    """

    ends: float
    watch: Watch
    attempts: int = 0
    on_wire: bool = False
    maybe_executed: bool = False
    lost: bool = False
    key_life: KeyLife | None = None
    last_error: AntonError | None = None
    repeats: Repeats = msgspec.field(default_factory=Repeats)

    @property
    def outcome(self) -> Outcome:
        """What is known when the call is given up now."""
        if self.on_wire or self.maybe_executed:
            return Outcome.UNKNOWN
        return Outcome.NOT_SENT if self.last_error is None else self.last_error.outcome
