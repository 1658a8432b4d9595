from __future__ import annotations

import csv
import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anton_async.sandbox import Sandbox
from tests.cli.conftest import Invoke
from tests.support.payroll import payout_requests, row, rows, states

WriteRows = Callable[[list[dict[str, Any]]], Path]

WRONG = [row(4, method="?"), row(5, instrument_id="ins_OFF"), row(1)]


@pytest.mark.usefixtures("sandbox")
def test_a_run_ends_with_exactly_one_line_on_standard_output(
    invoke: Invoke, write_rows: WriteRows, journal: Path
) -> None:
    result = invoke("payouts", "run", write_rows([*rows(3), *WRONG]), "--journal", journal)

    assert result.exit_code == 0
    assert result.stdout == "rows 6 | accepted 3 | rejected 3 | unknown 0\n"


@pytest.mark.usefixtures("sandbox")
def test_each_rejected_row_is_told_with_line_row_field_and_reason(
    invoke: Invoke, write_rows: WriteRows, journal: Path
) -> None:
    result = invoke("payouts", "run", write_rows([*rows(3), *WRONG]), "--journal", journal)

    told = [line for line in result.stderr.splitlines() if "rejected:" in line]
    assert len(told) == 3
    assert "line 5, row row-4, rejected: method: must be one of " in result.stderr
    assert "line 6, row row-5, rejected: instrument_id: instrument ins_OFF is disabled [payout_rejected]" in told
    assert "line 7, row row-1, rejected: row_id: repeats the row_id of line 2: only that one is paid" in result.stderr


@pytest.mark.usefixtures("sandbox")
def test_strict_makes_rejected_rows_an_error(invoke: Invoke, write_rows: WriteRows, journal: Path) -> None:
    assert invoke("payouts", "run", write_rows([*rows(3), *WRONG]), "--journal", journal, "--strict").exit_code == 1
    assert invoke("payouts", "run", write_rows([*rows(3), *WRONG]), "--journal", journal).exit_code == 0


def test_a_second_run_sends_nothing_and_says_so(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path
) -> None:
    first = invoke("payouts", "run", write_rows(rows(5)), "--journal", journal)
    sent = len(sandbox.requests)

    second = invoke("payouts", "run", write_rows(rows(5)), "--journal", journal)

    assert len(sandbox.requests) == sent
    assert second.stdout == first.stdout
    assert "5 rows were settled by an earlier run" in second.stderr
    assert "Nothing was sent" in second.stderr


@pytest.mark.usefixtures("no_pauses")
def test_unknown_rows_give_exit_code_3_and_the_next_run_settles_them(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path
) -> None:
    sandbox.on("createPayout").drop_response(times=9)

    first = invoke("payouts", "run", write_rows(rows(1)), "--journal", journal)
    second = invoke("payouts", "run", write_rows(rows(1)), "--journal", journal)

    assert (first.exit_code, first.stdout) == (3, "rows 1 | accepted 0 | rejected 0 | unknown 1\n")
    assert (second.exit_code, second.stdout) == (0, "rows 1 | accepted 1 | rejected 0 | unknown 0\n")
    assert list(sandbox.executed.values()) == [1]


@pytest.mark.fault("F18")
def test_a_secret_revoked_on_the_way_gives_exit_code_75(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path
) -> None:
    sandbox.on("createPayout").delay(0, times=5).fail(401, times=100)

    result = invoke("payouts", "run", write_rows(rows(50)), "--journal", journal, "--concurrency", 2)

    assert result.exit_code == 75
    assert re.fullmatch(r"rows \d+ \| accepted 5 \| rejected 0 \| unknown 0\n", result.stdout)
    assert result.stderr.count(" again") == 1
    assert result.stderr.endswith(
        "Check ANTON_CLIENT_ID, ANTON_CLIENT_SECRET and the DPoP key, then run the same command again.\n"
    )


