"""Changes go to the file many at a time; what it holds afterwards is what one after the other would have left there.

`ANTON_STATEFUL=20000` looks through more runs than the usual few.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import astuple, replace

from anton_async.bulk import JobStoppedError
from anton_async.bulk.entry import Entry, State
from anton_async.bulk.journal import Owner
from anton_async.bulk.sqlite_journal import SqliteJournal, read_journal
from tests.support.payroll import alter, look, states

OWNER = Owner(client_id="ant_oc_test_1", origin="loopback")
RUNS = int(os.environ.get("ANTON_STATEFUL", "480")) // 8

PLAN = st.tuples(st.just("plan"), st.sampled_from(["a", "b", "c\0", "d'é"]), st.sampled_from([False, False, True]))
MANY = st.tuples(st.just("many"), st.integers(min_value=2, max_value=70), st.integers(min_value=1, max_value=70))
MOVE = st.tuples(
    st.sampled_from(["sent", "take back"]), st.integers(min_value=0), st.floats(min_value=1, max_value=2e9)
)
SETTLE = st.tuples(st.sampled_from(["ACCEPTED", "REJECTED", "UNKNOWN"]), st.integers(min_value=0), st.text(max_size=4))
LOOK = st.tuples(st.just("recall"), st.integers(min_value=0, max_value=9), st.integers(min_value=1, max_value=9))
STEPS = st.lists(st.one_of(PLAN, MOVE, SETTLE, LOOK, PLAN, MOVE, SETTLE, MANY), max_size=20)


def entry(position: int, row_id: str = "", *, unreadable: bool = False) -> Entry:
    planned = Entry(
        position=position,
        line=position + 1,
        row_id=row_id or f"row-{position}",
        content=bytes([position % 256]) * 32,
        state="PLANNED",
        planned_at=position + 0.1,
        key=f"key-{position}",
        body=b"{}",
        body_hash=b"h" * 32,
    )
    return replace(planned, state="REJECTED", repeats=position + 1, key=None, body=None) if unreadable else planned


class Model:
    """What the file should hold: each change made at once, one after the other."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        self.rows: list[Entry] = []
        self.settled_at: dict[int, float] = {}
        self._calls: list[tuple[Any, tuple[Any, ...], dict[str, float], object]] = []

    def take(self, kind: Any, first: Any, second: Any) -> None:
        """Make one step's changes here, and keep the calls that make them in the journal."""
        if kind == "plan":
            self._plan(first, unreadable=second)
        elif kind == "many":
            for number in range(first):
                self._plan(f"many-{number % second}")
        elif kind == "recall":
            self._calls.append(
                (self._journal.recall, (), {"after": first, "count": second}, self.rows[first:][:second])
            )
        elif kind == "sent":
            self._send(first, second)
        elif kind == "take back":
            self._take_back(first)
        else:
            self._settle(first, kind, second)

    async def compare(self) -> None:
        """Make the calls so that one transaction takes them all."""

        async def made(call: Any, arguments: tuple[Any, ...], named: dict[str, float]) -> object:
            return await call(*arguments, **named)

        calls, self._calls = self._calls, []
        async with asyncio.timeout(30):
            outcomes = await asyncio.gather(*(made(call, arguments, named) for call, arguments, named, _ in calls))

        assert outcomes == [expected for *_, expected in calls]

    def _call(self, call: Any, *arguments: Any, outcome: object, **named: float) -> None:
        self._calls.append((call, arguments, named, outcome))

    def _plan(self, row_id: str, *, unreadable: bool = False) -> None:
        new = entry(len(self.rows) + 1, row_id, unreadable=unreadable)
        first = [known.line for known in self.rows if known.row_id == row_id and known.repeats is None]
        self.rows.append(new.repetition(first[0]) if first and new.repeats is None else new)
        self._call(self._journal.plan, new, outcome=self.rows[-1])

    def _pick(self, number: int, *allowed: State) -> Entry | None:
        fit = [known for known in self.rows if known.state in allowed]
        return fit[number % len(fit)] if fit else None

    def _put(self, after: Entry) -> Entry:
        self.rows[after.position - 1] = after
        return after

    def _send(self, number: int, now: float) -> None:
        if found := self._pick(number, "PLANNED", "SENT", "UNKNOWN"):
            sent = self._put(replace(found, state="SENT", sent_at=found.sent_at or now))
            self._call(self._journal.mark_sent, found, outcome=sent, now=now)

    def _take_back(self, number: int) -> None:
        if found := self._pick(number, "SENT"):
            back = self._put(replace(found, state="PLANNED", sent_at=None))
            self._call(self._journal.take_back, found, outcome=back)

    def _settle(self, number: int, state: State, text: str) -> None:
        if found := self._pick(number, "SENT", "UNKNOWN"):
            self.settled_at[found.position] = now = 3.7 + len(text)
            code = None if state == "UNKNOWN" else text or None
            after = self._put(replace(found, state=state, payout_id=text, code=code, reason=f"{number} {text}"))
            self._call(self._journal.settle, found, after, outcome=after, now=now)


