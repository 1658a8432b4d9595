"""Reading `Retry-After` and `Date`, in seconds or as one of HTTP's three date forms.

Source: RFC 9110 sections 5.6.7 and 10.2.3
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

_SECONDS = re.compile(r"[0-9]{1,9}")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
# Not strptime: it reads names of days and months in the language that the process is set to.
_DATES = (
    re.compile(f"{_DAY}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT"),
    re.compile(f"{_LONG_DAY}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT"),
    re.compile(f"{_DAY} {_MONTH} (?P<day>[ 0-9][0-9]) {_TIME} (?P<year>[0-9]{{4}})"),
)


def read_retry_after(values: Sequence[str], now: float) -> float | None:
    """Return how many seconds to wait; None when no header, several, or none of the allowed forms was sent.

    Args:
        values: all `Retry-After` headers of the answer.
        now: Unix time, by which a date becomes a number of seconds; a date that has passed means 0.
    """
    if len(values) != 1:
        return None
    text = values[0].strip(" \t")
    if _SECONDS.fullmatch(text):
        return float(text)
    moment = _read(text)
    return None if moment is None else max(moment - now, 0.0)


def read_date(values: Sequence[str]) -> float | None:
    """Return an HTTP date as Unix time; None when there is none, or more than one.

    Args:
        values: all `Date` headers of the answer.
    """
    return _read(values[0].strip(" \t")) if len(values) == 1 else None


def _read(text: str) -> float | None:
    found = next((found for pattern in _DATES if (found := pattern.fullmatch(text))), None)
    if found is None:
        return None
    day, hour, minute, second = (int(found[part]) for part in ("day", "hour", "minute", "second"))
    month = _MONTHS.index(found["month"]) + 1
    try:
        return dt.datetime(_year(found["year"]), month, day, hour, minute, second, tzinfo=dt.UTC).timestamp()
    except ValueError:
        return None


def _year(digits: str) -> int:
    """Return the year; two digits mean 1969 to 2068, as in POSIX."""
    year = int(digits)
    return year if len(digits) == 4 else year + (2000 if year < 69 else 1900)
