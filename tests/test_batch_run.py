"""A file taken all the way as a batch: one upload, one confirmation, whatever happens in between."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from anton_async import AntonClient, AntonError, UnprocessableEntityError
from anton_async.batch_run import BatchStateError
from anton_async.models import Batch, BatchFindings
from anton_async.sandbox import Sandbox
from tests.support.clock import SteppedClock

TABLE = """\
external_ref,first_name,last_name,email,phone,date_of_birth,nationality,street_line_1,city,postal_code,country,\
dest_amount,dest_currency,method,reference,purpose,iban
c-9,Ana,Silva,ana@example.com,+351210000000,1990-01-02,PT,Rua 1,Lisboa,1000-001,PT,\
20.00,EUR,sepa,INV-9,salary,PT50000201231234567890154"""


@pytest.fixture
async def sandbox(clock: SteppedClock) -> AsyncIterator[Sandbox]:
    async with Sandbox(clock=clock, settle=1) as running:
        yield running


@pytest.fixture
async def anton(sandbox: Sandbox, clock: SteppedClock) -> AsyncIterator[AntonClient]:
    async with AntonClient(sandbox.credentials, base_url=sandbox.base_url, clock=clock) as client:
        yield client


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "payroll.csv"
    path.write_text(TABLE)
    return path


def yes(batch: Batch, findings: BatchFindings) -> bool:
    return batch.valid_rows == 1 and not findings.errors


async def no(batch: Batch, findings: BatchFindings) -> bool:
    return False


def carried_out(sandbox: Sandbox, operation: str) -> int:
    return sum(
        request.operation_id == operation and request.status < 300 and not request.replayed
        for request in sandbox.requests
    )


def change(file: Path) -> None:
    file.write_text(TABLE.replace("20.00", "30.00"))


async def payouts(anton: AntonClient) -> int:
    return len([payout async for payout in anton.payouts.list()])


async def test_a_file_is_paid_and_running_it_again_pays_nothing(
    anton: AntonClient, sandbox: Sandbox, file: Path
) -> None:
    first = await anton.batches.run(file, confirm=yes)
    again = await anton.batches.run(file, confirm=yes)

    assert (first.status, again.id) == ("completed", first.id)
    assert (carried_out(sandbox, "uploadBatch"), carried_out(sandbox, "confirmBatch")) == (1, 1)
    assert await payouts(anton) == 1


async def test_nothing_is_paid_until_it_is_confirmed(anton: AntonClient, sandbox: Sandbox, file: Path) -> None:
    asked = await anton.batches.run(file, confirm=no)
    assert (asked.status, await payouts(anton)) == ("validated", 0)

    paid = await anton.batches.run(file, confirm=yes)

    assert (paid.id, paid.status) == (asked.id, "completed")
    assert carried_out(sandbox, "uploadBatch") == 1


@pytest.mark.parametrize("operation", ["uploadBatch", "confirmBatch", "getBatch", "listBatchErrors"])
async def test_whatever_is_lost_the_next_run_goes_on(
    anton: AntonClient, sandbox: Sandbox, file: Path, operation: str
) -> None:
    sandbox.on(operation).drop_response(times=5)
    with pytest.raises(AntonError):
        await anton.batches.run(file, confirm=yes)

    done = await anton.batches.run(file, confirm=yes)

    assert done.status == "completed"
    assert (carried_out(sandbox, "uploadBatch"), carried_out(sandbox, "confirmBatch")) == (1, 1)
    assert await payouts(anton) == 1


async def test_a_lost_state_file_does_not_pay_twice(
    anton: AntonClient, sandbox: Sandbox, clock: SteppedClock, file: Path
) -> None:
    await anton.batches.run(file, confirm=yes)
    file.with_name("payroll.csv.batch.json").unlink()
    clock.step(25 * 3600)

    with pytest.raises(BatchStateError, match="same name and size"):
        await anton.batches.run(file, confirm=yes)

    assert await payouts(anton) == 1


async def test_a_file_that_is_an_unfinished_batch_already_is_refused(anton: AntonClient, file: Path) -> None:
    await anton.batches.upload(file=file, file_name="other.csv", idempotency_key="by-hand")

    with pytest.raises(BatchStateError, match="unfinished batch already"):
        await anton.batches.run(file, confirm=yes)

    assert await payouts(anton) == 0


async def test_another_file_of_the_same_name_and_size_is_never_taken_for_this_one(
    anton: AntonClient, sandbox: Sandbox, file: Path
) -> None:
    old = await anton.batches.upload(file=file)
    change(file)

    with pytest.raises(BatchStateError, match=rf"{old.id} .* same name and size"):
        await anton.batches.run(file, confirm=yes)
    done = await anton.batches.run(file, confirm=yes, again=True)

    assert done.id != old.id
    assert [payout.dest_amount async for payout in anton.payouts.list()] == [30]
    assert carried_out(sandbox, "uploadBatch") == 2


async def test_a_refused_confirmation_can_be_tried_again(anton: AntonClient, sandbox: Sandbox, file: Path) -> None:
    sandbox.on("confirmBatch").fail(422, code="insufficient_balance")
    with pytest.raises(UnprocessableEntityError):
        await anton.batches.run(file, confirm=yes)

    done = await anton.batches.run(file, confirm=yes)

    keys = [seen.idempotency_key for seen in sandbox.requests if seen.operation_id == "confirmBatch"]
    assert (done.status, len({*keys}), await payouts(anton)) == ("completed", 2, 1)


async def test_an_upload_that_was_not_stored_is_made_under_another_key(
    anton: AntonClient, sandbox: Sandbox, file: Path
) -> None:
    sandbox.on("uploadBatch").fail(422, code="batch_upload_failed")

    done = await anton.batches.run(file, confirm=yes)

    keys = [seen.idempotency_key for seen in sandbox.requests if seen.operation_id == "uploadBatch"]
    assert (done.status, len({*keys}), len(keys)) == ("completed", 2, 2)


async def test_a_batch_that_was_not_confirmed_in_time_is_uploaded_again_on_request_only(
    anton: AntonClient, sandbox: Sandbox, file: Path
) -> None:
    asked = await anton.batches.run(file, confirm=no)
    sandbox.clock.advance(8 * 24 * 3600)
    with pytest.raises(BatchStateError, match="not confirmed in time"):
        await anton.batches.run(file, confirm=yes)

    done = await anton.batches.run(file, confirm=yes, again=True)

    assert (done.id != asked.id, done.status, await payouts(anton)) == (True, "completed", 1)


async def test_a_changed_file_is_refused(anton: AntonClient, sandbox: Sandbox, file: Path) -> None:
    await anton.batches.run(file, confirm=no)
    change(file)

    with pytest.raises(BatchStateError, match="has changed"):
        await anton.batches.run(file, confirm=yes)

    assert await payouts(anton) == 0


async def test_a_cancelled_batch_is_uploaded_again_on_request_only(anton: AntonClient, file: Path) -> None:
    asked = await anton.batches.run(file, confirm=no)
    await anton.batches.cancel(asked.id)
    assert (await anton.batches.run(file, confirm=yes)).status == "cancelled"

    done = await anton.batches.run(file, confirm=yes, again=True)

    assert (done.id != asked.id, done.status, await payouts(anton)) == (True, "completed", 1)


async def test_a_state_that_is_damaged_or_anothers_is_refused(anton: AntonClient, file: Path) -> None:
    asked = await anton.batches.run(file, confirm=no)
    memory = file.with_name("payroll.csv.batch.json")
    assert (memory.stat().st_mode & 0o777, asked.id in memory.read_text()) == (0o600, True)

    memory.write_text(json.dumps({**json.loads(memory.read_text()), "client_id": "another"}))
    with pytest.raises(BatchStateError, match="belongs to the client another"):
        await anton.batches.run(file, confirm=yes)
    memory.write_text("")
    with pytest.raises(BatchStateError, match="cannot be read"):
        await anton.batches.run(file, confirm=yes)
