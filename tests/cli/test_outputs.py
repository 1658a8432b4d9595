"""What a payout run shows and leaves behind besides its closing line: row lists, JSON, groups, how payouts ended."""

from __future__ import annotations

import csv
import json
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from anton_async.bulk import Accepted, Report
from anton_async.cli.display import Display, Gauges
from anton_async.sandbox import Sandbox
from tests.cli.conftest import Invoke
from tests.support.payroll import FIELDS, row, rows, states

WriteRows = Callable[[list[dict[str, Any]]], Path]

WRONG = [row(4, method="?"), row(5, instrument_id="ins_OFF"), row(1)]


def table(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def test_rejected_rows_are_written_as_they_stand_and_can_be_mended_and_run(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path, tmp_path: Path
) -> None:
    file, rejected, accepted = write_rows([*rows(3), *WRONG]), tmp_path / "rejected.csv", tmp_path / "accepted.csv"

    invoke("payouts", "run", file, "--journal", journal, "--rejected", rejected, "--accepted", accepted)

    assert [list(line.values()) for line in table(rejected)] == [
        [str(line[name]) for name in ("row_id", *FIELDS)] for line in WRONG[:2]
    ]
    assert [(line["line"], line["row_id"], line["status"]) for line in table(accepted)] == [
        (str(number + 1), f"row-{number}", "pending_screening") for number in range(1, 4)
    ]
    assert {line["idempotency_key"] for line in table(accepted)} == set(sandbox.executed)
    assert stat.S_IMODE(rejected.stat().st_mode) == stat.S_IMODE(accepted.stat().st_mode) == 0o600
    rejected.write_text(rejected.read_text().replace("?", "ach").replace("ins_OFF", "ins_USD"))
    mended = invoke("payouts", "run", rejected, "--journal", tmp_path / "mended.db")
    assert mended.stdout == "rows 2 | accepted 2 | rejected 0 | unknown 0\n"


def test_a_row_that_repeats_a_paid_one_is_not_given_out_to_be_run_again(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path, tmp_path: Path
) -> None:
    rejected = tmp_path / "rejected.csv"
    run = ("payouts", "run", "--journal", journal, "--rejected", rejected)

    first = invoke(*run, write_rows([*rows(3), row(2, reference="another")]))
    told = invoke(*run, write_rows([*rows(3), row(2, reference="another"), row(3, reference="still another")]))
    again = invoke("payouts", "run", rejected, "--journal", tmp_path / "mended.db")

    assert "1 repeated row left out: " in first.stderr
    assert "2 repeated rows left out: " in told.stderr
    assert table(rejected) == []
    assert again.stdout == "rows 0 | accepted 0 | rejected 0 | unknown 0\n"
    assert len(sandbox.executed) == 3


@pytest.mark.usefixtures("sandbox")
def test_rejected_json_lines_stay_json_lines(invoke: Invoke, journal: Path, tmp_path: Path) -> None:
    file, rejected = tmp_path / "rows.jsonl", tmp_path / "rejected.jsonl"
    lines = [json.dumps(row(1)), "{", json.dumps(row(2, method="?"))]
    file.write_text("\n".join(lines))

    invoke("payouts", "run", file, "--journal", journal, "--rejected", rejected)

    assert rejected.read_text().splitlines() == lines[1:]


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("option", ["--rejected", "--accepted"])
def test_a_place_that_cannot_be_written_to_is_told_before_anything_is_sent(
    invoke: Invoke, write_rows: WriteRows, journal: Path, tmp_path: Path, option: str
) -> None:
    result = invoke("payouts", "run", write_rows(rows(1)), "--journal", journal, option, tmp_path / "none" / "x.csv")

    assert (result.exit_code, journal.exists()) == (2, False)
    assert "not writable" in result.stderr


@pytest.mark.usefixtures("sandbox")
def test_json_goes_to_standard_error_and_the_closing_line_to_standard_output(
    invoke: Invoke, write_rows: WriteRows, journal: Path
) -> None:
    result = invoke("payouts", "run", write_rows([*rows(3), *WRONG]), "--journal", journal, "--json")

    assert result.stdout == "rows 6 | accepted 3 | rejected 3 | unknown 0\n"
    events = [json.loads(line) for line in result.stderr.splitlines()]
    assert sorted(event["event"] for event in events) == ["end", "rejected", "rejected", "rejected"]
    end = events[-1]
    assert (end["accepted"], end["paid"], end["stopped"]) == (3, {"USD": "30.00"}, None)
    assert {(group["result"], group["reason"], group["rows"]) for group in end["groups"]} == {
        ("accepted", None, 3),
        ("rejected", "payout_rejected", 1),
        ("rejected", "repeated_row_id", 1),
        ("rejected", "validation_error", 1),
    }


@pytest.mark.usefixtures("sandbox")
def test_the_final_report_is_by_status_currency_method_and_reason(
    invoke: Invoke, write_rows: WriteRows, journal: Path
) -> None:
    ran = invoke("payouts", "run", write_rows([*rows(3), *WRONG]), "--journal", journal)
    status = invoke("payouts", "status", journal)
    as_json = json.loads(invoke("payouts", "status", journal, "--json").stdout)

    for told in (ran.stderr, status.stdout):
        assert "accepted pending_screening ach USD: 3 rows, 30.00" in told
        assert "rejected payout_rejected ach USD: 1 row, 10.00" in told
        assert "rejected validation_error: 1 row" in told
    assert (as_json["rows"], as_json["origin"], len(as_json["groups"])) == (6, "loopback", 4)


def test_status_is_told_while_a_job_runs(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path
) -> None:
    sandbox.on("createPayout").delay(0, times=5).delay(30, times=20)
    arguments = ["payouts", "run", str(write_rows(rows(12))), "--journal", str(journal), "--concurrency", "2"]
    command = [sys.executable, "-W", "error", "-c", "from anton_async.cli import main; main()"]
    running = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        while not journal.exists() or states(journal)["ACCEPTED"] < 5:
            assert running.poll() is None
            time.sleep(0.05)
        told = invoke("payouts", "status", journal)
    finally:
        running.kill()
        running.communicate()

    assert told.exit_code == 0
    assert "accepted pending_screening ach USD: 5 rows, 50.00" in told.stdout
    assert "run the job again to settle them" in told.stdout


def test_payouts_are_followed_until_all_have_ended(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anton_async.bulk.follow._FIRST_PAUSE", 0.05)
    monkeypatch.setattr("anton_async.cli.payroll.PayoutJob.follow", advancing(sandbox))

    result = invoke("payouts", "run", write_rows(rows(4)), "--journal", journal, "--follow")

    assert result.exit_code == 0
    assert "Of 4 payouts, ended: 4 completed." in result.stderr
    assert result.stdout == "rows 4 | accepted 4 | rejected 0 | unknown 0\n"


def advancing(sandbox: Sandbox) -> Callable[..., Any]:
    """Let the payouts end once somebody begins to follow them."""
    from anton_async.bulk import PayoutJob  # noqa: PLC0415 - before it is replaced

    follow = PayoutJob.follow

    def followed(job: PayoutJob) -> Any:
        sandbox.clock.advance(10)
        return follow(job)

    return followed


def test_the_bar_shows_rate_quota_counts_time_left_and_money() -> None:
    paid = {"EUR": Decimal("1200.50"), "USD": Decimal(30)}
    report = Report(
        rows=1, accepted=1, rejected=0, unknown=0, pending=0, paid=paid, debited={}, rejections={}, groups=[]
    )
    gauges = Gauges(report=lambda: report, quota=lambda: (810, 1000))
    wide, narrow = seen_on(200, report, gauges), seen_on(80, report, gauges)

    bar = next(line for line in reversed(narrow.split("\r")) if "1/2" in line).splitlines()[0]
    assert bar.removeprefix("\x1b[2K").strip().startswith("1/2 ")
    assert "1 ok, 0 rejected, 0 unknown" in bar
    assert "1,200.50" not in bar
    for part in ("1/2", "1 ok, 0 rejected, 0 unknown", "/s", "quota used 810/1,000", "left", "1,200.50 EUR", "30 USD"):
        assert part in wide


def seen_on(width: int, report: Report, gauges: Gauges) -> str:
    """Return what a terminal of `width` columns gets to see of a run of two rows."""
    out = StringIO()
    with Display(2, gauges, console=Console(file=out, force_terminal=True, width=width, color_system=None)) as display:
        display.show(Accepted(row_id="a", line=1, idempotency_key="k", payout_id="p", status="created"))
        display.conclude(report, None, sent=1)
    return out.getvalue()


@pytest.mark.parametrize("option", ["--json", "--strict"])
def test_progress_is_told_while_no_row_is_answered(
    sandbox: Sandbox,
    invoke: Invoke,
    write_rows: WriteRows,
    journal: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    option: str,
) -> None:
    monkeypatch.setattr("anton_async.cli.display._PAUSE", 0.05)
    sandbox.on("createPayout").delay(1, times=1)

    result = invoke("payouts", "run", write_rows(rows(1)), "--journal", journal, option)

    assert result.exit_code == 0
    progress = '"event": "progress", "done": 0, "rows": 1' if option == "--json" else "0 of 1 row: 0 ok"
    assert progress in result.stderr
