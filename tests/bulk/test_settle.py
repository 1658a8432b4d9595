"""Rows whose outcome is unknown: asked for again while their keys are remembered, looked up afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from anton_async import AntonClient, AuthenticationError
from anton_async.bulk import Accepted, JournalError, PayoutJob, Result, Unknown
from anton_async.sandbox import Sandbox
from tests.support.clock import SteppedClock
from tests.support.payroll import alter, look, pay, payout_requests, row, rows, states

HOUR = 3600.0
ATTEMPTS = 9  # that a row gets in one run


async def settle(anton: AntonClient, journal: Path) -> dict[str, Result]:
    async with PayoutJob(anton, journal=journal) as job:
        return {result.row_id: result async for result in job.settle()}


async def leave_unknown(
    anton: AntonClient, sandbox: Sandbox, journal: Path, given: list[dict[str, object]], *, executed: bool
) -> None:
    """Run a job of which every row ends unknown."""
    script = sandbox.on("createPayout")
    times = ATTEMPTS * len(given)
    _ = script.drop_response(times=times) if executed else script.fail(503, times=times)
    results = await pay(anton, journal, given, concurrency=1)
    assert all(isinstance(result, Unknown) for result in results.values())


async def test_young_rows_are_asked_for_again_under_their_own_keys(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    await leave_unknown(anton, sandbox, journal, rows(2), executed=True)

    results = await settle(anton, journal)

    assert [type(result) for result in results.values()] == [Accepted, Accepted]
    assert dict(sandbox.executed) == {result.idempotency_key: 1 for result in results.values()}
    assert all(request.replayed for request in payout_requests(sandbox)[-2:])


async def test_rows_that_never_left_are_not_sent(anton: AntonClient, sandbox: Sandbox, journal: Path) -> None:
    await leave_unknown(anton, sandbox, journal, rows(1), executed=True)
    sandbox.on("createPayout").fail(401)
    with pytest.raises(AuthenticationError):
        await pay(anton, journal, rows(4), concurrency=1)
    known = states(journal)

    results = await settle(anton, journal)

    assert known["PLANNED"] >= 1
    assert results.keys() == {"row-1"}
    assert states(journal) == {"ACCEPTED": 1, "PLANNED": known["PLANNED"]}


@pytest.mark.fault("F10")
async def test_old_rows_are_looked_up_and_never_sent_again(
    anton: AntonClient, sandbox: Sandbox, journal: Path, clock: SteppedClock
) -> None:
    await leave_unknown(anton, sandbox, journal, rows(3), executed=True)
    clock.step(30 * HOUR)
    before = len(payout_requests(sandbox))

    results = await settle(anton, journal)

    assert len(payout_requests(sandbox)) == before
    assert all(isinstance(result, Accepted) for result in results.values())
    booked = look(journal, "SELECT key, payout_id, source_amount, reason FROM row WHERE state = 'ACCEPTED'")
    assert {key for key, *_ in booked} == set(sandbox.executed)
    assert len({payout for _, payout, *_ in booked}) == 3
    assert {(amount, reason) for _, _, amount, reason in booked} == {("10.00", None)}


@pytest.mark.fault("F10")
async def test_old_rows_that_are_not_found_are_left_to_a_person(
    anton: AntonClient, sandbox: Sandbox, journal: Path, clock: SteppedClock
) -> None:
    await leave_unknown(anton, sandbox, journal, rows(1), executed=False)
    clock.step(30 * HOUR)
    before = len(payout_requests(sandbox))

    for attempt in range(2):
        (result,) = (await settle(anton, journal)).values()

        assert isinstance(result, Unknown), attempt
        assert "no payout, or more than one" in result.reason
    assert len(payout_requests(sandbox)) == before
    assert sandbox.executed == {}


@pytest.mark.fault("F10", "F12")
@pytest.mark.parametrize("metadata", [None, {"note": "second"}])
async def test_the_payout_of_a_row_alike_is_never_taken_for_that_of_another(
    anton: AntonClient, sandbox: Sandbox, journal: Path, clock: SteppedClock, metadata: dict[str, str] | None
) -> None:
    alike = [row(1, reference="same"), row(2, reference="same", metadata=metadata)]
    sandbox.on("createPayout").fail(503, times=ATTEMPTS)
    results = await pay(anton, journal, alike, concurrency=1)
    assert [type(results[name]) for name in ("row-1", "row-2")] == [Unknown, Accepted]
    clock.step(30 * HOUR)

    (result,) = (await settle(anton, journal)).values()

    assert isinstance(result, Unknown)
    assert "another row of the job has the same reference" in result.reason
    assert dict(sandbox.executed) == {results["row-2"].idempotency_key: 1}


@pytest.mark.fault("F10")
@pytest.mark.parametrize("concurrency", [1, 16])
async def test_a_payout_of_a_row_that_is_new_is_not_taken_for_that_of_an_old_row(
    anton: AntonClient, sandbox: Sandbox, journal: Path, clock: SteppedClock, concurrency: int
) -> None:
    old = [row(number, reference="same" if number == 20 else f"S-{number}") for number in range(1, 21)]
    await leave_unknown(anton, sandbox, journal, old, executed=False)
    clock.step(30 * HOUR)

    results = await pay(anton, journal, [*old, row(21, reference="same")], concurrency=concurrency)

    assert isinstance(results["row-20"], Unknown)
    assert isinstance(results["row-21"], Accepted)
    assert dict(sandbox.executed) == {results["row-21"].idempotency_key: 1}


async def test_an_api_that_tells_nothing_leaves_them_unknown(
    anton: AntonClient, sandbox: Sandbox, journal: Path, clock: SteppedClock
) -> None:
    await leave_unknown(anton, sandbox, journal, rows(2), executed=True)
    clock.step(30 * HOUR)
    sandbox.on("listPayouts").fail(503, times=99)

    await settle(anton, journal)

    assert states(journal) == {"UNKNOWN": 2}


@pytest.mark.fault("F06")
@pytest.mark.parametrize("column", ["key", "body"])
async def test_damage_in_any_row_is_found_before_another_is_sent(
    anton: AntonClient, sandbox: Sandbox, journal: Path, column: str
) -> None:
    await leave_unknown(anton, sandbox, journal, rows(6), executed=False)
    changed = {"key": "'another'", "body": "CAST(replace(body, '10.00', '90.00') AS BLOB)"}[column]
    alter(journal, f"UPDATE row SET {column} = {changed} WHERE position = 4")  # noqa: S608 - our own words
    before = len(sandbox.requests)

    for again in (settle(anton, journal), pay(anton, journal, rows(6))):
        with pytest.raises(JournalError, match="damaged at line 4"):
            await again

    assert len(sandbox.requests) == before
