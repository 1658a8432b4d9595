"""`anton batches run`: what is shown, what is asked, and what a second run does."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from anton_async.cli.commands import anton
from anton_async.sandbox import Sandbox
from tests.cli.conftest import Invoke
from tests.test_batch_run import TABLE


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "payroll.csv"
    path.write_text(f"{TABLE}\n{TABLE.splitlines()[1].replace('DE89', 'XX').replace('sepa', 'pigeon')}\n")
    return path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anton_async.waiting._FIRST_PAUSE", 0.05)


@pytest.mark.usefixtures("quick")
def test_the_summary_is_shown_and_nothing_is_paid_before_the_answer(
    sandbox: Sandbox, invoke: Invoke, file: Path, tmp_path: Path
) -> None:
    refused = CliRunner().invoke(anton, ["batches", "run", str(file)], input="n\n")
    assert (refused.exit_code, refused.stdout) == (75, "")
    for part in ("2 rows: 1 valid, 1 invalid", "row 3", "New beneficiaries: 1", "enough", "Confirm and pay? [y/N]"):
        assert part in refused.stderr
    assert "confirmBatch" not in {request.operation_id for request in sandbox.requests}

    paid = invoke("batches", "run", file, "--yes", "--results", tmp_path / "results.csv")
    again = invoke("batches", "run", file, "--yes", "--strict")

    assert (paid.exit_code, paid.stdout) == (0, "rows 2 | accepted 1 | rejected 1 | unknown 0\n")
    assert (again.exit_code, again.stdout) == (1, paid.stdout)
    with (tmp_path / "results.csv").open(newline="") as text:
        assert [bool(line["payout_id"]) for line in csv.DictReader(text)].count(True) == 1
    asked = [request.operation_id for request in sandbox.requests]
    assert (asked.count("uploadBatch"), asked.count("confirmBatch")) == (1, 1)


@pytest.mark.usefixtures("sandbox", "quick")
def test_a_file_that_fails_validation_is_told(invoke: Invoke, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text(f"{TABLE.splitlines()[0]}\n")

    result = invoke("batches", "run", bad, "--yes")

    assert result.exit_code == 2
    assert "accepted 0" in result.stdout


@pytest.mark.usefixtures("sandbox", "quick")
def test_a_prompt_that_nobody_can_answer_confirms_nothing(invoke: Invoke, file: Path) -> None:
    result = invoke("batches", "run", file)

    assert (result.exit_code, result.stdout) == (75, "")
    assert "confirm with --yes" in result.stderr
    assert "waits to be confirmed" in result.stderr
    assert "Aborted" not in result.stderr
    assert invoke("batches", "run", file, "--yes").exit_code == 0


@pytest.mark.usefixtures("sandbox", "quick")
def test_a_batch_that_failed_is_told_with_the_reason(invoke: Invoke, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("name,amount\nJane,10\n")

    result = invoke("batches", "run", bad, "--yes")

    assert result.exit_code == 2
    status, reason = result.stderr.splitlines()[-2:]
    assert status.endswith(" is failed.")
    assert reason.startswith("row 1: ")