def test_credentials_that_never_worked_give_exit_code_2(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTON_CLIENT_SECRET", "ant_ocs_test_wrong")

    result = invoke("payouts", "run", write_rows(rows(5)), "--journal", journal)

    assert result.exit_code == 2
    assert payout_requests(sandbox) == []
    assert "ant_ocs_test_wrong" not in result.output
    nothing, pending, stopped = result.stderr.splitlines()
    assert (nothing, pending) == ("Nothing was sent.", "5 rows are pending.")
    assert stopped.startswith("Stopped: the credentials were refused (401 invalid_client: ")
    assert stopped.endswith("then run the same command again.")


@pytest.mark.usefixtures("sandbox", "no_pauses")
def test_an_unreachable_api_gives_exit_code_75(
    invoke: Invoke, write_rows: WriteRows, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTON_BASE_URL", "http://127.0.0.1:1")

    result = invoke("payouts", "run", write_rows(rows(5)), "--journal", journal)

    assert (result.exit_code, result.stdout) == (75, "rows 5 | accepted 0 | rejected 0 | unknown 0\n")
    assert states(journal) == {"PLANNED": 5}
    nothing, pending, stopped = result.stderr.splitlines()
    assert (nothing, pending) == ("Nothing was sent.", "5 rows are pending.")
    assert stopped.startswith(
        "Stopped: The API at http://127.0.0.1:1 gives no access token: No connection could be made"
    )
    assert stopped.endswith("; run it again with the same journal when it answers. Is ANTON_BASE_URL right?")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--journal", "{missing}/payroll.db"], "does not exist"),
        (["--journal", "{here}/payroll.db", "--report", "{here}/report.xml"], ".json or .csv"),
        (["--journal", "{here}/payroll.db", "--report", "{missing}/report.csv"], "not writable"),
        ([], "--journal"),
        (["--journal", "{here}/payroll.db", "--concurrency", "0"], "concurrency"),
    ],
)
def test_usage_errors_give_exit_code_2_before_anything_is_sent(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, tmp_path: Path, *, arguments: list[str], told: str
) -> None:
    filled = [argument.format(here=tmp_path, missing=tmp_path / "none") for argument in arguments]

    result = invoke("payouts", "run", write_rows(rows(2)), *filled)

    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr
    assert sandbox.requests == []


def test_a_file_that_is_no_table_is_refused_before_anything_is_sent(
    sandbox: Sandbox, invoke: Invoke, tmp_path: Path, journal: Path
) -> None:
    file = tmp_path / "payroll.csv"
    file.write_text("name,amount\nJane,10\n")

    result = invoke("payouts", "run", file, "--journal", journal)

    assert result.exit_code == 2
    assert "no field of a payout" in result.stderr
    assert sandbox.requests == []
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_without_rows_gets_a_warning(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path
) -> None:
    result = invoke("payouts", "run", write_rows([]), "--journal", journal)

    assert (result.exit_code, result.stdout) == (0, "rows 0 | accepted 0 | rejected 0 | unknown 0\n")
    assert "Warning: payroll.csv names columns but has no rows: there is nothing to pay." in result.stderr
    assert sandbox.requests == []


def test_sentences_are_right_for_one_row(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path, no_pauses: None
) -> None:
    del no_pauses
    sandbox.on("createPayout").drop_response(times=9)

    unknown = invoke("payouts", "run", write_rows(rows(1)), "--journal", journal)
    paid = invoke("payouts", "run", write_rows(rows(1)), "--journal", journal)
    known = invoke("payouts", "run", write_rows(rows(1)), "--journal", journal)

    assert "1 row in " in unknown.stderr
    assert "1 row is unknown: run it again within 23 hours" in unknown.stderr
    assert "1 row in " in paid.stderr
    assert known.stderr.splitlines()[:2] == [
        "1 row was settled by an earlier run, according to the journal.",
        "Nothing was sent.",
    ]


def test_rows_refused_before_they_leave_are_no_sending(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path
) -> None:
    result = invoke("payouts", "run", write_rows([row(1, dest_amount="1,250.00")]), "--journal", journal)

    assert 'not "1,250.00" [validation_error]' in result.stderr
    assert "Nothing was sent." in result.stderr
    assert sandbox.requests == []


