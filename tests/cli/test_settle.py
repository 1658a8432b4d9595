from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anton_async.sandbox import Sandbox
from tests.cli.conftest import Invoke
from tests.support.payroll import alter, payout_requests, row, rows, states

WriteRows = Callable[[list[dict[str, Any]]], Path]
HOUR = 3600.0


def age(journal: Path, hours: float) -> None:
    """Let the rows of a journal have been sent earlier."""
    alter(journal, "UPDATE row SET sent_at = sent_at - ?", hours * HOUR)


@pytest.fixture
def unknown(sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path, no_pauses: None) -> dict[str, int]:
    """A journal with one unknown row of three, which was executed; what the sandbox has executed."""
    del no_pauses
    sandbox.on("createPayout").drop_response(times=9)
    result = invoke("payouts", "run", write_rows(rows(3)), "--journal", journal, "--concurrency", 1)
    assert result.exit_code == 3
    return dict(sandbox.executed)


@pytest.mark.parametrize("hours", [0, 22, 30])
def test_what_is_unknown_is_settled_without_the_file_and_without_a_second_payout(
    sandbox: Sandbox, invoke: Invoke, journal: Path, unknown: dict[str, int], hours: float
) -> None:
    age(journal, hours)
    sent = len(payout_requests(sandbox))

    result = invoke("payouts", "settle", journal)

    assert (result.exit_code, result.stdout) == (0, "rows 3 | accepted 3 | rejected 0 | unknown 0\n")
    assert sandbox.executed == unknown
    assert len(payout_requests(sandbox)) - sent == (hours < 23)
    assert invoke("payouts", "settle", journal).stdout == result.stdout


@pytest.mark.fault("F10")
@pytest.mark.usefixtures("no_pauses")
def test_what_cannot_be_told_stays_unknown_with_exit_code_3(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path
) -> None:
    sandbox.on("createPayout").fail(503, times=9)
    invoke("payouts", "run", write_rows(rows(1)), "--journal", journal)
    age(journal, 30)

    result = invoke("payouts", "settle", journal)

    assert (result.exit_code, result.stdout) == (3, "rows 1 | accepted 0 | rejected 0 | unknown 1\n")
    assert "look the payout up" in result.stderr
    assert sandbox.executed == {}


def test_rows_that_never_left_are_left_to_the_job_with_exit_code_75(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path
) -> None:
    sandbox.on("createPayout").fail(401)
    invoke("payouts", "run", write_rows(rows(4)), "--journal", journal, "--concurrency", 1)
    known = states(journal)

    result = invoke("payouts", "settle", journal)

    assert result.exit_code == 75
    assert "run the job again with its file" in result.stderr
    assert sandbox.executed == {}
    assert states(journal) == known


def test_a_journal_must_be_there_and_be_ones_own(
    sandbox: Sandbox,
    invoke: Invoke,
    journal: Path,
    unknown: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del unknown
    sent = len(sandbox.requests)
    monkeypatch.setenv("ANTON_CLIENT_ID", "ant_oc_test_" + "7" * 32)

    foreign = invoke("payouts", "settle", journal)
    missing = invoke("payouts", "settle", journal.with_name("none.db"))

    assert (foreign.exit_code, foreign.stdout) == (2, "")
    assert "belongs to the client" in foreign.stderr
    assert (missing.exit_code, missing.stdout) == (2, "")
    assert "There is no journal" in missing.stderr
    assert not journal.with_name("none.db").exists()
    assert len(sandbox.requests) == sent


def test_a_job_stops_after_so_many_failures_and_the_rest_can_be_paid_later(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path
) -> None:
    wrong = [row(number, instrument_id="ins_OFF") for number in (2, 3, 4)]
    file = write_rows([row(1), *wrong, *[row(number) for number in range(5, 41)]])
    command = ["payouts", "run", file, "--journal", journal, "--concurrency", 2]

    stopped = invoke(*command, "--max-failures", 3)
    after_it = states(journal)
    resumed = invoke(*command, "--max-failures", 3)

    assert stopped.exit_code == 75
    assert "Stopped: 3 rows failed in this run" in stopped.stderr
    assert after_it["REJECTED"] == 3
    assert after_it["ACCEPTED"] <= 3
    assert (resumed.exit_code, resumed.stdout) == (0, "rows 40 | accepted 37 | rejected 3 | unknown 0\n")
    assert set(sandbox.executed.values()) == {1}


def test_a_job_stops_on_a_code_that_was_named_and_not_on_others(
    sandbox: Sandbox, invoke: Invoke, write_rows: WriteRows, journal: Path
) -> None:
    given = [
        row(1, instrument_id="ins_OFF"),
        row(2, dest_amount="9000000.00", source_amount="9000000.00"),
        *[row(number) for number in range(3, 41)],
    ]
    arguments = ["--journal", journal, "--concurrency", 1, "--stop-on", "insufficient_balance", "--stop-on", "other"]

    result = invoke("payouts", "run", write_rows(given), *arguments)

    assert result.exit_code == 75
    assert "row-2 on line 3 was rejected with insufficient_balance" in result.stderr
    assert len(payout_requests(sandbox)) == 2
    assert states(journal)["REJECTED"] == 2
    assert states(journal).keys() == {"REJECTED", "PLANNED"}


def test_a_limit_of_no_failures_makes_no_sense(invoke: Invoke, write_rows: WriteRows, journal: Path) -> None:
    result = invoke("payouts", "run", write_rows(rows(1)), "--journal", journal, "--max-failures", 0)

    assert result.exit_code == 2
