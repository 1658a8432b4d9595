"""Jobs under random faults: whatever happens, the ledger and the books agree.

`ANTON_STATEFUL=20000` looks through more runs than the usual few.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from anton_async import AntonClient, AntonError
from anton_async.bulk import Accepted, PayoutJob, Rejected, Unknown
from anton_async.sandbox import Sandbox
from tests.support.clock import SteppedClock
from tests.support.payroll import CLIENT_ID, SEED, row

RUNS = int(os.environ.get("ANTON_STATEFUL", "480")) // 40
ROWS = 12

STEPS = st.tuples(
    st.sampled_from(["let through", "lose", 429, 500, 503, 401, 409]),
    st.integers(min_value=1, max_value=12),
)
ENDS = st.one_of(st.none(), st.integers(min_value=1, max_value=ROWS))
KINDS = st.sampled_from([{}, {}, {}, {"instrument_id": "ins_OFF"}, {"dest_amount": "x"}, {"row_id": "row-1"}])


@pytest.mark.fault("F24", "F17")
@settings(
    max_examples=RUNS,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    trouble=st.lists(STEPS, max_size=8),
    ends=st.lists(st.tuples(ENDS, st.integers(min_value=0, max_value=30 * 3600)), max_size=3),
    kinds=st.lists(KINDS, min_size=ROWS, max_size=ROWS),
)
def test_each_row_is_executed_at_most_once_and_the_books_equal_the_ledger(
    trouble: list[tuple[str | int, int]],
    ends: list[tuple[int | None, int]],
    kinds: list[dict[str, object]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run_and_compare(Path(folder) / "payroll.db", trouble, ends, kinds))


async def run_and_compare(
    journal: Path,
    trouble: list[tuple[str | int, int]],
    ends: list[tuple[int | None, int]],
    kinds: list[dict[str, object]],
) -> None:
    clock = SteppedClock()
    rows = [row(number, **kind) for number, kind in enumerate(kinds, 1)]
    async with (
        Sandbox(seed=SEED, client_id=CLIENT_ID, clock=clock) as sandbox,
        AntonClient(sandbox.credentials, base_url=sandbox.base_url, clock=clock) as anton,
    ):
        make_trouble(sandbox, trouble)
        for stop_after, pause in [*ends, (None, 0)]:
            await run_until(anton, journal, rows, stop_after)
            clock.step(pause)
        sandbox.on("createPayout").clear()
        books = await run_until(anton, journal, rows, None)

        ledger = dict(sandbox.executed)
        assert all(times == 1 for times in ledger.values()), ledger
        assert len(books) == ROWS
        for result in books:
            executed = ledger.pop(result.idempotency_key or "", 0)
            if not isinstance(result, Unknown):
                assert executed == isinstance(result, Accepted), result
        assert ledger == {}, "paid, but nobody was told"


async def run_until(
    anton: AntonClient, journal: Path, rows: list[dict[str, object]], stop_after: int | None
) -> list[Accepted | Rejected | Unknown]:
    results: list[Accepted | Rejected | Unknown] = []
    async with PayoutJob(anton, journal=journal, concurrency=4) as job:
        try:
            async for result in job.run(rows):
                results.append(result)
                if len(results) == stop_after:
                    break
        except AntonError:
            pass
        report = job.report()
    if len(results) == len(rows):
        kinds = Counter(type(result) for result in results)
        assert [kinds[kind] for kind in (Accepted, Rejected, Unknown)] == [
            report.accepted,
            report.rejected,
            report.unknown,
        ]
        assert sum(group.rows for group in report.groups) == report.rows
    return results


def make_trouble(sandbox: Sandbox, trouble: list[tuple[str | int, int]]) -> None:
    script = sandbox.on("createPayout")
    for kind, times in trouble:
        if kind == "let through":
            script.let_through(times=times)
        elif kind == "lose":
            script.drop_response(times=times)
        else:
            script.fail(int(kind), times=times)
