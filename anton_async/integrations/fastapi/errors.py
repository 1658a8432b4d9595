"""What the SDK's errors look like to the callers of your own API.

An answer is `{"detail": {"code": ...}}`. It says what a caller can act upon: whether anything happened, under
which idempotency key, what was wrong with which field. What concerns your service and Anton alone (credentials,
configuration, addresses) is in the log and not in the answer.

    field wrong, before sending      422     invalid_request
    400 404 409 410 422 of the API   same    the API's code
    429 and 503 of the API           503     upstream_busy, upstream_unavailable
    no connection                    503     upstream_unavailable
    out of time                      504     upstream_timeout
    outcome unknown                  502, or 504 when out of time: outcome_unknown
    other answers of the API         502     upstream_error
    our own configuration            500     internal_error
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeGuard

from fastapi.requests import Request
from fastapi.responses import JSONResponse, Response
from starlette.applications import Starlette

from anton_async.errors import (
    AntonError,
    ApiError,
    AuthenticationError,
    DeadlineExceededError,
    Outcome,
    PaginationError,
    ReadTimeoutError,
    RequestValidationError,
    ResponseDecodeError,
    TokenError,
    TransportError,
    WebhookError,
    printable,
)
from anton_async.log import extra, get_log

logger: Final = get_log("anton_async.integrations.fastapi")

_PASSED_ON = frozenset({400, 404, 409, 410, 422})
_PASSING: Mapping[int | None, str] = {429: "upstream_busy", 503: "upstream_unavailable"}
_OTHERS: Sequence[tuple[type[AntonError], tuple[int, str]]] = [
    (RequestValidationError, (422, "invalid_request")),
    (ApiError, (502, "upstream_error")),
    (TransportError, (502, "upstream_error")),
    (ResponseDecodeError, (502, "upstream_error")),
    (TokenError, (502, "upstream_error")),
    (WebhookError, (400, "invalid_delivery")),
    (PaginationError, (502, "upstream_error")),
]
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_MESSAGES = {
    "upstream_busy": "The payment provider takes no more requests for now; nothing was done.",
    "upstream_unavailable": "The payment provider cannot be reached.",
    "upstream_timeout": "The payment provider did not answer in time.",
    "upstream_error": "The payment provider gave no usable answer.",
    "outcome_unknown": "This may have been carried out. Repeat it only unchanged, under the same Idempotency-Key.",
    "idempotency_conflict": "The Idempotency-Key belongs to another request, which may have been carried out.",
    "invalid_delivery": "The delivery cannot be taken.",
    "internal_error": "The service cannot do this at the moment.",
}
_REFUSED = "The payment provider refused the request."


def add_error_handlers(app: Starlette) -> None:
    """Answer every `AntonError` that a route lets through.

    A handler of your own for one of its subclasses goes first: `@app.exception_handler(ConflictError)`.

    Args:
        app: a FastAPI or Starlette application.
    """
    app.add_exception_handler(AntonError, _handle)


async def _handle(request: Request, error: Exception) -> Response:
    if not isinstance(error, AntonError) or request.scope["type"] != "http":
        raise error  # a WebSocket has no status to answer with
    status, code = _status(error)
    if status >= 500:
        path = printable(request.url.path, 200)
        told = (request.method, path, status, code, error)
        logger.error("%s %s: answered %d %s: %s", *told, exc_info=error, extra=extra(error))
    return JSONResponse({"detail": _detail(error, code)}, status, headers=_headers(error))


def _status(error: AntonError) -> tuple[int, str]:
    of_api = error.status if isinstance(error, ApiError) else None
    late = isinstance(error, DeadlineExceededError | ReadTimeoutError) or of_api == 504
    if error.outcome is Outcome.UNKNOWN and error.idempotency_key is not None:
        return (504 if late else 502), "outcome_unknown"
    if late:
        return 504, "upstream_timeout"
    if _is_about_the_request(error):
        return error.status, error.code if error.code and _CODE.fullmatch(error.code) else "refused"
    if of_api in _PASSING:
        return 503, _PASSING[of_api]
    if isinstance(error, TransportError) and error.is_retryable:
        return 503, "upstream_unavailable"
    return next((answer for kind, answer in _OTHERS if isinstance(error, kind)), (500, "internal_error"))


def _is_about_the_request(error: AntonError) -> TypeGuard[ApiError]:
    """Return whether the API refused what the caller asked for, and not who the service is or how it behaves."""
    return isinstance(error, ApiError) and error.status in _PASSED_ON and not isinstance(error, AuthenticationError)


def _detail(error: AntonError, code: str) -> dict[str, object]:
    found: dict[str, object | None] = {
        "code": code,
        "message": error.message if isinstance(error, RequestValidationError) else _MESSAGES.get(code, _REFUSED),
        "outcome": error.outcome.value,
        "idempotency_key": error.idempotency_key,
        "request_id": error.request_id,
        "fields": _fields(error) or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _fields(error: AntonError) -> dict[str, list[str]]:
    if isinstance(error, RequestValidationError) or _is_about_the_request(error):
        return error.field_errors
    return {}


def _headers(error: AntonError) -> dict[str, str]:
    if error.retry_after is None or not 0 <= error.retry_after < math.inf:
        return {}
    return {"Retry-After": str(math.ceil(error.retry_after))}
