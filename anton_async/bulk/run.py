"""One pass over the input of a job: rows go out at high concurrency, each at most once, whatever interrupts it.

    input ─▶ _feed ─▶ _planned ─▶ _work (one task for each payout under way) ─▶ _results ─▶ `async for`
                │                   │   ▲
                ▼                   ▼   ▼
              Journal: PLANNED, SENT before the first byte leaves, then what the API said

A resumed job first reads the rows that its journal knows and compares them; only when all are what they were, those
that an earlier run has left open are sent, under their own keys and bytes. Both queues are bounded by `concurrency`.
A token is fetched before the first row is marked SENT, so that bad credentials or a dead API end a run at once.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import aclosing
from typing import Any, TypeAlias

from anton_async.bulk.entry import Entry
from anton_async.bulk.errors import JobStoppedError, JournalError
from anton_async.bulk.journal import Journal
from anton_async.bulk.results import Result, explain, result_of
from anton_async.bulk.rows import PayoutRow
from anton_async.errors import (
    AntonError,
    ApiError,
    AuthenticationError,
    ConfigurationError,
    Outcome,
    RateLimitError,
    RequestValidationError,
    TokenError,
)
from anton_async.models import CreatedPayout
from anton_async.resources.operations import CREATE_PAYOUT
from anton_async.transport import Transport
from anton_async.transport.retry import with_retries

Rows: TypeAlias = Iterable[PayoutRow | Mapping[str, object]] | AsyncIterable[PayoutRow | Mapping[str, object]]

RESEND_WINDOW = 23 * 3600.0  # seconds; the API remembers a key for 24 hours, one is the margin
_CLOCK_TOLERANCE = 60.0  # seconds that the clock may have been set back between two runs
_MAX_RETRIES = 8
_FIRST_TOKEN_TIME = 12.0  # seconds after which an API that gives no token counts as down
_FIRST_TOKEN_RETRIES = 3


class Run:
    """One pass over the input."""

    def __init__(self, transport: Transport, journal: Journal, rows: Rows, concurrency: int, timeout: float) -> None:
        self._transport = transport
        self._clock = transport.clock
        self._journal = journal
        self._rows = rows
        self._concurrency = concurrency
        self._timeout = timeout
        # Semaphores bound both queues, but not their end marks: those must get through even while a task is cancelled.
        self._planned: asyncio.Queue[asyncio.Future[Entry] | None] = asyncio.Queue()
        self._ahead = asyncio.Semaphore(concurrency)
        self._results: asyncio.Queue[Result | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(concurrency)
        self._failure: AntonError | None = None
        self._authorising = asyncio.Lock()
        self._authorised = False
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
        self._failure = self._failure or JobStoppedError("Interrupted: run it again with the same journal to go on.")
        self._feeder.cancel()
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
                for number in range(self._concurrency):
                    workers.create_task(self._work(), name=f"anton-job-{number}")
        finally:
            self._feeder.cancel()
            await asyncio.wait([self._feeder])
            if not self._feeder.cancelled():
                self._feeder.exception()  # raised below, unless a failure of the API came first
        if self._failure is not None:
            raise self._failure
        self._feeder.result()

    async def _work(self) -> None:
        while (planned := await self._planned.get()) is not None:
            self._ahead.release()
            try:
                # After a failure the queue is only emptied: what is in it stays PLANNED.
                if self._failure is None:
                    await self._pay(await planned)
            except AntonError as error:
                self._failure = self._failure or error
                self._feeder.cancel()
        self._planned.put_nowait(None)

    async def _feed(self) -> None:
        try:
            async with aclosing(_numbered(self._rows)) as rows:
                known = await self._compare(rows)
                async for entry in self._journal.unsettled(last=known):
                    await self._ahead.acquire()
                    self._planned.put_nowait(_done(entry))
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
            return dataclasses.replace(entry, state="REJECTED", code="validation_error", reason=row.problem)
        try:
            call = self._transport.prepare(CREATE_PAYOUT, {}, body=row.fields)
        except RequestValidationError as error:
            reason = error.message.removeprefix(f"{error.field}: ")
            if (amount := row.amount_given(error.field)) is not None:
                reason = f'{reason}, not "{amount}"'
            return dataclasses.replace(
                entry, state="REJECTED", field=error.field, code="validation_error", reason=reason
            )
        body = call.body or b""
        return dataclasses.replace(entry, key=call.idempotency_key, body=body, body_hash=hashlib.sha256(body).digest())

    async def _pay(self, entry: Entry) -> None:
        """Settle one row; an AntonError that comes out of here ends the run."""
        if entry.settled:
            await self._deliver(result_of(entry))
            return
        if entry.sent_at is not None and (reason := self._too_late(entry.sent_at)) is not None:
            unknown = dataclasses.replace(entry, state="UNKNOWN", reason=reason)
            await self._settle(entry, unknown, from_journal=True)
            return
        if entry.key is None or entry.body is None or hashlib.sha256(entry.body).digest() != entry.body_hash:
            raise JournalError(
                f"The journal is damaged at line {entry.line}: restore it, nothing of that row was sent."
            )
        call = self._transport.restore(
            CREATE_PAYOUT,
            {"idempotency_key": entry.key, "timeout": self._timeout, "max_retries": _MAX_RETRIES},
            path=CREATE_PAYOUT.path,
            body=entry.body,
        )
        await self._authorise()
        if self._failure is not None:
            return
        sent = await self._journal.mark_sent(entry, now=self._clock.time())
        try:
            if self._failure is not None:
                raise JobStoppedError("the run ended before this row left")
            payout: CreatedPayout = (await self._transport.send(call)).data
        except AntonError as error:
            await self._failed(sent, error, sent_before=entry.sent_at is not None)
            return
        accepted = dataclasses.replace(
            sent,
            state="ACCEPTED",
            payout_id=payout.id,
            status=payout.status,
            source_amount=format(payout.source_amount, "f"),
            source_currency=payout.source_currency,
            dest_amount=format(payout.dest_amount, "f"),
            dest_currency=payout.dest_currency,
        )
        await self._settle(sent, accepted, payout)

    async def _authorise(self) -> None:
        """Fetch a token before the first row leaves; the other rows wait for that."""
        async with self._authorising:
            if not self._authorised and self._failure is None:
                await self._fetch_first_token()
                self._authorised = True

    async def _fetch_first_token(self) -> None:
        ends = self._clock.monotonic() + _FIRST_TOKEN_TIME
        cause: AntonError | None = None
        try:
            async with asyncio.timeout(_FIRST_TOKEN_TIME):
                await with_retries(
                    self._transport.authorize,
                    retry="safe",
                    max_retries=_FIRST_TOKEN_RETRIES,
                    remaining=lambda: ends - self._clock.monotonic(),
                    clock=self._clock,
                )
        except TimeoutError:
            reason = f"no answer within {_FIRST_TOKEN_TIME:g} seconds"
        except AntonError as error:
            if _for_all(error):
                raise
            cause, reason = error, error.message.removesuffix(".")
        else:
            return
        origin = self._transport.settings.base_url.origin()
        raise JobStoppedError(
            f"The API at {origin} gives no access token: {reason}; run it again with the same journal when it answers"
        ) from cause

    async def _failed(self, entry: Entry, error: AntonError, *, sent_before: bool) -> None:
        """Note what a failed call means for its row, and end the run when it means the same for every row."""
        for_all = _for_all(error)
        if error.outcome is Outcome.UNKNOWN:
            await self._settle(entry, dataclasses.replace(entry, state="UNKNOWN", reason=error.message))
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
            await self._settle(entry, dataclasses.replace(entry, state="UNKNOWN", reason=reason))
            return
        field, reason = explain(error)
        rejected = dataclasses.replace(entry, state="REJECTED", field=field, code=error.code, reason=reason)
        await self._settle(entry, rejected)

    def _too_late(self, sent_at: float) -> str | None:
        """Return why a row that may have been sent must not be sent again, None when it may."""
        now = self._clock.time()
        if self._clock_went_back or sent_at > now + _CLOCK_TOLERANCE:
            return "it may have been sent, and the journal is newer than this machine's clock: look the payout up"
        if now - sent_at >= RESEND_WINDOW:
            return "it may have been sent, longer ago than the API remembers its key: look the payout up"
        return None

    async def _settle(
        self, before: Entry, after: Entry, payout: CreatedPayout | None = None, *, from_journal: bool = False
    ) -> None:
        result = result_of(after, payout=payout, from_journal=from_journal)
        await _to_the_end(self._record(before, after, result))
        await self._room.acquire()

    async def _record(self, before: Entry, after: Entry, result: Result) -> None:
        await self._journal.settle(before, after, now=self._clock.time())
        self._results.put_nowait(result)

    async def _deliver(self, result: Result) -> None:
        self._results.put_nowait(result)
        await self._room.acquire()


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


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Do `work` whole, also when the caller is cancelled meanwhile: an answer that arrived is noted and told."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        task.exception()  # the journal's, which every other row gets as well
        raise


def _for_all(error: AntonError) -> bool:
    """Return whether what failed for one row would fail for every row."""
    return isinstance(error, AuthenticationError | ConfigurationError | TokenError)


def _stopped_by(error: AntonError) -> JobStoppedError:
    stopped = JobStoppedError(
        f"{error.message.removesuffix('.')}; run it again with the same journal to go on",
        attempts=error.attempts,
        request_id=error.request_id,
        retry_after=error.retry_after,
    )
    stopped.__cause__ = error
    return stopped


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
