"""Moments as requests write them where both a timestamp and a bare date will do."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time

import msgspec

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def read_moment(text: str) -> datetime | None:
    """Return an RFC 3339 timestamp, or midnight UTC of a `YYYY-MM-DD` date; None for anything else."""
    try:
        if _DATE.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        moment = msgspec.convert(text, datetime)
    except (ValueError, msgspec.ValidationError):
        return None
    return moment if moment.tzinfo is not None else None
