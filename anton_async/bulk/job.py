"""`PayoutJob`: what a caller opens to pay many rows; `run.py` does the paying, `journal.py` remembers."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator, Collection
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Self

from anton_async.bulk.database import Owner
from anton_async.bulk.failures import StopRule
from anton_async.bulk.journal import Journal
from anton_async.bulk.layout import RowFileError
from anton_async.bulk.report import Report
from anton_async.bulk.results import Accepted, Rejected, Result, Unknown, result_of
from anton_async.bulk.run import Rows, Run
from anton_async.client import AntonClient
from anton_async.config import check_timeout, is_loopback
from anton_async.errors import ConfigurationError


class PayoutJob:
    """Pay many rows through one journal.

    Open it with `async with`, inside that of its client. One job at a time runs on a journal.

    Args:
        anton: an open client.
        journal: the journal's file; made when it does not exist, resumed when it does.
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
        journal: str | os.PathLike[str],
        concurrency: int = 64,
        timeout: float = 300.0,
        max_failures: int | None = None,
        stop_on: Collection[str] = (),
        trust_clock: bool = False,
    ) -> None:
        if concurrency < 1:
            raise ConfigurationError("concurrency must be a whole number, 1 or more.")
        self._anton = anton
        self._concurrency = concurrency
        self._timeout = check_timeout(timeout)
        self._stop_rule = StopRule(max_failures=max_failures, codes=frozenset(stop_on))
        self._trust_clock = trust_clock
        self._journal = Journal(Path(journal), _owner(anton))
        self._open = False
        self._run: Run | None = None
        self._refused = False

    async def __aenter__(self) -> Self:
        await self._journal.open(now=self._anton.transport.clock.time())
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
            ConfigurationError: the job or its client is not open.
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
        async for entry in self._journal.problems():
            result = result_of(entry, from_journal=True)
            if not isinstance(result, Accepted):
                yield result

    def _check_open(self) -> None:
        if not self._open:
            raise ConfigurationError("The job is not open: use it inside `async with PayoutJob(...) as job`.")


def _owner(anton: AntonClient) -> Owner:
    base_url = anton.settings.base_url
    return Owner(client_id=anton.client_id, origin="loopback" if is_loopback(base_url) else str(base_url))
