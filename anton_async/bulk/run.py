"""One pass over the input of a job: rows go out at high concurrency, each at most once, whatever interrupts it.

    input ─▶ _feed ─▶ _planned ─▶ _work (one task for each payout under way) ─▶ _results ─▶ `async for`
                │                   │   ▲
                ▼                   ▼   ▼
              Journal: PLANNED, SENT before the first byte leaves, then what the API said

A resumed job first reads the rows that its journal knows and compares them; only when all are what they were, those
that an earlier run has left open are sent, under their own keys and bytes, or looked up when the API may have forgotten
the key. Without an input only rows that may have left are settled so. Both queues are bounded by `concurrency`.
A token is fetched before the first row is marked SENT, so that bad credentials or a dead API end a run at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from typing import TypeAlias

from msgspec.structs import replace

from anton_async.bulk.entry import Entry, seal
from anton_async.bulk.errors import JobStoppedError, JournalError
from anton_async.bulk.failures import Failures, StopRule
from anton_async.bulk.first_token import FirstToken, concerns_every_row
from anton_async.bulk.journal import Journal
from anton_async.bulk.lookup import LookUp
from anton_async.bulk.results import Result, explain, result_of
from anton_async.bulk.rows import PayoutRow
from anton_async.bulk.width import Width
from anton_async.client import AntonClient
from anton_async.errors import (
    AntonError,
    ApiError,
    Outcome,
    RateLimitError,
    RequestValidationError,
)
from anton_async.hooks import Timer
from anton_async.models import CreatedPayout, Payout
from anton_async.resources.operations import CREATE_PAYOUT
from anton_async.transport import Call
from anton_async.transport.idempotency import RESEND_WINDOW

Rows: TypeAlias = Iterable[PayoutRow | Mapping[str, object]] | AsyncIterable[PayoutRow | Mapping[str, object]]

_CLOCK_TOLERANCE = 60.0  # seconds that the clock may have been set back between two runs
_MAX_RETRIES = 8


class Run:
    """One pass over the input.

    Args:
        anton: an open client.
        journal: the open journal.
        rows: the input; None settles the rows that the journal knows to have left, and sends no other.
        concurrency: how many payouts may be under way at once.
        timeout: seconds one payout may take.
        stop_rule: what ends the run early.
        trust_clock: whether rows are sent again though the journal is newer than the clock.
    """

    def __init__(
        self,
        anton: AntonClient,
        journal: Journal,
        rows: Rows | None,
        *,
        concurrency: int,
        timeout: float,
        stop_rule: StopRule,
        trust_clock: bool,
    ) -> None:
        self._transport = anton.transport
        self._clock = anton.transport.clock
        self._journal = journal
        self._rows = rows
        self._concurrency = concurrency
        self._timeout = timeout
        self._look_up = LookUp(anton, journal)
        self._failures = Failures(stop_rule)
        self._width = Width(concurrency, self._clock)
        self._trust_clock = trust_clock
        # Semaphores bound both queues, but not their end marks: those must get through even while a task is cancelled.
        self._planned: asyncio.Queue[asyncio.Future[Entry] | None] = asyncio.Queue()
        self._ahead = asyncio.Semaphore(concurrency)
        self._results: asyncio.Queue[Result | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(concurrency)
        self._failure: AntonError | None = None
        self._token = FirstToken(anton.transport)
        self._grace: asyncio.TimerHandle | None = None
        self._clock_went_back = self._clock.time() < journal.newest - _CLOCK_TOLERANCE

    def start(self) -> None:
        """Begin to read and to pay; `stop` must follow."""
        self._feeder = asyncio.create_task(self._feed(), name="anton-job-feed")
        self._driver = asyncio.create_task(self._drive(), name="anton-job")
        self._driver.add_done_callback(lambda _: self._results.put_nowait(None))

    async def results(self) -> AsyncIterator[Result]:
        """Yield results until all rows are through; then raise what has ended the run early."""
        while (result := await self._results.get()) is not None:
            self._room.release()
            yield result
        if self._driver.cancelled():
            raise self._failure or JobStoppedError(
                "The job was closed, or run a second time, before this run had ended."
            )
        self._driver.result()

    def drain(self, grace: float) -> None:
        """Let no further row leave; what is under way has `grace` seconds to be answered, then it stays SENT."""
        self._end(JobStoppedError("Interrupted: run it again with the same journal to go on."))
        if self._grace is not None:
            self._grace.cancel()
        self._grace = asyncio.get_running_loop().call_later(grace, self._driver.cancel)

    async def stop(self) -> None:
        """End the run now: what is under way stays SENT; afterwards all that was noted is on the disk and counted."""
        if self._grace is not None:
            self._grace.cancel()
        self._feeder.cancel()
        self._driver.cancel()
        await asyncio.wait([self._feeder, self._driver])
        if not self._driver.cancelled():
            self._driver.exception()  # raised by results() already, unless nobody wanted to know
        await self._journal.flush()

    async def _drive(self) -> None:
        try:
            async with asyncio.TaskGroup() as workers:
                working = [
                    workers.create_task(self._work(), name=f"anton-job-{number}") for number in range(self._concurrency)
                ]
        finally:
            self._feeder.cancel()
            await asyncio.wait([self._feeder])
            if not self._feeder.cancelled():
                self._feeder.exception()  # raised below, unless a failure of the API came first
        if self._failure is not None:
            raise self._failure
        if any(worker.cancelled() for worker in working):
            raise JobStoppedError("A call was cancelled from inside: run the job again with the same journal.")
        self._feeder.result()

    async def _work(self) -> None:
        while (planned := await self._planned.get()) is not None:
            self._ahead.release()
            try:
                # After a failure the queue is only emptied: what is in it stays PLANNED.
                if self._failure is None:
                    await self._pay(await planned)
            except AntonError as error:
                self._end(error)
            finally:
                self._planned.task_done()
        self._planned.put_nowait(None)

    def _end(self, error: AntonError) -> None:
        self._failure = self._failure or error
        self._feeder.cancel()

    async def _feed(self) -> None:
        try:
            if self._rows is None:
                async for entry in self._journal.entries("PLANNED", "SENT", "UNKNOWN"):
                    if entry.sent_at is not None:
                        await self._ahead.acquire()
                        self._planned.put_nowait(_done(entry))
                return
            async with aclosing(_numbered(self._rows)) as rows:
                known = await self._compare(rows)
                looked_up = False
                async for entry in self._journal.entries("PLANNED", "SENT", "UNKNOWN", last=known):
                    await self._ahead.acquire()
                    self._planned.put_nowait(_done(entry))
                    looked_up = looked_up or self._is_too_old(entry)
                if looked_up:
                    await self._planned.join()  # lest the payout of a new row is found for an old one
                async for position, row in rows:
                    await self._ahead.acquire()
                    self._planned.put_nowait(self._journal.plan(self._entry(position, row)))
        finally:
            self._planned.put_nowait(None)

    async def _compare(self, rows: AsyncIterator[tuple[int, PayoutRow]]) -> int:
        """Hold the input against the rows that the journal knows, repeat what is settled; return how many it knows."""
        known = 0
        while entries := await self._journal.recall(after=known, count=4 * self._concurrency):
            for entry in entries:
                found = await anext(rows, None)
                if found is None:
                    raise JournalError(
                        f"The journal knows line {entry.line} (row {entry.row_id}), but the input ends before: give the"
                        " whole input again, or use another journal for another input."
                    )
                known, row = found
                _check_unchanged(entry, row)
                if entry.settled:
                    await self._deliver(result_of(entry, from_journal=True))
        return known

    def _entry(self, position: int, row: PayoutRow) -> Entry:
        """Check a new row and encode it, under a fresh random key."""
        entry = Entry(
            position=position,
            line=row.line or position,
            row_id=row.row_id,
            content=row.content_hash(),
            state="PLANNED",
            planned_at=self._clock.time(),
        )
        if row.problem is not None:
            return replace(entry, state="REJECTED", repeats=entry.line, code="validation_error", reason=row.problem)
        try:
            call = self._transport.prepare(CREATE_PAYOUT, {}, body=row.fields)
        except RequestValidationError as error:
            return replace(
                entry, state="REJECTED", field=error.field, code="validation_error", reason=row.refusal(error)
            )
        body = call.body or b""
        key = call.idempotency_key or ""
        return replace(entry, key=key, body=body, body_hash=seal(key, body))

    async def _pay(self, entry: Entry) -> None:
        """Settle one row; an AntonError that comes out of here ends the run."""
        if entry.settled:
            await self._deliver(result_of(entry))
            return
        if entry.sent_at is not None and self._clock_is_behind(entry.sent_at):
            reason = "it may have been sent, and the journal is newer than this machine's clock: look the payout up"
            await self._settle(entry, replace(entry, state="UNKNOWN", reason=reason), from_journal=True)
            return
        if entry.key is None or not entry.intact:
            raise JournalError(
                f"The journal is damaged at line {entry.line}: restore it, nothing of that row was sent."
            )
        call = self._transport.restore(
            CREATE_PAYOUT,
            {"idempotency_key": entry.key, "timeout": self._timeout, "max_retries": _MAX_RETRIES},
            path=CREATE_PAYOUT.path,
            body=entry.body,
        )
        if self._failure is None:
            await self._token.fetch()
        if self._failure is not None:
            return
        if self._is_too_old(entry):
            await self._find(entry, call)
            return
        with await self._width.one() as timer:
            await self._send(entry, call, timer)

    async def _send(self, entry: Entry, call: Call[CreatedPayout], timer: Timer) -> None:
        if self._failure is not None:
            return
        sent = await self._journal.mark_sent(entry, now=self._clock.time())
        try:
            if self._failure is not None:
                raise JobStoppedError("the run ended before this row left")
            answer = await self._transport.send(call, timer=timer)
        except AntonError as error:
            await self._failed(sent, error, sent_before=entry.sent_at is not None)
            return
        payout: CreatedPayout = answer.data
        await self._settle(sent, _accepted(sent, payout), payout)

    async def _find(self, entry: Entry, call: Call[CreatedPayout]) -> None:
        """Settle a row that is too old to be sent again."""
        found = await self._look_up.find(call, entry.sent_at or 0.0)
        if isinstance(found, Payout):
            await self._settle(entry, _accepted(entry, found))
            return
        reason = f"it may have been sent, longer ago than the API remembers its key, and {found}: look the payout up"
        await self._settle(entry, replace(entry, state="UNKNOWN", reason=reason), from_journal=True)

    async def _failed(self, entry: Entry, error: AntonError, *, sent_before: bool) -> None:
        """Note what a failed call means for its row, and end the run when it means the same for every row."""
        for_all = concerns_every_row(error)
        if error.outcome is Outcome.UNKNOWN:
            await self._settle(entry, replace(entry, state="UNKNOWN", reason=error.message))
            if for_all:
                raise error
            return
        if (
            for_all
            or not isinstance(error, ApiError)
            or isinstance(error, RateLimitError)
            or error.outcome is Outcome.NOT_SENT
        ):
            if not sent_before:
                await self._journal.take_back(entry)
            raise error if for_all else _stopped_by(error)
        if sent_before and not error.settles_earlier_attempts:
            reason = f"it may have been sent in an earlier run, and now: {error.message}"
            await self._settle(entry, replace(entry, state="UNKNOWN", reason=reason))
            return
        field, reason = explain(error)
        rejected = replace(entry, state="REJECTED", field=field, code=error.code, reason=reason)
        await self._settle(entry, rejected)

    def _is_too_old(self, entry: Entry) -> bool:
        """Return whether the API may have forgotten the row's key."""
        return entry.sent_at is not None and self._clock.time() - entry.sent_at >= RESEND_WINDOW

    def _clock_is_behind(self, sent_at: float) -> bool:
        """Return whether the clock cannot tell for how long a key has been known to the API."""
        went_back = self._clock_went_back or sent_at > self._clock.time() + _CLOCK_TOLERANCE
        return went_back and not self._trust_clock

    async def _settle(
        self, before: Entry, after: Entry, payout: CreatedPayout | None = None, *, from_journal: bool = False
    ) -> None:
        result = result_of(after, payout=payout, from_journal=from_journal)
        noted = self._journal.settle(before, after, now=self._clock.time())
        noted.add_done_callback(lambda done: self._tell(result) if _succeeded(done) else None)
        try:
            await asyncio.shield(noted)
        except asyncio.CancelledError:
            await asyncio.wait([noted])  # an answer that arrived is noted and told
            raise
        self._judge(result)
        await self._room.acquire()

    def _tell(self, result: Result) -> None:
        self._results.put_nowait(result)

    async def _deliver(self, result: Result) -> None:
        self._results.put_nowait(result)
        self._judge(result)
        await self._room.acquire()

    def _judge(self, result: Result) -> None:
        if (reason := self._failures.enough(result)) is not None:
            self._end(JobStoppedError(reason))


