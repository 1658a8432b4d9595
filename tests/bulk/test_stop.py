"""How a run begins and ends early: one token first, a grace for what is under way, and books that match the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from anton_async import AntonClient, ConfigurationError
from anton_async.bulk import Accepted, JobStoppedError, PayoutJob, Result, RowFileError, read_csv
from anton_async.bulk.sqlite_journal import read_journal
from anton_async.sandbox import Sandbox
from tests.support.payroll import look, pay, payout_requests, rows, states


async def stop_after(job: PayoutJob, count: int, grace: float, told: list[Result]) -> None:
    """Run 60 rows, stop softly after `count` results, and go on collecting them in `told` to the end."""
    async for result in job.run(rows(60)):
        told.append(result)
        if len(told) == count:
            job.stop(grace=grace)


@pytest.mark.fault("F16")
async def test_payouts_under_way_are_answered_and_no_further_row_leaves(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    results: list[Result] = []

    async with PayoutJob(anton, journal=journal, concurrency=4) as job:
        with pytest.raises(JobStoppedError, match="Interrupted: run it again"):
            await stop_after(job, 10, 30.0, results)
        assert job.report() == read_journal(journal)[1]

    assert states(journal).keys() == {"ACCEPTED", "PLANNED"}
    assert len(results) == states(journal)["ACCEPTED"] == len(payout_requests(sandbox))
    assert 10 <= len(results) <= job.sent <= 18
    assert len(await pay(anton, journal, rows(60))) == 60
    assert set(sandbox.executed.values()) == {1}


@pytest.mark.fault("F16", "C22")
@pytest.mark.parametrize("after", range(1, 40, 3))
async def test_at_any_moment_what_the_journal_accepted_was_told_and_the_report_is_what_is_on_the_disk(
    anton: AntonClient, journal: Path, after: int
) -> None:
    told: list[Result] = []

    async with PayoutJob(anton, journal=journal, concurrency=8) as job:
        with pytest.raises(JobStoppedError):
            await stop_after(job, after, 0.0, told)
        report, on_disk = job.report(), read_journal(journal)[1]

    assert report == on_disk
    assert {result.idempotency_key for result in told} == {
        key for (key,) in look(journal, "SELECT key FROM row WHERE state = 'ACCEPTED'")
    }


async def test_leaving_the_loop_leaves_books_that_match_the_disk(anton: AntonClient, journal: Path) -> None:
    async with PayoutJob(anton, journal=journal, concurrency=8) as job:
        run = job.run(rows(60))
        async for _ in run:
            break
        await run.aclose()
        report, on_disk = job.report(), read_journal(journal)[1]

    assert report == on_disk


async def test_stopping_needs_a_grace_of_no_less_than_nothing_and_may_come_at_any_time(
    anton: AntonClient, journal: Path
) -> None:
    async with PayoutJob(anton, journal=journal) as job:
        job.stop()
        results = [result async for result in job.run(rows(3))]
        job.stop()
        for grace in (-1, float("nan")):
            with pytest.raises(ConfigurationError, match="grace"):
                job.stop(grace=grace)

    assert [type(result) for result in results] == [Accepted] * 3


async def test_one_token_is_fetched_before_the_first_row_is_marked_sent(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    sandbox.on("createAccessToken").fail(503, times=100)

    async with PayoutJob(anton, journal=journal, concurrency=16) as job:
        with pytest.raises(JobStoppedError, match=r"gives no access token: .*; run it again") as stopped:
            _ = [result async for result in job.run(rows(50))]

    assert 1 <= len(sandbox.requests) <= 4
    assert payout_requests(sandbox) == []
    assert stopped.value.__cause__ is not None
    assert job.sent == 0
    assert look(journal, "SELECT DISTINCT state, sent_at FROM row") == [("PLANNED", None)]


async def test_a_token_endpoint_that_stumbles_once_does_not_end_the_run(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    sandbox.on("createAccessToken").fail(503)

    assert len(await pay(anton, journal, rows(5))) == 5


async def test_a_file_refused_for_its_header_leaves_no_journal_and_takes_none_away(
    anton: AntonClient, journal: Path, tmp_path: Path
) -> None:
    file = tmp_path / "payroll.csv"
    file.write_text("name,amount\nJane,10\n")

    with pytest.raises(RowFileError):
        await pay(anton, journal, read_csv(file))
    refused_alone = journal.exists()  # noqa: ASYNC240 - one look at a local file

    await pay(anton, journal, rows(2))
    with pytest.raises(RowFileError):
        await pay(anton, journal, read_csv(file))
    assert not refused_alone
    assert states(journal) == {"ACCEPTED": 2}


async def fail_at(job: PayoutJob, count: int) -> None:
    told = 0
    async for _ in job.run(rows(40)):
        told += 1
        if told == count:
            raise LookupError("the ledger of the caller is locked")


@pytest.mark.fault("F22")
@pytest.mark.parametrize("count", [1, 9, 40])
async def test_a_consumer_that_raises_gets_its_error_once_and_the_outcomes_are_kept(
    anton: AntonClient, sandbox: Sandbox, journal: Path, count: int
) -> None:
    async with PayoutJob(anton, journal=journal, concurrency=4) as job:
        with pytest.raises(LookupError, match="locked"):
            await fail_at(job, count)
    kept = states(journal)
    sent = len(payout_requests(sandbox))

    results = await pay(anton, journal, rows(40))

    assert kept["ACCEPTED"] >= count
    assert len(payout_requests(sandbox)) - sent == 40 - kept["ACCEPTED"]
    assert len(results) == 40
    assert set(sandbox.executed.values()) == {1}
    assert len(sandbox.executed) == 40
