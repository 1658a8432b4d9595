"""The journal in a file of SQLite.

One thread owns the SQLite connection. Whatever was asked of it while a transaction was being committed goes together
into the next one, so that a hundred rows in flight cost one fsync and not a hundred. A change counts, in `report()`
too, only once it is on the disk. A transaction that fails is never repeated: it ends the job.

    run.py ──▶ SqliteJournal (event loop) ──▶ _transact (its thread) ──▶ changes.py
"""

from __future__ import annotations

import asyncio
import functools
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from anton_async.bulk.changes import Change, Query, perform
from anton_async.bulk.database import Lock, check_path, open_database, open_for_reading, read_owner
from anton_async.bulk.entry import Entry, State
from anton_async.bulk.errors import JobStoppedError, JournalError
from anton_async.bulk.journal import Owner
from anton_async.bulk.report import Report, Tally

T = TypeVar("T")

_COLUMNS = Entry.__struct_fields__
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM row"  # noqa: S608 - our own column names
_EXTENT = (
    "SELECT count(*), coalesce(max(position), 0),"
    " coalesce(max(max(planned_at, coalesce(sent_at, 0), coalesce(settled_at, 0))), 0) FROM row"
)
_REPEATED = (
    "SELECT json_extract(body, '$.reference'), json_extract(body, '$.beneficiary_id'),"
    " json_extract(body, '$.instrument_id') FROM (SELECT CAST(body AS TEXT) AS body FROM row"
    " WHERE body IS NOT NULL AND state <> 'REJECTED') GROUP BY 1, 2, 3 HAVING count(*) > 1"
)
_PAGE = 500  # rows read at once


