"""HTTP dates, wherever the process runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from anton_async.transport.retry_after import read_date

READ_IN_GERMAN = """
import locale
from anton_async.transport.retry_after import read_date

locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
print(read_date(["Tue, 06 Dec 1994 08:49:37 GMT"]), read_date(["Di, 06 Dez 1994 08:49:37 GMT"]))
"""


@pytest.mark.fault("L09")
def test_a_date_is_read_in_english_whatever_language_the_process_speaks(tmp_path: Path) -> None:
    localedef = shutil.which("localedef")
    if localedef is None:
        pytest.skip("no localedef here, which makes a locale for the test")
    target = str(tmp_path / "de_DE.UTF-8")
    made = subprocess.run([localedef, "-i", "de_DE", "-f", "UTF-8", target], capture_output=True, check=False)
    if made.returncode > 1:
        pytest.skip("localedef has no German here")
    environment = {**os.environ, "LOCPATH": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", READ_IN_GERMAN], env=environment, capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == ["786703777.0", "None"]


@pytest.mark.fault("E11")
@pytest.mark.parametrize("month", range(1, 13))
def test_every_month_and_day_is_known_in_each_form(month: int) -> None:
    for moment in (datetime(2026, month, 1, 23, 59, 58, tzinfo=UTC) + timedelta(days=day) for day in range(7)):
        forms = [
            format_datetime(moment, usegmt=True),
            f"{moment:%A, %d-%b-%y %H:%M:%S GMT}",
            f"{moment:%a %b} {moment.day:2d} {moment:%H:%M:%S %Y}",
        ]

        assert {read_date([form]) for form in forms} == {moment.timestamp()}


@pytest.mark.fault("E11")
@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("Wednesday, 01-Jan-69 00:00:00 GMT", 1969),
        ("Sunday, 01-Jan-68 00:00:00 GMT", 2068),
        ("Wed, 01 Jan 69 00:00:00 GMT", None),
        ("Wednesday, 01 Jan 1969 00:00:00 GMT", None),
        ("Wed, 01 jan 1969 00:00:00 GMT", None),
        ("Wed, 01 Jan 1969 24:00:00 GMT", None),
        ("Wed, 01 Jan 1969 00:00:60 GMT", None),
        ("Wed, 01 Jan 1969 0:00:000 GMT", None),
        ("Wed, 30 Feb 1969 00:00:00 GMT", None),
        ("Wed, 01 Jan 0000 00:00:00 GMT", None),
        ("Wed, \u0660\u0661 Jan 1969 00:00:00 GMT", None),
    ],
)
def test_two_digits_of_a_year_are_near_and_anything_else_is_strict(text: str, year: int | None) -> None:
    assert read_date([text]) == (None if year is None else datetime(year, 1, 1, tzinfo=UTC).timestamp())
