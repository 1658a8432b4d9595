"""Jobs that end without warning, in a process of their own, and are resumed from what is on the disk."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from anton_async import AntonClient
from anton_async.bulk import Accepted, Rejected, Unknown
from anton_async.sandbox import Sandbox
from tests.support.payroll import SEED, look, pay, row, rows, states

ROWS = 40
STEPS = 150  # about as many as a job of ROWS rows has
WRONG: dict[str, object] = row(0, instrument_id="ins_OFF")


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(seed=SEED, rate_limit_per_minute=100_000) as running:  # on the clock that the child has
        yield running


@pytest.fixture
async def anton(sandbox: Sandbox) -> AsyncIterator[AntonClient]:
    async with AntonClient(sandbox.credentials, base_url=sandbox.base_url) as client:
        yield client


async def run_child(sandbox: Sandbox, journal: Path, *end: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "ANTON_BASE_URL": sandbox.base_url,
        "ANTON_CLIENT_ID": sandbox.client_id,
        "ANTON_CLIENT_SECRET": sandbox.client_secret,
        "ANTON_DPOP_KEY": sandbox.private_key_pem,
    }
    command = [sys.executable, "-W", "error", "-m", "tests.support.mortal_job", str(journal), str(ROWS), *end]
    return await asyncio.to_thread(
        subprocess.run, command, env=environment, check=False, capture_output=True, text=True, timeout=60
    )


def paid_in_journal(journal: Path) -> set[object]:
    return {key for (key,) in look(journal, "SELECT key FROM row WHERE state = 'ACCEPTED'")}


@pytest.mark.fault("F01", "F02", "F03")
@pytest.mark.parametrize("seed", range(int(os.environ.get("ANTON_SOAK", "20"))))
async def test_a_killed_job_is_resumed_and_the_ledger_agrees_row_by_row(
    sandbox: Sandbox, anton: AntonClient, journal: Path, seed: int
) -> None:
    chance = random.Random(f"kill {seed}")  # noqa: S311 - no secret
    trouble = sandbox.on("createPayout")
    for _ in range(3):
        trouble.let_through(times=chance.randint(1, 12))
        if chance.random() < 0.5:
            trouble.drop_response(times=chance.randint(1, 3))
        else:
            trouble.fail(503, times=chance.randint(1, 3))
    step = chance.randint(1, STEPS)

    child = await run_child(sandbox, journal, "kill", str(step))
    assert child.returncode == -signal.SIGKILL, (step, child.stderr)
    booked = set(sandbox.executed)
    intended = {key for (key,) in look(journal, "SELECT key FROM row WHERE state IN ('SENT', 'ACCEPTED')")}
    assert booked <= intended, f"step {step}: something was sent that the journal does not know"
    assert paid_in_journal(journal) <= booked

    results = await pay(anton, journal, [*rows(ROWS), WRONG])

    assert len(results) == ROWS + 1
    for result in results.values():
        expected = 1 if isinstance(result, Accepted) else 0
        told = f"step {step}: {result.row_id} is {type(result).__name__}"
        # A refusal whose first answer was lost may be reported as unknown; it is never reported as paid.
        wanted = Accepted if result.row_id != WRONG["row_id"] else Rejected | Unknown
        assert isinstance(result, wanted), told
        assert sandbox.executed.get(result.idempotency_key or "", 0) == expected, told
    assert sum(sandbox.executed.values()) == ROWS
    assert states(journal)["ACCEPTED"] == ROWS


@pytest.mark.fault("F07", "F08")
@pytest.mark.parametrize("size", [100_000, 400_000])
async def test_a_full_disk_stops_the_job_and_a_roomy_one_resumes_it(
    sandbox: Sandbox, anton: AntonClient, journal: Path, size: int
) -> None:
    child = await run_child(sandbox, journal, "fill", str(size))
    assert child.returncode == 75, child.stderr
    assert "could not be written" in child.stderr
    known = {key for (key,) in look(journal, "SELECT key FROM row WHERE state IN ('SENT', 'ACCEPTED')")}
    assert set(sandbox.executed) <= known

    results = await pay(anton, journal, rows(ROWS))

    assert len(results) == ROWS
    assert dict(sandbox.executed) == {result.idempotency_key: 1 for result in results.values()}