@settings(max_examples=RUNS, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(batches=st.lists(STEPS, max_size=4))
def test_the_file_holds_what_one_change_after_the_other_would_leave(
    batches: list[list[tuple[str, Any, Any]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(make_and_compare(Path(folder) / "payroll.db", batches))


async def make_and_compare(path: Path, batches: list[list[tuple[str, Any, Any]]]) -> None:
    journal = SqliteJournal(path)
    await journal.open(OWNER, now=1.0)
    model = Model(journal)
    for batch in batches:
        for step in batch:
            model.take(*step)
        await model.compare()
    report = journal.report()
    await journal.close()

    assert held(path) == [(*astuple(row), model.settled_at.get(row.position)) for row in model.rows]
    assert read_journal(path)[1] == report


def held(path: Path) -> list[tuple[object, ...]]:
    columns = ", ".join(Entry.__struct_fields__)
    return look(path, f"SELECT {columns}, settled_at FROM row ORDER BY position")  # noqa: S608 - our own names


@pytest.fixture
async def opened(journal: Path) -> SqliteJournal:
    made = SqliteJournal(journal)
    await made.open(OWNER, now=1.0)
    return made


async def together(calls: Sequence[Awaitable[Entry]]) -> list[Entry]:
    return await asyncio.gather(*calls)


async def test_each_row_of_a_large_batch_gets_its_own_values(opened: SqliteJournal, journal: Path) -> None:
    for count in range(1, 71):
        first = opened.report().rows
        planned = await together([opened.plan(entry(first + number)) for number in range(1, count + 1)])
        sent = await together([opened.mark_sent(row, now=row.position / 7) for row in planned])
        after = [replace(row, state="ACCEPTED", payout_id=f"po_{row.position}", source_amount="1") for row in sent]

        await together([opened.settle(row, done, now=row.position / 3) for row, done in zip(sent, after, strict=True)])

        rows = [(*astuple(row), row.position / 3) for row in after]
        assert held(journal)[first:] == rows
    await opened.close()


async def test_a_row_that_repeats_one_far_before_it_in_the_same_batch_is_found(opened: SqliteJournal) -> None:
    planned = await together([opened.plan(entry(number, f"row-{number % 90}")) for number in range(1, 201)])

    assert [row.repeats for row in planned] == [None] * 90 + [number % 90 + 2 or None for number in range(90, 200)]
    await opened.close()


async def test_a_change_of_a_row_that_is_not_there_changes_nothing(opened: SqliteJournal, journal: Path) -> None:
    planned, missing = await opened.plan(entry(1)), entry(9)
    before = held(journal)

    await together([opened.mark_sent(missing, now=2.0), opened.settle(missing, missing, now=2.0)])

    assert held(journal) == before == [(*astuple(planned), None)]
    await opened.close()


@pytest.mark.fault("F08")
async def test_one_row_that_cannot_be_written_keeps_its_whole_batch_out(opened: SqliteJournal, journal: Path) -> None:
    known = await together([opened.plan(entry(number)) for number in range(1, 41)])
    report = opened.report()
    full = "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    alter(journal, f"CREATE TRIGGER full BEFORE UPDATE ON row WHEN NEW.position = 35 {full}")

    async def plan_another() -> Entry:
        return await opened.plan(entry(41))

    under_way = asyncio.ensure_future(opened.recall(after=0, count=1))
    for _ in range(3):
        await asyncio.sleep(0)  # what follows waits for it, and so is written together
    outcomes = await asyncio.gather(
        plan_another(), *(opened.mark_sent(row, now=2.0) for row in known), return_exceptions=True
    )

    assert await under_way == known[:1]
    assert {type(outcome) for outcome in outcomes} == {JobStoppedError}
    assert opened.report() == report
    assert states(journal) == {"PLANNED": 40}
    with pytest.raises(JobStoppedError):
        await opened.mark_sent(known[0], now=3.0)
    await opened.close()
