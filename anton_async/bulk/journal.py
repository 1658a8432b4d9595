"""What a job asks of the memory it keeps: durable before the job goes on, and one job at a time.

`sqlite_journal.py` keeps it in a file. Another implementation, say in a database that several machines reach, has to
keep what `Journal` says; above all that `mark_sent` returns only when a crash of everything would still find the row
SENT with its key and its bytes, because the first byte leaves right afterwards.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from anton_async.bulk.entry import Entry, State
from anton_async.bulk.report import Report


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom a journal belongs to; money of one owner is never paid by a job of another.

    Attributes:
        client_id: the OAuth client.
        origin: where the API is; `loopback` for a server on this machine, whose port changes.
    """

    client_id: str
    origin: str


@runtime_checkable
class Journal(Protocol):
    """The durable memory of one job; used from one event loop.

    A change counts, in `report` too, only once it is durable. What cannot be written raises `JobStoppedError`, and so
    does every later call: a write that failed is never tried again, since nobody knows what it left behind.

    Attributes:
        newest: the latest Unix time it held when it was opened, 0 when it was new.
        sent: how many rows were marked SENT since it was opened.
    """

    newest: float
    sent: int

    async def open(self, owner: Owner, *, now: float) -> None:
        """Take the journal for this job alone, check all it holds, and count it.

        Args:
            owner: whom it belongs to; noted when it is new.
            now: Unix time.

        Raises:
            JournalError: another job has it, it belongs to another owner, or anything in it is not as it was written:
                a row is missing, or key and body do not fit `Entry.body_hash`.
        """
        ...

    async def close(self, *, discard_new: bool = False) -> None:
        """Write what is still waiting and give the journal back.

        Args:
            discard_new: leave nothing behind when `open` made it and it has no rows.
        """
        ...

    async def flush(self) -> None:
        """Wait until everything asked for so far is durable and counted."""
        ...

    def report(self) -> Report:
        """Return counts and sums of all that is durable; `Tally` keeps them."""
        ...

    def plan(self, entry: Entry) -> asyncio.Future[Entry]:
        """Take a new row, PLANNED or REJECTED; rows are taken in the order of the calls, by their positions 1, 2, 3...

        Returns:
            The entry, once it is durable: `Entry.repetition` of it when an earlier row has the same `row_id`.
        """
        ...

    async def mark_sent(self, entry: Entry, *, now: float) -> Entry:
        """Note that `entry` is about to be sent; the time of the first sending is kept."""
        ...

    async def take_back(self, entry: Entry) -> Entry:
        """Note that `entry` is now known not to have been sent: PLANNED, without a time of sending."""
        ...

    def settle(self, before: Entry, after: Entry, *, now: float) -> asyncio.Future[Entry]:
        """Note what became of a row: ACCEPTED, REJECTED or UNKNOWN.

        Returns:
            `after`, once it is durable; it becomes so although nobody waits for it.
        """
        ...

    async def recall(self, *, after: int, count: int) -> list[Entry]:
        """Return up to `count` rows that follow the position `after`, in order."""
        ...

    def entries(self, *states: State, last: int = 2**62) -> AsyncIterator[Entry]:
        """Yield the rows up to the position `last` that are in one of `states`, in order; never all at once."""
        ...

    async def repeated_orders(self) -> frozenset[tuple[str, str, str]]:
        """Return reference, beneficiary and instrument of each payment that more than one row may have made.

        Rows that are REJECTED made none.
        """
        ...
