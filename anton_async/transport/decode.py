"""An answer that arrived, turned into data or into the right error.

Success bodies are decoded by one cached msgspec decoder an operation; single objects are read bare and as `{"data":
{...}}`, as the two published editions have them. Error bodies are read in every shape the API and its token endpoint
have used.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

import msgspec

from anton_async.errors import ApiError, ConfigurationError, ResponseDecodeError, api_error_class, printable
from anton_async.operation import Operation
from anton_async.transport.retry_after import read_date, read_retry_after
from anton_async.transport.wire import WireAnswer

T = TypeVar("T")

_REQUEST_ID = re.compile(r"[!-~]{1,200}")
_AT = re.compile(r" - at `(?P<path>\$.*)`$")


class PageBody(msgspec.Struct, Generic[T], frozen=True):
    """The envelope of one page."""

    data: list[T]
    has_more: bool = False
    next_cursor: str | None = None


class _ListBody(msgspec.Struct, Generic[T], frozen=True):
    data: list[T]


class _Enveloped(msgspec.Struct, Generic[T], frozen=True):
    data: T | msgspec.UnsetType = msgspec.UNSET


def read_data(operation: Operation[T], answer: WireAnswer) -> object:
    """Return the data of a success answer: an object, a list, a `PageBody` or None, as the operation's shape says.

    Raises:
        ResponseDecodeError: the body is not what the API promises; the error names the path and repeats no value.
    """
    try:
        return _reader(operation)(answer.body)
    except msgspec.ValidationError as error:
        at = _AT.search(str(error))
        kind = getattr(operation.response, "__name__", str(operation.response))
        problem = f"it does not fit {kind} at {at['path'] if at else '$'}"
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        problem = "it is not JSON"
    except RecursionError:
        problem = "it is nested too deeply"
    raise ResponseDecodeError(
        f"{operation.method} {operation.path}: the API answered {answer.status} with a body we cannot read: {problem}",
        status=answer.status,
        request_id=request_id(answer),
    )


def check_readable(operation: Operation[T]) -> None:
    """Build the decoders of an operation ahead of its first answer.

    Raises:
        ConfigurationError: nothing can be decoded into its response type.
    """
    try:
        _reader(operation)
    except TypeError:
        decodes = False
    else:
        decodes = True
    if not decodes:
        raise ConfigurationError("response_type must be something msgspec can decode, such as a Struct or dict.")


@functools.lru_cache(maxsize=512)
def _reader(operation: Operation[Any]) -> Callable[[bytes], object]:
    """Build the decoders of an operation once, on first use."""
    kind: Any = operation.response
    if operation.shape == "none":
        return lambda _: None
    if operation.shape == "file":
        return bytes
    if operation.shape == "page":
        return msgspec.json.Decoder(PageBody[kind]).decode
    if operation.shape == "list":
        lists = msgspec.json.Decoder(_ListBody[kind])
        return lambda body: lists.decode(body).data
    bare = msgspec.json.Decoder(kind)
    if operation.shape == "bare":
        return bare.decode
    enveloped = msgspec.json.Decoder(_Enveloped[kind])

    def read_either(body: bytes) -> object:
        if body[:1] != b"{":
            return bare.decode(body)
        data = enveloped.decode(body).data
        return bare.decode(body) if data is msgspec.UNSET else data

    return read_either


def request_id(answer: WireAnswer) -> str | None:
    """Return `X-Request-ID` when it is a sane identifier."""
    value = answer.headers.get("X-Request-ID")
    return value if value is not None and _REQUEST_ID.fullmatch(value) else None


def error_code(answer: WireAnswer) -> str | None:
    """Return the API's or OAuth's error code of an error answer."""
    return _problem(answer.body)[0]


def read_error(label: str, answer: WireAnswer, *, now: float, kind: type[ApiError] | None = None) -> ApiError:
    """Return the error for an answer whose status is not a success.

    Args:
        label: method and path template.
        answer: the answer.
        now: Unix time, for a `Retry-After` given as a date by an answer that does not say what time it is.
        kind: the error class, where the status alone does not decide it.
    """
    code, message, details = _problem(answer.body)
    date = read_date(answer.headers.getall("Date", []))
    if 300 <= answer.status < 400:
        message = "the API answered with a redirect, which is never followed: check base_url"
    return (kind or api_error_class(answer.status))(
        f"{label}: {printable(message or 'the API gave no reason')}",
        status=answer.status,
        code=printable(code, 100) if code else None,
        details=details,
        request_id=request_id(answer),
        retry_after=read_retry_after(answer.headers.getall("Retry-After", []), now if date is None else date),
    )


def _problem(body: bytes) -> tuple[str | None, str | None, list[object] | dict[str, object] | None]:
    """Read code, message and details from `{"error": {...}}`, from OAuth's flat form, or from the oldest flat form."""
    try:
        found: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return None, None, None
    outer = cast("dict[str, object]", found)
    error = outer.get("error")
    if isinstance(error, str):
        return error, _text(outer.get("error_description")), None
    inner = cast("dict[str, object]", error) if isinstance(error, dict) else outer
    details = inner.get("details")
    kept = cast("list[object] | dict[str, object]", details) if isinstance(details, list | dict) else None
    return _text(inner.get("code")), _text(inner.get("message")), kept


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
