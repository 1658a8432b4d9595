"""Reading `Retry-After` and `Date`, in seconds or as one of HTTP's three date forms.

Source: RFC 9110 sections 5.6.7 and 10.2.3
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

_SECONDS = re.compile(r"[0-9]{1,9}")
_DATES = (
    (
        re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT"),
        "%a, %d %b %Y %H:%M:%S GMT",
    ),
    (re.compile(r"[A-Z][a-z]{5,8}, [0-9]{2}-[A-Z][a-z]{2}-[0-9]{2} [0-9:]{8} GMT"), "%A, %d-%b-%y %H:%M:%S GMT"),
    (re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [0-9]{4}"), "%a %b %d %H:%M:%S %Y"),
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
    for pattern, form in _DATES:
        if pattern.fullmatch(text):
            try:
                return dt.datetime.strptime(text, form).replace(tzinfo=dt.UTC).timestamp()
            except ValueError:
                return None
    return None
