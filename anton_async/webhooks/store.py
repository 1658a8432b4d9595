"""What keeps received events until they have been handled, and remembers which ones were."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol


class EventStore(Protocol):
    """Keeps the body of each event from before it is acknowledged until it has been handled.

    A store that outlives the process makes sure that no acknowledged event is lost, and one that is shared between
    processes makes sure that an event is handled once.
    """

    async def add(self, event_id: str, body: bytes) -> bool:
        """Keep an event; return False, and change nothing, when its id was added before."""
        ...

    async def done(self, event_id: str) -> None:
        """Note that an event has been handled: its body may go, its id has to stay for a week."""
        ...

    async def pending(self) -> Sequence[bytes]:
        """Return the bodies that were added and are not done, the oldest first."""
        ...


class MemoryEventStore:
    """A store for one process: it knows duplicates, and forgets everything when the process ends.

    Args:
        most_done: how many handled events are remembered.
    """

    def __init__(self, most_done: int = 100_000) -> None:
        self._most_done = most_done
        self._pending: dict[str, bytes] = {}
        self._done: OrderedDict[str, None] = OrderedDict()

    async def add(self, event_id: str, body: bytes) -> bool:
        """Keep an event; return False when its id was added before."""
        if event_id in self._pending or event_id in self._done:
            return False
        self._pending[event_id] = body
        return True

    async def done(self, event_id: str) -> None:
        """Note that an event has been handled."""
        self._pending.pop(event_id, None)
        self._done[event_id] = None
        while len(self._done) > self._most_done:
            self._done.popitem(last=False)

    async def pending(self) -> Sequence[bytes]:
        """Return the bodies that were added and are not done, the oldest first."""
        return [*self._pending.values()]