async def _numbered(rows: Rows) -> AsyncGenerator[tuple[int, PayoutRow], None]:
    position = 0
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            position += 1
            yield position, PayoutRow.of(row, position=position)
        return
    for row in rows:
        position += 1
        yield position, PayoutRow.of(row, position=position)


def _succeeded(done: asyncio.Future[Entry]) -> bool:
    return not done.cancelled() and done.exception() is None


def _stopped_by(error: AntonError) -> JobStoppedError:
    stopped = JobStoppedError(
        f"{error.message.removesuffix('.')}; run it again with the same journal to go on",
        attempts=error.attempts,
        request_id=error.request_id,
        retry_after=error.retry_after,
    )
    stopped.__cause__ = error
    return stopped


def _accepted(entry: Entry, payout: Payout | CreatedPayout) -> Entry:
    return replace(
        entry,
        state="ACCEPTED",
        payout_id=payout.id,
        status=payout.status,
        source_amount=format(payout.source_amount, "f"),
        source_currency=payout.source_currency,
        dest_amount=format(payout.dest_amount, "f"),
        dest_currency=payout.dest_currency,
        reason=None,
    )


def _done(entry: Entry) -> asyncio.Future[Entry]:
    future: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()
    future.set_result(entry)
    return future


def _check_unchanged(entry: Entry, row: PayoutRow) -> None:
    if entry.row_id != row.row_id:
        raise JournalError(
            f"Line {entry.line} was row {entry.row_id} when the journal was made, now it is row {row.row_id}: give the"
            " same rows in the same order, or use another journal for another input."
        )
    if entry.content != row.content_hash():
        raise JournalError(
            f"Row {entry.row_id} on line {entry.line} has changed since the journal was made: undo that, or put mended"
            " rows into an input of their own with a journal of its own."
        )
