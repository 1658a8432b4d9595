"""No output may take the place of the journal, the input or another output: they are compared before anything opens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anton_async.sandbox import Sandbox
from tests.cli.conftest import Invoke
from tests.support.payroll import rows

WriteRows = Callable[[list[dict[str, Any]]], Path]


@pytest.mark.parametrize(
    "options",
    [
        ["--accepted", "payroll.db"],
        ["--rejected", "payroll.db-wal"],
        ["--accepted", "payroll.db-shm"],
        ["--rejected", "payroll.db.lock"],
        ["--accepted", "payroll.csv"],
        ["--report", "payroll.csv"],
        ["--accepted", "linked.db"],
        ["--rejected", "folder/../payroll.db"],
        ["--accepted", "rows.csv", "--rejected", "rows.csv"],
        ["--report", "rows.csv", "--accepted", "./rows.csv"],
        ["--report", "rows.new.csv", "--journal", "rows.new.csv"],
        ["--accepted", "rows.csv", "--rejected", "rows.csv.new"],
    ],
)
def test_files_that_are_the_same_are_refused_and_left_alone(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path, *, tmp_path: Path, options: list[str]
) -> None:
    file = write_rows(rows(2))
    assert invoke("payouts", "run", file, "--journal", journal).exit_code == 0
    (tmp_path / "linked.db").hardlink_to(journal)
    (tmp_path / "folder").mkdir()
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    requests = len(sandbox.requests)
    placed = [option if option.startswith("--") else str(tmp_path / option) for option in options]

    result = invoke("payouts", "run", file, "--journal", journal, *placed)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "are the same file" in result.stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
    assert len(sandbox.requests) == requests


def test_the_input_is_no_journal(sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows) -> None:
    file = write_rows(rows(2))
    before = file.read_bytes()

    result = invoke("payouts", "run", file, "--journal", file)

    assert result.exit_code == 2
    assert "the journal and the input are the same file" in result.stderr
    assert (file.read_bytes(), sandbox.requests) == (before, [])


@pytest.mark.parametrize("results", ["payroll.csv", "payroll.csv.batch.json"])
def test_results_of_a_batch_replace_neither_the_file_nor_its_state(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, tmp_path: Path, results: str
) -> None:
    file = write_rows(rows(2))

    result = invoke("batches", "run", file, "--yes", "--results", tmp_path / results)

    assert result.exit_code == 2
    assert "are the same file" in result.stderr
    assert sandbox.requests == []
