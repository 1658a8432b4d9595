"""Which rows of the fault catalogue the tests cover: `make faults`.

A row is covered by a test that carries its id and is expected to pass. Rows that no test here can cover stand in
docs/faults.md, each in a table row that begins with its id and ends with the reason.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from tests.fault_catalogue import CATALOGUE, SECTIONS

ROOT = Path(__file__).resolve().parent.parent
UNTESTABLE = ROOT / "docs" / "faults.md"
_ROW = re.compile(r"^\| *`?([A-L]\d\d)`? *\|(?:.*\|)? *([^|]+?) *\|\s*$", re.MULTILINE)


class Marks:
    """Collects the ids that tests carry."""

    def __init__(self) -> None:
        self.passing: Counter[str] = Counter()
        self.failing: Counter[str] = Counter()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            known_to_fail = item.get_closest_marker("xfail") is not None
            for identifier in fault_ids(item):
                (self.failing if known_to_fail else self.passing)[identifier] += 1


def fault_ids(item: pytest.Item) -> set[str]:
    """Return the rows a test says it covers."""
    return {identifier for mark in item.iter_markers("fault") for identifier in mark.args}


def untestable(text: str) -> dict[str, str]:
    """Return the reasons that docs/faults.md gives, by row."""
    return dict(_ROW.findall(text))


def report(marks: Marks, reasons: dict[str, str]) -> str:
    """Return the coverage by section, then what is listed as untestable."""
    lines: list[str] = []
    for section, title in SECTIONS.items():
        rows = [identifier for identifier in CATALOGUE if identifier[0] == section]
        covered = [identifier for identifier in rows if marks.passing[identifier]]
        lines.append(f"{section}  {title}: {len(covered)} of {len(rows)}")
        lines += textwrap.wrap(" ".join(covered), 100, initial_indent="     ", subsequent_indent="     ")
        lines += [
            f"     missing {identifier}  {CATALOGUE[identifier]}{_known(marks, identifier)}"
            for identifier in rows
            if identifier not in covered and identifier not in reasons
        ]
    lines += ["", "Not testable here (docs/faults.md):"]
    lines += [f"     {identifier}  {CATALOGUE.get(identifier, '?')}: {why}" for identifier, why in reasons.items()]
    done = set(marks.passing)
    total = len(CATALOGUE)
    missing = set(CATALOGUE) - done - set(reasons)
    lines += [
        "",
        f"{len(done)} of {total} rows covered, {len(set(reasons) - done)} not testable, {len(missing)} missing",
    ]
    return "\n".join(lines)


def _known(marks: Marks, identifier: str) -> str:
    return " (its tests are expected to fail)" if marks.failing[identifier] else ""


def main() -> int:
    """Collect the tests and print the report; return pytest's exit code where they cannot be collected."""
    marks, said = Marks(), io.StringIO()
    with contextlib.redirect_stdout(said):
        code = pytest.main(["--collect-only", "-q", str(ROOT / "tests")], plugins=[marks])
    if code:
        sys.stderr.write(said.getvalue())
        return code
    reasons = untestable(UNTESTABLE.read_text("utf-8")) if UNTESTABLE.exists() else {}
    sys.stdout.write(report(marks, reasons) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
