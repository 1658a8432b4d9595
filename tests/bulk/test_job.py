from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from anton_async import AntonClient, AuthenticationError, ConfigurationError, OAuthCredentials, RateLimit
from anton_async.bulk import Accepted, JobStoppedError, PayoutJob, PayoutRow, Rejected, Unknown
from anton_async.response import ApiResponse
from anton_async.sandbox import Sandbox
from anton_async.transport import Call
from tests.support.clock import SteppedClock
from tests.support.payroll import look, pay, payout_requests, row, rows, states


async def test_every_row_is_paid_once_and_booked(anton: AntonClient, sandbox: Sandbox, journal: Path) -> None:
    given = [*rows(20), row(21, instrument_id="ins_EUR", dest_currency="EUR", method="sepa", dest_amount="7.50")]
    given[20]["source_amount"] = "7.50"

    async with PayoutJob(anton, journal=journal, concurrency=4) as job:
        results = [result async for result in job.run(given)]

    report = job.report()
    accepted = [result for result in results if isinstance(result, Accepted)]
    assert {result.row_id for result in accepted} == {str(line["row_id"]) for line in given}
    assert all(result.payout is not None and result.payout.id == result.payout_id for result in accepted)
    assert dict(sandbox.executed) == {result.idempotency_key: 1 for result in accepted}
    assert report.closing_line() == "rows 21 | accepted 21 | rejected 0 | unknown 0"
    assert report.paid == {"EUR": Decimal("7.50"), "USD": Decimal("200.00")}
    assert report.pending == 0


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_rows_come_from_async_iterables_and_as_payout_rows(
    anton: AntonClient, journal: Path, concurrency: int
) -> None:
    async def given() -> AsyncIterator[PayoutRow]:
        for line in rows(5):
            await asyncio.sleep(0)
            yield PayoutRow(row_id=str(line.pop("row_id")), **line)

    results = await pay(anton, journal, given(), concurrency=concurrency)

    assert sorted(results) == ["row-1", "row-2", "row-3", "row-4", "row-5"]


@pytest.mark.fault("F02")
async def test_key_and_bytes_are_durable_before_the_first_byte_leaves(
    anton: AntonClient, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = anton.transport.send
    seen: list[list[tuple[object, ...]]] = []

    async def look_first(call: Call[object], **named: Any) -> ApiResponse[object]:
        seen.append(look(journal, "SELECT state, body FROM row WHERE key = ?", call.idempotency_key))
        assert seen[-1] == [("SENT", call.body)]
        return await send(call, **named)

    monkeypatch.setattr(anton.transport, "send", look_first)

    await pay(anton, journal, rows(10))

    assert len(seen) == 10


@pytest.mark.fault("F03", "E04")
async def test_lost_responses_and_outages_are_retried_under_the_same_key(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    sandbox.on("createPayout").drop_response(times=3).fail(503, times=3)

    results = await pay(anton, journal, rows(10))

    assert all(isinstance(result, Accepted) for result in results.values())
    assert dict(sandbox.executed) == {result.idempotency_key: 1 for result in results.values()}
    assert len(payout_requests(sandbox)) == 16


@pytest.mark.fault("F12")
async def test_rows_with_equal_content_are_both_paid(anton: AntonClient, sandbox: Sandbox, journal: Path) -> None:
    results = await pay(anton, journal, [row(1, reference="same"), row(2, reference="same")])

    assert len({result.idempotency_key for result in results.values()}) == 2
    assert len(sandbox.executed) == 2


@pytest.mark.fault("F13")
async def test_a_repeated_row_id_is_paid_once_and_its_repetitions_name_the_first(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    given = [row(1), row(2), row(1), row(1, dest_amount="99.00")]

    for attempt in range(2):
        async with PayoutJob(anton, journal=journal) as job:
            results = sorted([result async for result in job.run(given)], key=lambda result: result.line)

        assert [type(result) for result in results] == [Accepted, Accepted, Rejected, Rejected], attempt
        repeated = results[2]
        assert isinstance(repeated, Rejected)
        assert (repeated.field, repeated.code, repeated.idempotency_key) == ("row_id", "repeated_row_id", None)
        assert "line 1" in repeated.reason
    assert len(sandbox.executed) == 2


@pytest.mark.fault("F17")
async def test_each_row_has_its_own_outcome(anton: AntonClient, sandbox: Sandbox, journal: Path) -> None:
    lost = "row-2"
    given = [
        row(1, instrument_id="ins_NONE"),
        row(2),
        row(3, beneficiary_id="ben_GONE", instrument_id="ins_GONE"),
        row(4, instrument_id="ins_OFF"),
        row(5, dest_currency="EUR"),
        row(6, dest_amount="-1.00", source_amount="-1.00"),
        row(7, source_amount="5000000.00", dest_amount="5000000.00"),
        row(8),
    ]
    sandbox.on("createPayout").delay(0).drop_response().fail(503, times=8)

    results = await pay(anton, journal, given, concurrency=1)

    assert isinstance(results[lost], Unknown)
    assert isinstance(results["row-8"], Accepted)
    told = {name: (result.field, result.code) for name, result in results.items() if isinstance(result, Rejected)}
    assert told == {
        "row-1": ("instrument_id", "instrument_not_found"),
        "row-3": ("beneficiary_id", "payout_rejected"),
        "row-4": ("instrument_id", "payout_rejected"),
        "row-5": ("instrument_id", "payout_rejected"),
        "row-6": ("source_amount", "validation_error"),
        "row-7": ("source_amount", "insufficient_balance"),
    }
    assert sorted(sandbox.executed.values()) == [1, 1]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"dest_amount": "1,250.00"}, "dest_amount"),
        ({"dest_amount": "1E+3"}, "dest_amount"),
        ({"dest_amount": 0.1}, "dest_amount"),
        ({"instrument_id": None}, "instrument_id"),
        ({"dest_currency": "usd"}, "dest_currency"),
        ({"method": "sepa_instant"}, "method"),
        ({"reference": "x" * 101}, "reference"),
        ({"amount": "1.00"}, "amount"),
        ({"session": {"ip": "\ud800"}}, "session"),
    ],
)
async def test_a_row_that_breaks_the_rules_is_rejected_and_nothing_is_sent_for_it(
    anton: AntonClient, sandbox: Sandbox, journal: Path, changes: dict[str, object], field: str
) -> None:
    results = await pay(anton, journal, [row(1, **changes), row(2)])

    rejected = results["row-1"]
    assert isinstance(rejected, Rejected)
    assert (rejected.field, rejected.code, rejected.idempotency_key) == (field, "validation_error", None)
    assert not rejected.reason.startswith(field)
    assert isinstance(results["row-2"], Accepted)
    assert len(payout_requests(sandbox)) == 1
    assert states(journal) == {"REJECTED": 1, "ACCEPTED": 1}


