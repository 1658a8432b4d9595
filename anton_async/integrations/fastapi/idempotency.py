"""The `Idempotency-Key` of your callers' requests, as the key of the call that they cause.

Anton knows one merchant, your service has many callers: two of them may choose the same key. `scoped_key` keeps their
keys apart.

Source: https://docs.antonpayments.com/api-reference/idempotency
"""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import Depends, Header, HTTPException
from fastapi.requests import HTTPConnection

from anton_async.errors import RequestValidationError
from anton_async.transport.idempotency import check_key, new_key

_HeaderValue = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="1 to 255 printable ASCII characters; the same for every repetition of one request.",
    ),
]


def get_idempotency_key(connection: HTTPConnection, idempotency_key: _HeaderValue = None) -> str:
    """Return the request's `Idempotency-Key`.

    Raises:
        HTTPException: 400, it is missing, given twice, or not 1 to 255 printable ASCII characters.
    """
    if idempotency_key is None:
        raise _refusal("missing_idempotency_key", "The Idempotency-Key header is missing.")
    return get_optional_idempotency_key(connection, idempotency_key)


def get_optional_idempotency_key(connection: HTTPConnection, idempotency_key: _HeaderValue = None) -> str:
    """Return the request's `Idempotency-Key`, or a new random one when it has none.

    Raises:
        HTTPException: 400, it is given twice, or not 1 to 255 printable ASCII characters.
    """
    if idempotency_key is None:
        return new_key()
    if len(connection.headers.getlist("idempotency-key")) != 1:
        raise _refusal("invalid_idempotency_key", "The Idempotency-Key header must be given once.")
    try:
        return check_key(idempotency_key)
    except RequestValidationError as error:
        refused = error.message.removeprefix(f"{error.field}: ")
    raise _refusal("invalid_idempotency_key", f"The Idempotency-Key header {refused}.")


def scoped_key(scope: str, key: str) -> str:
    """Return `key` as it is for one of your callers: 64 hexadecimal digits, always the same for the same two.

    Args:
        scope: who the key belongs to, and what for, such as `f"{customer.id}/payments"`.
        key: the caller's key.
    """
    # The scope's length keeps ("a", "bc") and ("ab", "c") apart.
    return hashlib.sha256(f"{len(scope)}:{scope}{key}".encode()).hexdigest()


IdempotencyKeyDep = Annotated[str, Depends(get_idempotency_key)]
"""The caller's `Idempotency-Key`, without which the request is refused: pass it on as `idempotency_key=`."""

OptionalIdempotencyKeyDep = Annotated[str, Depends(get_optional_idempotency_key)]
"""The caller's `Idempotency-Key`, or a new random one."""


def _refusal(code: str, message: str) -> HTTPException:
    return HTTPException(400, {"code": code, "message": message})
