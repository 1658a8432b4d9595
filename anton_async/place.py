"""Where msgspec found something wrong, or missing, in what it decoded; never what it found there."""

from __future__ import annotations

import re

import msgspec

_AT = re.compile(r" - at `(?P<path>\$.*)`$")
_MISSING = re.compile(r"Object missing required field `(?P<field>\w+)`")


def place(error: msgspec.ValidationError) -> str:
    """Return the path of what `error` is about, such as `$.data.id`."""
    message = str(error)
    at, missing = _AT.search(message), _MISSING.match(message)
    path = at["path"] if at else "$"
    return f"{path}.{missing['field']}" if missing else path
