"""What type checkers tell users: right calls pass, every wrong line is flagged, and no public type is left unknown."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from anton_async.models import CreatedPayout, Payout
from anton_async.resources.operations import OPERATIONS

ROOT = Path(__file__).resolve().parent.parent
CORRECT = ROOT / "tests" / "typing" / "correct_uses.py"
MISUSES = ROOT / "tests" / "typing" / "misuses.py"
WAITS = {"payouts.wait", "batches.wait", "batches.wait_until_validated", "intelligence.wait", "verifications.wait"}

BESIDE_THE_POINT = {"reportUnusedExpression", "reportUnusedVariable"}
"""Rules that would flag a misuse for another reason than the one it stands for."""

Flagged = dict[int, str]
"""What a checker says, by line."""


@pytest.fixture(scope="module")
def armed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the misuses without the comments that keep the project's own checks quiet."""
    lines = MISUSES.read_text("utf-8").splitlines()
    copy = tmp_path_factory.mktemp("typing") / "misuses.py"
    copy.write_text("\n".join("" if re.match(r"# (mypy|pyright|ruff):", line) else line for line in lines), "utf-8")
    return copy


def run(*command: str, cwd: Path = ROOT) -> str:
    """Run a checker of this environment; it may find errors, that is what it is for."""
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "MYPYPATH": str(ROOT)}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr or done.stdout
    return done.stdout


def by_mypy(*files: Path) -> dict[str, Flagged]:
    found: dict[str, Flagged] = {}
    options = ("--strict", "--output", "json", "--no-pretty", "--show-absolute-path")
    for line in run("mypy", *options, *map(str, files)).splitlines():
        report: dict[str, Any] = json.loads(line)
        if report["severity"] == "error":
            found.setdefault(Path(report["file"]).name, {})[report["line"]] = report["message"]
    return found


def by_pyright(*files: Path) -> dict[str, Flagged]:
    report: dict[str, Any] = json.loads(run("pyright", "--outputjson", *map(str, files)))
    found: dict[str, Flagged] = {}
    for each in report["generalDiagnostics"]:
        if each["severity"] == "error" and each.get("rule") not in BESIDE_THE_POINT:
            found.setdefault(Path(each["file"]).name, {})[each["range"]["start"]["line"] + 1] = each["message"]
    return found


@pytest.fixture(scope="module", params=[by_mypy, by_pyright], ids=["mypy", "pyright"])
def flagged(request: pytest.FixtureRequest, armed: Path) -> dict[str, Flagged]:
    verdict: dict[str, Flagged] = request.param(CORRECT, armed)
    return verdict


def test_right_calls_pass(flagged: dict[str, Flagged]) -> None:
    assert flagged.get(CORRECT.name, {}) == {}


def test_every_wrong_line_is_flagged_and_no_other(flagged: dict[str, Flagged]) -> None:
    lines = MISUSES.read_text("utf-8").splitlines()
    marked = {number: line.strip() for number, line in enumerate(lines, 1) if "# wrong: " in line}
    found = flagged.get(MISUSES.name, {})

    missed = {number: line for number, line in marked.items() if number not in found}
    surplus = {number: message for number, message in found.items() if number not in marked}
    assert (missed, surplus) == ({}, {})
    assert len(marked) > 75


def test_the_right_calls_are_all_calls() -> None:
    called = set(re.findall(r"anton\.([a-z_.]+)\(", CORRECT.read_text("utf-8")))
    table = {operation.name for name, operation in OPERATIONS.items() if name != "createAccessToken"}

    assert (table | WAITS) - called == set()


def test_every_public_type_is_known(tmp_path: Path) -> None:
    # From elsewhere, since pyright would take the project's own folder for source code and not for a package.
    report = run("pyright", "--verifytypes", "anton_async", "--ignoreexternal", "--outputjson", cwd=tmp_path)
    found: dict[str, Any] = json.loads(report)["typeCompleteness"]
    unknown = [
        f"{symbol['name']}: {symbol['diagnostics'][0]['message'].splitlines()[0]}"
        for symbol in found["symbols"]
        if symbol["isExported"] and not symbol["isTypeKnown"] and symbol["diagnostics"]
    ]
    causes = [line for line in unknown if "partially unknown" not in line]

    assert found["pyTypedPath"], "the package was not found"
    assert not unknown, "\n".join([f"{len(unknown)} types are not known, because of these:", *sorted(causes)])
    assert found["completenessScore"] == 1


def test_a_created_payout_is_a_payout() -> None:
    assert issubclass(CreatedPayout, Payout)
