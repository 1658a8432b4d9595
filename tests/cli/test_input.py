"""What `anton payouts run` reads: other formats, other columns, and a look at the whole file beforehand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anton_async.sandbox import Sandbox
from tests.cli.conftest import Invoke
from tests.support.payroll import row, rows

WriteRows = Callable[[list[dict[str, Any]]], Path]


def test_json_lines_are_paid(sandbox: Sandbox, invoke: Invoke, tmp_path: Path, journal: Path) -> None:
    file = tmp_path / "payroll.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in rows(3)))

    result = invoke("payouts", "run", file, "--journal", journal)

    assert (result.exit_code, result.stdout) == (0, "rows 3 | accepted 3 | rejected 0 | unknown 0\n")
    assert len(sandbox.executed) == 3


def test_columns_are_mapped_and_constants_set(sandbox: Sandbox, invoke: Invoke, tmp_path: Path, journal: Path) -> None:
    file = tmp_path / "payroll.csv"
    file.write_text("payee,name,amount,dest_amount,reference\nben_A,Jane,10.00,10.00,S-1\n")
    mapped = ["--map", "payee=beneficiary_id", "--map", "amount=source_amount", "--map", "name="]
    constants = ["instrument_id=ins_USD", "dest_currency=USD", "method=ach", "purpose=salary"]

    result = invoke(
        *["payouts", "run", file, "--journal", journal, *mapped],
        *[word for constant in constants for word in ("--set", constant)],
    )

    assert (result.exit_code, result.stdout) == (0, "rows 1 | accepted 1 | rejected 0 | unknown 0\n")
    assert len(sandbox.executed) == 1


def test_a_check_tells_every_bad_row_and_sends_nothing(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path
) -> None:
    file = write_rows([row(1), row(2, method="?"), row(3, dest_amount="1,250.00"), row(1)])

    result = invoke("payouts", "run", file, "--journal", journal, "--check")

    first, second, third, last = result.stdout.splitlines()
    assert result.exit_code == 2
    assert first.startswith("line 3, row row-2, column method: must be one of ")
    assert first.endswith(" (given: text of 1 character)")
    assert second.startswith("line 4, row row-3, column dest_amount: ")
    assert second.endswith('not "1,250.00"')
    assert third == "line 5, row row-1, column row_id: repeats the row_id of line 2: give it one of its own"
    assert last == "rows 4 | good 1 | bad 3"
    assert sandbox.requests == []
    assert not journal.exists()


def test_a_check_of_a_good_file_needs_neither_credentials_nor_journal(
    invoke: Invoke, write_rows: WriteRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTON_CLIENT_ID", raising=False)

    result = invoke("payouts", "run", write_rows(rows(2)), "--check")

    assert (result.exit_code, result.stdout) == (0, "rows 2 | good 2 | bad 0\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--map", "amount"], "--map wants COLUMN=FIELD"),
        (["--set", "=salary"], "--set wants FIELD=VALUE"),
        (["--set", "purpose=a", "--set", "purpose=b"], "'purpose' twice"),
        (["--set", "amount=1"], "'amount' is no field"),
        (["--set", "purpose=salary"], "purpose is given already"),
        (["--map", "amount=source_amount"], "no column 'amount'"),
    ],
)
def test_a_mapping_that_does_not_fit_gives_exit_code_2(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path, *, arguments: list[str], told: str
) -> None:
    result = invoke("payouts", "run", write_rows(rows(1)), "--journal", journal, *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert sandbox.requests == []
    assert not journal.exists()
