"""What keeps received events until they have been handled, and remembers which ones were."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol


class EventStore(Protocol):
    """Keeps the body of each event from before it is acknowledged until it has been handled.

    A store that outlives the process makes sure that no acknowledged event is lost. One that several processes share
    has to give each event to one of them at a time: by a lease, say, that ends when its owner does.
    """

    async def add(self, event_id: str, body: bytes) -> bool:
        """Keep an event; return whether it is still to be handled here.

        False once it is done, and while another process has it; True for one that was added before and is not done.
        """
        ...

    async def done(self, event_id: str) -> None:
        """Note that an event has been handled: its body may go, its id has to stay for a week."""
        ...

    async def pending(self) -> Sequence[bytes]:
        """Return the bodies that are to be handled here: added, not done and with no other process, oldest first."""
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
        """Keep an event; return False once it is done."""
        if event_id in self._done:
            return False
        self._pending.setdefault(event_id, body)
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
