"""What happened to a sandbox's world, in order, so that it can happen again.

A world is made only of its seed and of what came from outside: requests that change something, answers to deliveries,
and moves of the clock. Each of them happens at one instant and draws its ids from a seed of its own, and a state file
keeps it before its answer is sent. Carried out again, the same entries make the same world.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import msgspec

from anton_async.clock import Clock
from anton_async.sandbox import chance
from anton_async.sandbox.clock import Instant, SandboxClock
from anton_async.sandbox.errors import Answer

Kind = Literal["birth", "request", "delivery", "clock"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened."""

    kind: Kind
    instant: Instant
    wall: float  # Unix seconds of the machine's clock
    held: bool  # whether the world's clock stood still
    seed: bytes  # of the ids that were drawn
    content: bytes = b""  # what came in, encoded
    digest: bytes = b""  # of what was answered


class Keeper(Protocol):
    """Where entries are kept."""

    def append(self, entry: Entry) -> None:
        """Keep an entry."""
        ...


class History:
    """Lets things happen, and has them kept where there is a keeper."""

    def __init__(self, clock: SandboxClock, wall: Clock) -> None:
        self._clock = clock
        self._wall = wall
        self.keeper: Keeper | None = None
        self._again: Entry | None = None

    @contextmanager
    def moment(self) -> Generator[Entry, None, None]:
        """Let everything inside happen at one instant, with ids from one seed; yields the entry to `keep`."""
        entry = self._again or Entry(
            kind="clock",
            instant=self._clock.now(),
            wall=self._wall.time(),
            held=self._clock.held,
            seed=chance.new_seed(),
        )
        with self._clock.at(entry.instant), chance.drawn_from(entry.seed):
            yield entry

    def keep(self, entry: Entry, kind: Kind, content: object = None, answer: Answer | None = None) -> None:
        """Keep what happened in a moment.

        Raises:
            UnrepeatableError: this was a repetition, and what was answered differs from the first time.
        """
        if self._again is not None:
            if digest_of(answer) != self._again.digest:
                raise UnrepeatableError
        elif self.keeper is not None:
            encoded = b"" if content is None else msgspec.msgpack.encode(content)
            self.keeper.append(replace(entry, kind=kind, content=encoded, digest=digest_of(answer)))

    @contextmanager
    def again(self, entry: Entry) -> Generator[None, None, None]:
        """Let everything inside happen as it did when `entry` was kept."""
        self._again = entry
        try:
            yield
        finally:
            self._again = None


class UnrepeatableError(Exception):
    """What was carried out again gave another answer than the first time."""


def digest_of(answer: Answer | None) -> bytes:
    """Return what tells an answer from others."""
    return b"" if answer is None else hashlib.sha256(b"%d " % answer.status + answer.body).digest()[:16]