@pytest.mark.fault("F14")
async def test_rows_before_a_failure_of_the_input_are_paid(anton: AntonClient, sandbox: Sandbox, journal: Path) -> None:
    def broken() -> Iterator[dict[str, object]]:
        yield from rows(25)
        raise LookupError("the cursor was closed")

    with pytest.raises(LookupError, match="the cursor was closed"):
        await pay(anton, journal, broken(), concurrency=4)

    assert states(journal) == {"ACCEPTED": 25}
    assert len(sandbox.executed) == 25
    assert len(await pay(anton, journal, rows(30))) == 30
    assert set(sandbox.executed.values()) == {1}


@pytest.mark.fault("F18")
async def test_a_revoked_secret_stops_the_job_without_a_storm(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    sandbox.on("createPayout").delay(0, times=30).fail(401, times=1000)

    with pytest.raises(AuthenticationError):
        await pay(anton, journal, rows(500), concurrency=5)

    refused = [request for request in payout_requests(sandbox) if request.status == 401]
    assert len(refused) <= 5
    assert states(journal).keys() == {"ACCEPTED", "PLANNED"}
    assert states(journal)["ACCEPTED"] == 30


async def test_refused_credentials_leave_every_row_planned(anton: AntonClient, sandbox: Sandbox, journal: Path) -> None:
    sandbox.on("createAccessToken").fail(401, times=100, code="invalid_client")

    with pytest.raises(AuthenticationError):
        await pay(anton, journal, rows(50), concurrency=5)

    assert payout_requests(sandbox) == []
    assert states(journal).keys() == {"PLANNED"}


@pytest.mark.fault("F14", "F18")
async def test_an_input_that_breaks_while_the_api_refuses_everybody_ends_the_run(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    sandbox.on("createPayout").fail(401, times=100)

    def breaking() -> Iterator[dict[str, object]]:
        yield from rows(4)
        raise ValueError("the file ends in the middle")

    async with asyncio.timeout(30):
        with pytest.raises(AuthenticationError):
            await pay(anton, journal, breaking(), concurrency=2)

    assert states(journal).keys() == {"PLANNED"}


async def test_an_unreachable_api_stops_the_job_and_it_can_be_resumed(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    await sandbox.stop()

    with pytest.raises(JobStoppedError, match="run it again"):
        await pay(anton, journal, rows(20), concurrency=5)
    planned = states(journal)
    await sandbox.start()
    results = await pay(anton, journal, rows(20), concurrency=5)

    assert planned.keys() == {"PLANNED"}
    assert len(results) == 20
    assert set(sandbox.executed.values()) == {1}


@pytest.mark.fault("F19")
async def test_a_storm_of_429_fails_no_row(
    sandbox: Sandbox, credentials: OAuthCredentials, clock: SteppedClock, journal: Path
) -> None:
    sandbox.on("createPayout").fail(429, times=12, retry_after=2)

    async with AntonClient(
        credentials, base_url=sandbox.base_url, clock=clock, rate_limit=RateLimit(per_minute=20)
    ) as slow:
        results = await pay(slow, journal, rows(40), concurrency=4)

    assert all(isinstance(result, Accepted) for result in results.values())
    assert set(sandbox.executed.values()) == {1}


@pytest.mark.fault("F21")
async def test_leaving_the_loop_ends_the_job_and_the_next_run_asks_again_under_the_same_keys(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    async with PayoutJob(anton, journal=journal, concurrency=8) as job:
        async for _ in job.run(rows(60)):
            if job.report().accepted >= 10:
                break

    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("anton-jo")]
    assert states(journal).keys() <= {"ACCEPTED", "SENT", "PLANNED"}
    assert job.report().pending > 0
    assert len(await pay(anton, journal, rows(60))) == 60
    assert states(journal) == {"ACCEPTED": 60}
    assert set(sandbox.executed.values()) == {1}
    assert len(sandbox.executed) == 60


async def test_one_job_can_be_left_and_run_again(anton: AntonClient, sandbox: Sandbox, journal: Path) -> None:
    async with PayoutJob(anton, journal=journal, concurrency=8) as job:
        async for _ in job.run(rows(40)):
            break
        results = [result async for result in job.run(rows(40))]

    assert len(results) == 40
    assert set(sandbox.executed.values()) == {1}


async def test_a_run_that_was_overtaken_says_so(anton: AntonClient, journal: Path) -> None:
    async with PayoutJob(anton, journal=journal, concurrency=2) as job:
        first = job.run(rows(20))
        await anext(first)
        second = [result async for result in job.run(rows(20))]
        with pytest.raises(JobStoppedError, match="second time"):
            [result async for result in first]

    assert len(second) == 20


@pytest.mark.fault("F16", "L03")
async def test_cancelling_the_task_passes_through_and_leaves_the_journal_right(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    begun = asyncio.Event()

    async def consume() -> None:
        async with PayoutJob(anton, journal=journal, concurrency=8) as job:
            async for _ in job.run(rows(200)):
                begun.set()

    task = asyncio.create_task(consume())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert states(journal).keys() <= {"ACCEPTED", "SENT", "PLANNED"}
    assert len(await pay(anton, journal, rows(200), concurrency=16)) == 200
    assert set(sandbox.executed.values()) == {1}


@pytest.mark.fault("F15")
async def test_a_slow_consumer_holds_the_input_back(anton: AntonClient, journal: Path) -> None:
    pulled = 0

    def counted() -> Iterator[dict[str, object]]:
        nonlocal pulled
        for line in rows(400):
            pulled += 1
            yield line

    async with PayoutJob(anton, journal=journal, concurrency=4) as job:
        async for _ in job.run(counted()):
            for _ in range(3):  # time enough to run ahead, if anything let it
                await asyncio.to_thread(bool)
            if pulled > 40:
                break

            report = job.report()
            assert pulled - report.accepted <= 12

    assert pulled > 40


async def test_a_job_needs_to_be_open_and_at_least_one_payout_at_once(anton: AntonClient, journal: Path) -> None:
    with pytest.raises(ConfigurationError, match="concurrency"):
        PayoutJob(anton, journal=journal, concurrency=0)
    with pytest.raises(ConfigurationError, match="timeout"):
        PayoutJob(anton, journal=journal, timeout=0)
    with pytest.raises(ConfigurationError, match="not open"):
        [result async for result in PayoutJob(anton, journal=journal).run(rows(1))]


async def test_problems_are_told_in_the_order_of_the_input(anton: AntonClient, journal: Path) -> None:
    given = [row(1), row(2, method="?"), row(3, instrument_id="ins_OFF"), row(4), row(4)]

    async with PayoutJob(anton, journal=journal) as job:
        _ = [result async for result in job.run(given)]
        problems = [(problem.line, problem.row_id) async for problem in job.problems()]

    assert problems == [(2, "row-2"), (3, "row-3"), (5, "row-4")]
    assert job.report().rejections == {"validation_error": 1, "payout_rejected": 1, "repeated_row_id": 1}
