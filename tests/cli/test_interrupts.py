"""Signals to a real process: what it says at the end is what the journal says afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anton_async.sandbox import Sandbox
from tests.cli.conftest import Invoke
from tests.support.payroll import rows, states

WriteRows = Callable[[list[dict[str, Any]]], Path]

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def start(file: Path, journal: Path, *arguments: str) -> subprocess.Popen[str]:
    anton = [sys.executable, "-W", "error", "-c", "from anton_async.cli import main; main()"]
    return subprocess.Popen(
        [*anton, "payouts", "run", str(file), "--journal", str(journal), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )


def wait_for(running: subprocess.Popen[str], journal: Path, **wanted: int) -> None:
    """Wait until the journal has as many rows in these states as wanted."""
    while not journal.exists() or any(states(journal)[state] < count for state, count in wanted.items()):
        assert running.poll() is None, running.communicate()


@pytest.mark.fault("F16")
@pytest.mark.parametrize("number", SIGNALS)
def test_payouts_under_way_are_answered_before_the_closing_line(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path, number: signal.Signals
) -> None:
    sandbox.on("createPayout").delay(0, times=10).delay(1, times=100)
    running = start(write_rows(rows(100)), journal, "--concurrency", "4", "--grace", "30")
    wait_for(running, journal, ACCEPTED=10, SENT=4)

    running.send_signal(number)
    stdout, stderr = running.communicate(timeout=30)

    assert running.returncode == 75, stderr
    assert stdout == invoke("payouts", "status", journal).stdout.splitlines(keepends=True)[-1]
    accepted = states(journal)["ACCEPTED"]
    # The signal may come just before the last row that was noted as SENT leaves: that one is taken back.
    assert 12 <= accepted == len(sandbox.executed) < 100
    assert states(journal)["SENT"] == 0
    assert f"Payouts made: {accepted}0.00 USD" in stderr
    assert "Nothing was sent" not in stderr


@pytest.mark.fault("F16")
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(("accepted", "grace"), [(1, "0"), (40, "0"), (90, "5")])
def test_closing_line_report_and_sums_are_those_of_the_journal(
    sandbox: Sandbox,
    invoke: Invoke,
    write_rows: WriteRows,
    journal: Path,
    tmp_path: Path,
    *,
    number: signal.Signals,
    accepted: int,
    grace: str,
) -> None:
    file = write_rows(rows(300))
    running = start(file, journal, "--report", str(tmp_path / "report.json"), "--grace", grace)
    wait_for(running, journal, ACCEPTED=accepted)

    running.send_signal(number)
    stdout, stderr = running.communicate(timeout=30)

    status = invoke("payouts", "status", journal).stdout.splitlines()
    report = json.loads((tmp_path / "report.json").read_text())
    paid = f"{10 * report['accepted']}.00"
    assert running.returncode in {0, 75}, stderr
    assert stdout == f"{status[-1]}\n"
    assert f"payouts made: {paid} USD" in status
    assert f"Payouts made: {float(paid):,.2f} USD" in stderr
    assert (report["accepted"], report["paid"]) == (states(journal)["ACCEPTED"], {"USD": paid})
    assert "Traceback" not in stderr
    assert invoke("payouts", "run", file, "--journal", journal).stdout.startswith("rows 300 | accepted 300 |")
    assert set(sandbox.executed.values()) == {1}


@pytest.mark.fault("F16")
@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_ends_the_wait(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path, number: signal.Signals
) -> None:
    sandbox.on("createPayout").delay(0, times=5).delay(3600, times=50)
    running = start(write_rows(rows(50)), journal, "--concurrency", "4", "--grace", "3600")
    wait_for(running, journal, ACCEPTED=5, SENT=4)
    assert running.stderr is not None

    running.send_signal(number)
    assert running.stderr.readline().startswith("Interrupted: payouts under way have 3600 s")
    running.send_signal(number)
    stdout, stderr = running.communicate(timeout=30)

    assert running.returncode == 75, stderr
    assert stdout == invoke("payouts", "status", journal).stdout.splitlines(keepends=True)[-1]
    # A row that was noted and had not left when the signal came is taken back.
    assert states(journal)["ACCEPTED"] == 5
    assert 1 <= states(journal)["SENT"] <= 4


@pytest.mark.fault("F16")
def test_rows_that_left_without_any_answer_are_not_called_unsent(
    sandbox: Sandbox, write_rows: WriteRows, journal: Path
) -> None:
    sandbox.on("createPayout").delay(3600, times=50)
    running = start(write_rows(rows(1)), journal, "--grace", "0")
    wait_for(running, journal, SENT=1)

    running.send_signal(signal.SIGINT)
    _, stderr = running.communicate(timeout=30)

    assert "1 row had begun to leave, none was answered." in stderr
    assert "Nothing was sent" not in stderr
    assert stderr.count("again") == 1