@pytest.mark.usefixtures("sandbox")
def test_a_key_file_that_others_may_read_is_one_plain_sentence(
    invoke: Invoke, write_rows: WriteRows, journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key.pem"
    key.write_text(os.environ["ANTON_DPOP_KEY"])
    key.chmod(0o644)
    monkeypatch.delenv("ANTON_DPOP_KEY")
    monkeypatch.setenv("ANTON_DPOP_KEY_FILE", str(key))

    for command in (["payouts", "run", write_rows(rows(1)), "--journal", journal], ["token"]):
        result = invoke(*command)

        assert result.exit_code == 0
        assert result.stderr.splitlines()[0] == (
            f"Warning: The DPoP key file {key} can be read by others: run chmod 600 on it."
        )
        assert "UserWarning" not in result.stderr


@pytest.mark.fault("F05")
def test_a_changed_file_gives_exit_code_2(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path
) -> None:
    invoke("payouts", "run", write_rows(rows(3)), "--journal", journal)
    sent = len(sandbox.requests)

    result = invoke("payouts", "run", write_rows([*rows(2), row(3, dest_amount="99.00")]), "--journal", journal)

    assert (result.exit_code, result.stdout) == (2, "")
    (error,) = result.stderr.splitlines()
    assert error.startswith("Error: Row row-3 on line 4 has changed")
    assert len(sandbox.requests) == sent


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("option", [("--max-failures", 1), ("--stop-on", "payout_rejected")])
def test_a_run_that_was_stopped_says_how_to_pay_the_others_and_that_works(
    invoke: Invoke, write_rows: WriteRows, journal: Path, tmp_path: Path, option: tuple[object, ...]
) -> None:
    file, line = write_rows([row(1, instrument_id="ins_OFF"), *rows(200)[1:]]), ("--concurrency", 1, *option)

    stopped = invoke("payouts", "run", file, "--journal", journal, *line)
    rest = invoke("payouts", "run", file, "--journal", journal, *line, "--rejected", tmp_path / "rejected.csv")

    assert stopped.exit_code == 75
    assert "stay rejected. Run it again with the same journal, the input unchanged, to pay the others" in stopped.stderr
    assert "Warning" not in stopped.stderr
    assert (rest.exit_code, rest.stdout) == (0, "rows 200 | accepted 199 | rejected 1 | unknown 0\n")


@pytest.mark.usefixtures("sandbox")
def test_a_code_that_nobody_knows_gets_a_warning(invoke: Invoke, write_rows: WriteRows, journal: Path) -> None:
    options = ["--stop-on", "insuficient_balance", "--stop-on", "zzz"]

    result = invoke("payouts", "run", write_rows(rows(1)), "--journal", journal, *options)

    assert result.exit_code == 0
    assert "Warning: no error code known here is insuficient_balance; near it: insufficient_balance" in result.stderr
    assert "Warning: no error code known here is zzz.\n" in result.stderr


@pytest.mark.usefixtures("sandbox")
def test_reports_have_counts_sums_and_every_problem(
    invoke: Invoke, write_rows: WriteRows, journal: Path, tmp_path: Path
) -> None:
    file = write_rows([*rows(3), *WRONG])

    for name in ("report.json", "report.csv", "report.json"):
        assert invoke("payouts", "run", file, "--journal", journal, "--report", tmp_path / name).exit_code == 0

    report = json.loads((tmp_path / "report.json").read_text())
    with (tmp_path / "report.csv").open(newline="") as text:
        table = list(csv.DictReader(text))
    assert (report["rows"], report["accepted"], report["rejected"], report["unknown"]) == (6, 3, 3, 0)
    assert report["paid"] == {"USD": "30.00"}
    assert [(problem["line"], problem["row_id"], problem["field"]) for problem in report["problems"]] == [
        (5, "row-4", "method"),
        (6, "row-5", "instrument_id"),
        (7, "row-1", "row_id"),
    ]
    assert [line["reason"] for line in table] == [problem["reason"] for problem in report["problems"]]
    assert stat.S_IMODE((tmp_path / "report.json").stat().st_mode) == 0o600
    assert not list(tmp_path.glob("*.new"))


@pytest.mark.usefixtures("sandbox")
def test_status_shows_what_a_journal_knows(invoke: Invoke, write_rows: WriteRows, journal: Path) -> None:
    invoke("payouts", "run", write_rows([*rows(3), *WRONG]), "--journal", journal)

    result = invoke("payouts", "status", journal)

    assert result.exit_code == 0
    assert "at loopback" in result.stdout
    assert "payouts made: 30.00 USD" in result.stdout
    assert result.stdout.endswith("rows 6 | accepted 3 | rejected 3 | unknown 0\n")
    assert invoke("payouts", "status", journal.with_name("none.db")).exit_code == 2


@pytest.mark.fault("F16", "F04")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_with_75_and_the_next_one_finishes_it(
    sandbox: Sandbox, write_rows: WriteRows, journal: Path, number: signal.Signals
) -> None:
    file = write_rows(rows(30))
    sandbox.on("createPayout").delay(0, times=10).delay(30, times=20)
    command = [sys.executable, "-W", "error", "-c", "from anton_async.cli import main; main()"]
    arguments = ["payouts", "run", str(file), "--journal", str(journal), "--concurrency", "4", "--grace", "0.1"]

    running = subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    )
    while len(sandbox.executed) < 10 or states(journal)["ACCEPTED"] < 10:
        assert running.poll() is None
    second = subprocess.run([*command, *arguments], check=False, capture_output=True, text=True, timeout=30)
    running.send_signal(number)
    stdout, stderr = running.communicate(timeout=30)
    settled = states(journal)

    assert (second.returncode, second.stdout) == (2, "")
    assert "Another job is running" in second.stderr
    assert running.returncode == 75, stderr
    assert re.fullmatch(r"rows \d+ \| accepted 10 \| rejected 0 \| unknown 0\n", stdout)
    assert "Interrupted" in stderr
    assert "Nothing was sent" not in stderr
    assert "Traceback" not in stderr
    assert settled["SENT"] == 4
