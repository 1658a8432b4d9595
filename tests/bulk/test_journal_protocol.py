"""A journal of another kind does what the file does: the job asks it for nothing else."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
from msgspec.structs import replace

from anton_async import AntonClient
from anton_async.bulk import Accepted, Journal, JournalError, Owner, PayoutJob, Rejected, Report, SqliteJournal
from anton_async.bulk.entry import Entry, State
from anton_async.bulk.report import Tally
from anton_async.sandbox import Sandbox
from tests.support.payroll import payout_requests, row, rows


def done(entry: Entry) -> asyncio.Future[Entry]:
    future: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()
    future.set_result(entry)
    return future


class MemoryJournal:
    """Remembers for as long as the process lives."""

    def __init__(self) -> None:
        self.newest = 0.0
        self.sent = 0
        self.rows: list[Entry] = []
        self._owner: Owner | None = None
        self._taken = False
        self._tally = Tally()

    async def open(self, owner: Owner, *, now: float) -> None:
        if self._taken or self._owner not in {None, owner}:
            raise JournalError("It is another's.")
        self._taken, self._owner = True, owner
        self.newest = max([self.newest, *(entry.sent_at or 0.0 for entry in self.rows)])

    async def close(self, *, discard_new: bool = False) -> None:
        self._taken = False

    async def flush(self) -> None:
        await asyncio.sleep(0)

    def report(self) -> Report:
        return self._tally.report()

    def plan(self, entry: Entry) -> asyncio.Future[Entry]:
        first = [known.line for known in self.rows if known.row_id == entry.row_id and known.repeats is None]
        planned = entry.repetition(first[0]) if first and entry.repeats is None else entry
        self.rows.append(planned)
        self._tally.move(None, planned)
        return done(planned)

    async def mark_sent(self, entry: Entry, *, now: float) -> Entry:
        self.sent += 1
        return self._put(entry, replace(entry, state="SENT", sent_at=entry.sent_at or now))

    async def take_back(self, entry: Entry) -> Entry:
        return self._put(entry, replace(entry, state="PLANNED", sent_at=None))

    def settle(self, before: Entry, after: Entry, *, now: float) -> asyncio.Future[Entry]:
        return done(self._put(before, after))

    async def recall(self, *, after: int, count: int) -> list[Entry]:
        return self.rows[after : after + count]

    async def entries(self, *states: State, last: int = 2**62) -> AsyncIterator[Entry]:
        for entry in [known for known in self.rows if known.state in states and known.position <= last]:
            yield entry

    async def repeated_orders(self) -> frozenset[tuple[str, str, str]]:
        names = ("reference", "beneficiary_id", "instrument_id")
        orders: Counter[tuple[str, str, str]] = Counter()
        for entry in self.rows:
            if entry.body is not None and entry.state != "REJECTED":
                body = msgspec.json.decode(entry.body, type=dict[str, object])
                reference, beneficiary, instrument = (str(body[name]) for name in names)
                orders[reference, beneficiary, instrument] += 1
        return frozenset(order for order, count in orders.items() if count > 1)

    def _put(self, before: Entry, after: Entry) -> Entry:
        self.rows[after.position - 1] = after
        self._tally.move(before.state, after)
        return after


def test_both_kinds_are_journals(tmp_path: Path) -> None:
    kinds: list[Journal] = [MemoryJournal(), SqliteJournal(tmp_path / "payroll.db")]

    assert all(isinstance(kind, Journal) for kind in kinds)


async def test_a_job_runs_and_resumes_on_another_kind_of_journal(anton: AntonClient, sandbox: Sandbox) -> None:
    journal = MemoryJournal()
    given = [*rows(20), row(1, reference="again"), row(30, dest_amount="x")]
    sandbox.on("createPayout").drop_response(times=3)

    async with PayoutJob(anton, journal=journal, concurrency=4) as job:
        async for _ in job.run(given):
            if job.report().accepted == 5:
                break
    async with PayoutJob(anton, journal=journal, concurrency=4) as job:
        results = {result.line: result async for result in job.run(given)}
        accepted = [result.payout_id async for result in job.accepted()]
        problems = [result.line async for result in job.problems()]

    assert [type(results[line]) for line in (1, 20, 21, 22)] == [Accepted, Accepted, Rejected, Rejected]
    assert (len(set(accepted)), problems) == (20, [21, 22])
    assert job.report().closing_line() == "rows 22 | accepted 20 | rejected 2 | unknown 0"
    assert len(sandbox.executed) == 20
    assert set(sandbox.executed.values()) == {1}
    assert len({request.idempotency_key for request in payout_requests(sandbox)}) == 20
