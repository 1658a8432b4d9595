"""Idempotency keys: made before the first attempt, checked when given, never changed afterwards.

Source: https://docs.antonpayments.com/api-reference/idempotency
"""

from __future__ import annotations

import re
import uuid

from anton_async.errors import RequestValidationError

_KEY = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")


def new_key() -> str:
    """Return a random key with 122 bits of chance."""
    return str(uuid.uuid4())


def check_key(key: object) -> str:
    """Return `key` when the API can take it.

    Raises:
        RequestValidationError: it is not 1 to 255 printable ASCII characters without spaces at the ends; it is not
            repeated.
    """
    if not isinstance(key, str) or _KEY.fullmatch(key) is None:
        raise RequestValidationError(
            "must be 1 to 255 printable ASCII characters, without spaces at the ends", field="idempotency_key"
        )
    return key
