from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from anton_async import AntonClient, OAuthCredentials
from anton_async.bulk import Accepted, JobStoppedError, JournalError, PayoutJob, Result, Unknown
from anton_async.sandbox import Sandbox
from tests.support.clock import SteppedClock
from tests.support.payroll import SEED, alter, look, pay, payout_requests, row, rows, states

HOUR = 3600.0

Spoil = Callable[[list[dict[str, object]]], list[dict[str, object]]]


async def leave_sent(anton: AntonClient, sandbox: Sandbox, journal: Path, count: int = 1) -> None:
    """Send rows whose answers are lost for good, and forget what was noted of that: as after a kill."""
    sandbox.on("createPayout").drop_response(times=9 * count)
    await pay(anton, journal, rows(count), concurrency=1)
    alter(journal, "UPDATE row SET state = 'SENT', reason = NULL, settled_at = NULL")


def only(results: dict[str, Result]) -> Result:
    (result,) = results.values()
    return result


async def test_a_settled_job_sends_nothing_and_repeats_its_results(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    given = [*rows(10), row(11, instrument_id="ins_OFF"), row(12, method="?")]
    first = await pay(anton, journal, given)
    sent = len(sandbox.requests)

    second = await pay(anton, journal, given)

    assert len(sandbox.requests) == sent
    assert all(result.from_journal for result in second.values())
    assert {name: result.idempotency_key for name, result in second.items()} == {
        name: result.idempotency_key for name, result in first.items()
    }
    assert {name: type(result) for name, result in second.items()} == {name: type(first[name]) for name in first}


@pytest.mark.fault("F03", "C06")
async def test_an_unknown_row_is_asked_again_under_its_key_and_turns_out_paid(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    sandbox.on("createPayout").drop_response(times=9)

    first = only(await pay(anton, journal, rows(1)))
    second = only(await pay(anton, journal, rows(1)))

    assert isinstance(first, Unknown)
    assert isinstance(second, Accepted)
    assert not second.from_journal
    assert first.idempotency_key == second.idempotency_key
    assert dict(sandbox.executed) == {first.idempotency_key: 1}
    assert payout_requests(sandbox)[-1].replayed


@pytest.mark.fault("F10")
@pytest.mark.parametrize(("hours", "resent"), [(22.9, True), (23.0, False), (100.0, False)])
async def test_a_sent_row_is_asked_again_only_while_its_key_is_remembered(
    anton: AntonClient, sandbox: Sandbox, journal: Path, clock: SteppedClock, *, hours: float, resent: bool
) -> None:
    await leave_sent(anton, sandbox, journal)
    (sent_at,) = look(journal, "SELECT sent_at FROM row")[0]
    assert isinstance(sent_at, float)
    clock.step(sent_at + hours * HOUR - clock.time())
    before = len(payout_requests(sandbox))

    result = only(await pay(anton, journal, rows(1)))

    assert isinstance(result, Accepted)
    assert dict(sandbox.executed) == {result.idempotency_key: 1}
    assert len(payout_requests(sandbox)) - before == resent
    assert [request.operation_id for request in sandbox.requests].count("listPayouts") == (not resent)


async def test_the_time_of_the_first_sending_counts_and_not_that_of_the_last(
    anton: AntonClient, sandbox: Sandbox, journal: Path, clock: SteppedClock
) -> None:
    await leave_sent(anton, sandbox, journal)
    clock.step(20 * HOUR)
    sandbox.on("createPayout").drop_response(times=9)
    assert isinstance(only(await pay(anton, journal, rows(1))), Unknown)
    clock.step(4 * HOUR)
    before = len(payout_requests(sandbox))

    await pay(anton, journal, rows(1))

    assert len(payout_requests(sandbox)) == before


async def test_a_row_that_never_left_is_sent_however_old_it_is(
    anton: AntonClient, sandbox: Sandbox, journal: Path, clock: SteppedClock
) -> None:
    await sandbox.stop()
    with pytest.raises(JobStoppedError):
        await pay(anton, journal, rows(3), concurrency=1)
    await sandbox.start()
    clock.step(240 * HOUR)

    results = await pay(anton, journal, rows(3))

    assert all(isinstance(result, Accepted) for result in results.values())


@pytest.mark.fault("F11")
async def test_nothing_that_may_have_left_is_sent_again_when_the_clock_went_back(
    anton: AntonClient, sandbox: Sandbox, journal: Path, clock: SteppedClock
) -> None:
    await leave_sent(anton, sandbox, journal)
    clock.now -= 2 * HOUR
    before = len(payout_requests(sandbox))

    result = only(await pay(anton, journal, rows(1)))

    assert isinstance(result, Unknown)
    assert "newer than this machine's clock" in result.reason
    assert len(payout_requests(sandbox)) == before


@pytest.mark.fault("F11")
async def test_who_knows_that_the_clock_was_wrong_may_have_it_sent_again_under_its_key(
    anton: AntonClient, sandbox: Sandbox, journal: Path, clock: SteppedClock
) -> None:
    await leave_sent(anton, sandbox, journal)
    clock.now -= 2 * HOUR

    async with PayoutJob(anton, journal=journal, trust_clock=True) as job:
        (result,) = [result async for result in job.run(rows(1))]

    assert isinstance(result, Accepted)
    assert payout_requests(sandbox)[-1].replayed
    assert dict(sandbox.executed) == {result.idempotency_key: 1}


async def test_a_refusal_for_another_reason_does_not_settle_what_may_have_been_paid(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    await leave_sent(anton, sandbox, journal)
    sandbox.on("createPayout").fail(403)

    result = only(await pay(anton, journal, rows(1)))

    assert isinstance(result, Unknown)
    assert "earlier run" in result.reason
    assert isinstance(only(await pay(anton, journal, rows(1))), Accepted)


async def test_an_unreachable_api_does_not_make_a_sent_row_unsent(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    await leave_sent(anton, sandbox, journal)
    await sandbox.stop()

    with pytest.raises(JobStoppedError):
        await pay(anton, journal, rows(1))

    assert look(journal, "SELECT state FROM row WHERE sent_at IS NOT NULL") == [("SENT",)]


def _changed(given: list[dict[str, object]]) -> list[dict[str, object]]:
    return [*given[:2], {**given[2], "dest_amount": "11.00"}, *given[3:]]


def _reordered(given: list[dict[str, object]]) -> list[dict[str, object]]:
    return [given[1], given[0], *given[2:]]


def _shortened(given: list[dict[str, object]]) -> list[dict[str, object]]:
    return given[:-1]


def _inserted(given: list[dict[str, object]]) -> list[dict[str, object]]:
    return [row(99), *given]


@pytest.mark.fault("F05")
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_changed, "Row row-3 on line 3 has changed"),
        (_reordered, "Line 1 was row row-1"),
        (_shortened, "knows line 4"),
        (_inserted, "Line 1 was row row-1"),
    ],
)
async def test_another_input_is_refused_before_anything_is_sent(
    anton: AntonClient, sandbox: Sandbox, journal: Path, spoil: Spoil, message: str
) -> None:
    await leave_sent(anton, sandbox, journal, count=4)
    before = len(sandbox.requests)

    with pytest.raises(JournalError, match=message):
        await pay(anton, journal, [*spoil(rows(4)), row(50)] if spoil is not _shortened else spoil(rows(4)))

    assert len(sandbox.requests) == before
    assert states(journal) == {"SENT": 4}


@pytest.mark.fault("F05")
async def test_a_journal_of_another_client_or_place_is_refused(
    anton: AntonClient, credentials: OAuthCredentials, journal: Path, clock: SteppedClock
) -> None:
    await pay(anton, journal, rows(1))

    async with Sandbox(seed=SEED, clock=clock) as other, AntonClient(other.credentials, base_url=other.base_url) as foe:
        with pytest.raises(JournalError, match="belongs to the client"):
            await pay(foe, journal, rows(1))
    async with AntonClient(credentials) as elsewhere:
        with pytest.raises(JournalError, match="made for loopback"):
            await pay(elsewhere, journal, rows(1))


async def test_the_port_of_a_local_server_may_change(
    anton: AntonClient, sandbox: Sandbox, journal: Path, clock: SteppedClock
) -> None:
    await pay(anton, journal, rows(1))

    async with (
        Sandbox(seed=SEED, client_id=sandbox.client_id, clock=clock) as moved,
        AntonClient(moved.credentials, base_url=moved.base_url, clock=clock) as client,
    ):
        results = await pay(client, journal, rows(2))

    assert len(results) == 2


@pytest.mark.fault("F06")
async def test_bytes_that_were_damaged_are_never_sent(anton: AntonClient, sandbox: Sandbox, journal: Path) -> None:
    await leave_sent(anton, sandbox, journal)
    alter(journal, "UPDATE row SET body = CAST(replace(body, '10.00', '90.00') AS BLOB)")
    before = len(payout_requests(sandbox))

    with pytest.raises(JournalError, match="damaged at line 1"):
        await pay(anton, journal, rows(1))

    assert len(payout_requests(sandbox)) == before


async def test_more_rows_may_follow_those_the_journal_knows(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    await pay(anton, journal, rows(10))

    async with PayoutJob(anton, journal=journal) as job:
        fresh = [result.row_id async for result in job.run(rows(12)) if not result.from_journal]

    assert sorted(fresh) == ["row-11", "row-12"]
    assert job.report().accepted == 12
    assert len(sandbox.executed) == 12
