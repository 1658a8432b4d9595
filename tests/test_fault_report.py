"""The fault report says what the marks say."""

from __future__ import annotations

from collections import Counter

from tests.fault_catalogue import CATALOGUE, SECTIONS
from tests.fault_report import Marks, report, untestable

PAGE = """
| row | fault | why not here |
|---|---|---|
| I12 | core files | what a core file holds is the system's business |
| `K09` | environment | nothing to see |
"""


def test_the_catalogue_has_all_rows() -> None:
    rows = Counter(identifier[0] for identifier in CATALOGUE)

    assert [rows[section] for section in SECTIONS] == [32, 24, 24, 11, 21, 24, 18, 12, 12, 12, 12, 10]


def test_reasons_are_read_from_the_page() -> None:
    assert untestable(PAGE) == {"I12": "what a core file holds is the system's business", "K09": "nothing to see"}


def test_a_row_is_covered_missing_or_not_testable() -> None:
    marks = Marks()
    marks.passing["J01"] = 3
    marks.failing["J02"] = 1

    lines = report(marks, {"J03": "the moon is needed"}).splitlines()

    assert "J  Pagination: 1 of 12" in lines
    assert "     J01" in lines
    assert "     missing J02  has_more and next_cursor disagree (its tests are expected to fail)" in lines
    assert "     missing J03  empty page with more to come" not in lines
    assert "     J03  empty page with more to come: the moon is needed" in lines
    assert lines[-1] == "1 of 212 rows covered, 1 not testable, 210 missing"