class SqliteJournal:
    """The durable memory of one job; used from one event loop.

    Args:
        path: the file; made when it does not exist.

    Attributes:
        newest: the latest Unix time it held when it was opened, 0 when it is new.
        sent: how many rows were marked SENT since it was opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._tally = Tally()
        self._waiting: list[tuple[Change | Query, asyncio.Future[Any]]] = []
        self._committer: asyncio.Task[None] | None = None
        self._failure: str | None = None
        self._new = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="anton-journal")
        self._lock: Lock | None = None
        self._connection: sqlite3.Connection | None = None
        self.newest: float = 0.0
        self.sent: int = 0

    async def open(self, owner: Owner, *, now: float) -> None:
        """Lock and open the file, and count what it holds.

        Raises:
            JournalError: it cannot be used, another job runs on it, or it belongs to another client or environment.
        """
        try:
            await self._in_thread(functools.partial(self._open, owner, now))
        except BaseException:
            closing = self._thread.submit(self._close)
            self._thread.shutdown(wait=False)
            await asyncio.wrap_future(closing)
            raise

    def _open(self, owner: Owner, now: float) -> None:
        check_path(self._path)
        self._lock = Lock(self._path)
        self._new = not check_path(self._path)
        self._connection = open_database(self._path, owner, now=now)
        rows, last, newest = self._connection.execute(_EXTENT).fetchone()
        self.newest = float(newest)
        if rows != last:
            raise JournalError(f"The journal {self._path} has lost rows: restore it before anything is sent.")
        _count(self._connection, self._tally)

    async def flush(self) -> None:
        """Wait until everything asked for so far is on the disk and counted."""
        while self._committer is not None:
            await asyncio.wait([self._committer])

    async def close(self, *, discard_new: bool = False) -> None:
        """Write what is still waiting, close the file and give its lock back.

        Args:
            discard_new: remove the file when it was made by `open` and has no rows.
        """
        await self.flush()
        discard = discard_new and self._new and self.report().rows == 0
        await self._in_thread(functools.partial(self._close, discard=discard))
        self._thread.shutdown(wait=False)

    def _close(self, *, discard: bool = False) -> None:
        if self._connection is not None:
            self._connection.close()
        if discard:
            self._path.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.release()
        self._connection = self._lock = None

    def report(self) -> Report:
        """Return counts and sums of all that is durable."""
        return self._tally.report()

    def plan(self, entry: Entry) -> asyncio.Future[Entry]:
        """Take a new row; rows are taken in the order of the calls.

        Returns:
            The entry, once it is durable: REJECTED when an earlier row has the same `row_id`.
        """
        return self._note(Change(None, entry))

    async def mark_sent(self, entry: Entry, *, now: float) -> Entry:
        """Note that `entry` is about to be sent; the time of the first sending is kept."""
        sent = replace(entry, state="SENT", sent_at=now if entry.sent_at is None else entry.sent_at)
        self.sent += 1
        return await self._note(Change(entry.state, sent))

    async def take_back(self, entry: Entry) -> Entry:
        """Note that `entry` is now known not to have been sent."""
        return await self._note(Change(entry.state, replace(entry, state="PLANNED", sent_at=None)))

    def settle(self, before: Entry, after: Entry, *, now: float) -> asyncio.Future[Entry]:
        """Note what became of a row."""
        return self._note(Change(before.state, after, settled_at=now))

    async def recall(self, *, after: int, count: int) -> list[Entry]:
        """Return up to `count` rows that follow the position `after`."""
        return await self._ask(lambda db: _read(db, "position > ? ORDER BY position LIMIT ?", after, count))

    async def entries(self, *states: State, last: int = 2**62) -> AsyncIterator[Entry]:
        """Yield the rows up to the position `last` that are in one of `states`."""
        named = ", ".join(f"'{state}'" for state in states)
        where = f"state IN ({named}) AND position > ? AND position <= ? ORDER BY position LIMIT ?"
        position = 0
        while page := await self._ask(functools.partial(_page, where, position, last)):
            for entry in page:
                yield entry
            position = page[-1].position

    async def repeated_orders(self) -> frozenset[tuple[str, str, str]]:
        """Return the reference, beneficiary and instrument of each payment that more than one row may have made."""
        return frozenset(await self._ask(lambda db: db.execute(_REPEATED).fetchall()))

    def _note(self, change: Change) -> asyncio.Future[Entry]:
        return self._submit(change)

    def _ask(self, query: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        return self._submit(query)

    def _submit(self, work: Change | Query) -> asyncio.Future[Any]:
        if self._failure is not None:
            raise JobStoppedError(self._failure)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, future))
        if self._committer is None:
            self._committer = asyncio.create_task(self._commit_waiting(), name="anton-journal")
        return future

    async def _commit_waiting(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                works = [work for work, _ in batch]
                try:
                    outcomes = await self._in_thread(functools.partial(self._transact, works))
                except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for it for ever
                    self._fail(error, [future for _, future in [*batch, *self._waiting]])
                    return
                for (work, future), outcome in zip(batch, outcomes, strict=True):
                    if isinstance(work, Change):
                        self._tally.move(work.before, outcome)
                    if not future.cancelled():
                        future.set_result(outcome)
        finally:
            self._committer = None

    def _fail(self, error: Exception, futures: list[asyncio.Future[Any]]) -> None:
        self._waiting.clear()
        self._failure = (
            f"The journal {self._path} could not be written ({error}), so nothing more is sent: mend that and run the"
            " job again with the same journal."
        )
        for future in futures:
            if not future.cancelled():
                future.set_exception(JobStoppedError(self._failure))
                future.exception()  # a row nobody waits for any more is no reason to log

    def _transact(self, works: list[Change | Query]) -> list[Any]:
        connection = self._connection
        if connection is None:
            raise sqlite3.ProgrammingError("it is closed")
        connection.execute("BEGIN IMMEDIATE")
        try:
            outcomes = perform(connection, works)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return outcomes

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def read_journal(path: Path) -> tuple[Owner, Report]:
    """Return whom a journal belongs to and its counts and sums, also while a job runs on it.

    Raises:
        JournalError: there is none, or it cannot be read.
    """
    connection = open_for_reading(path)
    try:
        tally = Tally()
        _count(connection, tally)
        return read_owner(connection), tally.report()
    except (sqlite3.Error, msgspec.MsgspecError) as error:
        raise JournalError(f"The journal {path} cannot be read: {error}.") from None
    finally:
        connection.close()


def _count(connection: sqlite3.Connection, tally: Tally) -> None:
    for values in connection.execute(_SELECT):
        tally.move(None, Entry(**dict(zip(_COLUMNS, values, strict=True))))


def _page(where: str, position: int, last: int, connection: sqlite3.Connection) -> list[Entry]:
    return _read(connection, where, position, last, _PAGE)


def _read(connection: sqlite3.Connection, where: str, *values: int) -> list[Entry]:
    found = connection.execute(f"{_SELECT} WHERE {where}", values)
    return [Entry(**dict(zip(_COLUMNS, row, strict=True))) for row in found]
