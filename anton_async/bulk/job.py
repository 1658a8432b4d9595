"""`PayoutJob`: what a caller opens to pay many rows; `run.py` does the paying, `journal.py` remembers."""

from __future__ import annotations

import math
import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Collection, Iterable, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Self, cast

from anton_async.arguments import check_count, check_methods, check_type
from anton_async.bulk.failures import StopRule
from anton_async.bulk.follow import Event, follow
from anton_async.bulk.journal import Journal, Owner
from anton_async.bulk.layout import RowFileError
from anton_async.bulk.report import Report
from anton_async.bulk.results import Accepted, Rejected, Result, Unknown, result_of
from anton_async.bulk.run import Rows, Run
from anton_async.bulk.sqlite_journal import SqliteJournal
from anton_async.client import AntonClient
from anton_async.config import check_timeout, is_loopback
from anton_async.errors import ConfigurationError
from anton_async.models import Payout


class PayoutJob:
    """Pay many rows through one journal.

    Open it with `async with`, inside that of its client. One job at a time runs on a journal.

    Args:
        anton: an open client.
        journal: the journal's file; made when it does not exist, resumed when it does. Or a `Journal` of another kind.
        concurrency: how many payouts may be under way at once, 1 or more.
        timeout: seconds one payout may take altogether; waiting for the merchant's rolling-minute quota counts.
        max_failures: how many rows may be rejected or left unknown in one run before it ends, 1 or more; the rest
            stays PLANNED. None for any number.
        stop_on: error codes of which the first rejection ends the run, such as `insufficient_balance`.
        trust_clock: send rows again under their keys though the journal is newer than this machine's clock. Only for a
            clock that was ahead when they were sent less than 23 hours ago: otherwise they could be paid twice.

    Raises:
        JournalError: the journal cannot be used, another job runs on it, or it belongs to another client or
            environment.
    """

    def __init__(
        self,
        anton: AntonClient,
        *,
        journal: str | os.PathLike[str] | Journal,
        concurrency: int = 64,
        timeout: float = 300.0,
        max_failures: int | None = None,
        stop_on: Collection[str] = (),
        trust_clock: bool = False,
    ) -> None:
        check_type("anton", anton, AntonClient, "an AntonClient")
        check_type("trust_clock", trust_clock, bool, "True or False")
        self._anton = anton
        self._concurrency = check_count("concurrency", concurrency, at_least=1)
        self._timeout = check_timeout(timeout)
        self._stop_rule = StopRule(max_failures=max_failures, codes=_codes(stop_on))
        self._trust_clock = trust_clock
        if not isinstance(journal, str | os.PathLike):
            check_methods("journal", journal, ("open", "close", "flush", "report"), "a path or a Journal")
        self._journal: Journal = SqliteJournal(journal) if isinstance(journal, str | os.PathLike) else journal
        self._open = False
        self._run: Run | None = None
        self._refused = False

    async def __aenter__(self) -> Self:
        await self._journal.open(_owner(self._anton), now=self._anton.transport.clock.time())
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        try:
            if self._run is not None:
                await self._run.stop()
        finally:
            # A file that is no table of payouts was nobody's job: it leaves no journal behind.
            await self._journal.close(discard_new=self._refused)

    async def run(self, rows: Rows) -> AsyncGenerator[Result, None]:
        """Pay `rows` and yield what became of each, in the order in which it is known.

        Leaving the loop early ends the job: rows under way stay SENT in the journal, and the next run asks for them
        again under the same key.

        Args:
            rows: `PayoutRow`s or mappings with their keys; to resume, the whole input again, in the same order.

        Raises:
            JournalError: the input is not the one that the journal knows; nothing of this run was sent.
            JobStoppedError: the API could not be reached, the journal not be written, too much failed, or `stop` was
                called: run it again.
            AuthenticationError: the credentials were refused (401): mend them, then run it again.
            TokenError: the token endpoint's answer cannot be used.
            ConfigurationError: the job or its client is not open, or `rows` is no iterable of rows.
        """
        async with aclosing(self._results(rows)) as results:
            async for result in results:
                yield result

    async def settle(self) -> AsyncGenerator[Result, None]:
        """Find out what became of the rows that may have left, without the input and without sending any other row.

        Within 23 hours of its first sending a row is sent again under its own key and bytes. An older one is looked up
        by its reference, and left unknown, for a person, unless exactly one payout is found that can only be its own.

        Raises:
            JobStoppedError: as `run`; so do the other errors.
        """
        async with aclosing(self._results(None)) as results:
            async for result in results:
                yield result

    async def _results(self, rows: Rows | None) -> AsyncGenerator[Result, None]:
        self._check_open()
        _check_rows(rows)
        if self._run is not None:
            await self._run.stop()
        run = self._run = Run(
            self._anton,
            self._journal,
            rows,
            concurrency=self._concurrency,
            timeout=self._timeout,
            stop_rule=self._stop_rule,
            trust_clock=self._trust_clock,
        )
        run.start()
        try:
            async for result in run.results():
                yield result
        except RowFileError:
            self._refused = True
            raise
        finally:
            await run.stop()

    def stop(self, *, grace: float = 5.0) -> None:
        """End the run softly: `run` yields what is still answered in time, then raises `JobStoppedError`.

        No further row leaves. A row without an answer when the grace is over stays SENT in the journal, and the next
        run asks for it again under the same key. Calling it again shortens or extends the grace.

        Args:
            grace: seconds that payouts under way have to be answered and noted, 0 or more.

        Raises:
            ConfigurationError: `grace` is negative or no number.
        """
        if not grace >= 0:
            raise ConfigurationError("grace must be a number of seconds, 0 or more.")
        if self._run is not None:
            self._run.drain(grace)

    @property
    def sent(self) -> int:
        """How many rows were marked SENT since the job was opened: none of the others can have left."""
        return self._journal.sent

    def report(self) -> Report:
        """Return counts and sums over everything the journal knows, also after the job was closed."""
        return self._journal.report()

    async def problems(self) -> AsyncIterator[Rejected | Unknown]:
        """Yield every row, of this and earlier runs, that was rejected or is unknown, in the order of the input."""
        self._check_open()
        async for entry in self._journal.entries("REJECTED", "UNKNOWN"):
            result = result_of(entry, from_journal=True)
            if not isinstance(result, Accepted):
                yield result

    async def accepted(self) -> AsyncIterator[Accepted]:
        """Yield every row, of this and earlier runs, that the API took, in the order of the input."""
        self._check_open()
        async for entry in self._journal.entries("ACCEPTED"):
            result = result_of(entry, from_journal=True)
            if isinstance(result, Accepted):
                yield result

    async def follow(self, events: AsyncIterable[Event] | None = None) -> AsyncGenerator[Payout, None]:
        """Yield each accepted payout as it reaches a terminal state; end when all have.

        The list of payouts is read again and again, a request for a hundred, less and less often. Ids are held in
        memory, about 100 bytes a row. Payouts may take days: leave the loop when you have waited long enough, and
        follow again from the same journal later.

        Args:
            events: what your webhook receiver verified, of any kind: a payout is read when an event is about it, and
                the list every 5 minutes only, in case a delivery got lost.

        Raises:
            AntonError: as `payouts.list` and `payouts.retrieve`.
        """
        self._check_open()
        since, waited_for = math.inf, set[str]()
        async for entry in self._journal.entries("ACCEPTED"):
            since = min(since, entry.sent_at or entry.planned_at)
            waited_for.add(entry.payout_id or "")
        async for payout in follow(self._anton, waited_for, since=since, events=events):
            yield payout

    def _check_open(self) -> None:
        if not self._open:
            raise ConfigurationError("The job is not open: use it inside `async with PayoutJob(...) as job`.")


def _codes(given: object) -> frozenset[str]:
    codes = cast("Collection[object]", given) if isinstance(given, Collection) else [None]
    if isinstance(given, str) or not all(isinstance(code, str) for code in codes):
        raise ConfigurationError('stop_on must be a collection of error codes, such as {"insufficient_balance"}.')
    return frozenset(cast("Collection[str]", codes))


def _check_rows(rows: object) -> None:
    kind = type(rows).__name__
    a_row_or_a_path = isinstance(rows, str | bytes | Mapping)
    if rows is not None and (a_row_or_a_path or not isinstance(rows, Iterable | AsyncIterable)):
        raise ConfigurationError(
            f"rows must be an iterable of PayoutRow or mappings, not a {kind}: read_rows reads a file."
        )


def _owner(anton: AntonClient) -> Owner:
    base_url = anton.settings.base_url
    return Owner(client_id=anton.client_id, origin="loopback" if is_loopback(base_url) else str(base_url))
