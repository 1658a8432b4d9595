"""An answer that arrived, turned into data or into the right error.

Success bodies are decoded by one cached msgspec decoder an operation; single objects are read bare and as `{"data":
{...}}`, as the two published editions have them. Error bodies are read in every shape the API and its token endpoint
have used.

What is no plain JSON of the documented types is read by these rules, everywhere:

    a key twice in an object        the last one counts; each has to be readable
    money                           a text or a number that `Decimal` reads as one finite amount, exactly
    NaN and infinities              a decode error, as text and as a bare word
    timestamps                      RFC 3339; rounded to microseconds; a leap second (:60) is a decode error
    unknown fields and enum values  ignored, and kept as text
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

import msgspec
import msgspec.inspect

from anton_async.errors import ApiError, ConfigurationError, ResponseDecodeError, api_error_class, printable
from anton_async.finite import refuse_endless
from anton_async.operation import Operation
from anton_async.place import place
from anton_async.transport.retry_after import read_date, read_retry_after
from anton_async.transport.wire import WireAnswer

T = TypeVar("T")

_LARGEST_ERROR = 64 * 1024  # bytes
_REQUEST_ID = re.compile(r"[!-~]{1,200}")
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class PageBody(msgspec.Struct, Generic[T], frozen=True):
    """The envelope of one page."""

    data: list[T]
    has_more: bool = False
    next_cursor: str | None = None


class _ListBody(msgspec.Struct, Generic[T], frozen=True):
    data: list[T]


class _Enveloped(msgspec.Struct, Generic[T], frozen=True):
    data: T | msgspec.UnsetType = msgspec.UNSET


class _EnvelopeAlone(msgspec.Struct, Generic[T], frozen=True, forbid_unknown_fields=True):
    """For what takes any members: an object is an envelope only when it has none beside `data`."""

    data: T | msgspec.UnsetType = msgspec.UNSET


def read_data(operation: Operation[T], answer: WireAnswer) -> object:
    """Return the data of a success answer: an object, a list, a `PageBody` or None, as the operation's shape says.

    Raises:
        ResponseDecodeError: the body is not what the API promises; the error names the path and repeats no value.
    """
    try:
        return _reader(operation)(answer.body)
    except msgspec.ValidationError as error:
        kind = getattr(operation.response, "__name__", str(operation.response))
        problem = f"it does not fit {kind} at {place(error)}"
    except (msgspec.DecodeError, ArithmeticError, ValueError):
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
    except (TypeError, NameError):
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
        return refuse_endless(kind, msgspec.json.Decoder(PageBody[kind]).decode, lambda page: page.data, "$.data")
    if operation.shape == "list":
        lists = msgspec.json.Decoder(_ListBody[kind])
        return refuse_endless(kind, lambda body: lists.decode(body).data, lambda items: items, "$.data")
    decoder = msgspec.json.Decoder(kind)
    read = decoder.decode if operation.shape == "bare" else _either(kind, decoder)
    return refuse_endless(kind, read, lambda found: (found,), "$")


def _either(kind: Any, bare: msgspec.json.Decoder[Any]) -> Callable[[bytes], object]:
    """Read an object bare or as `{"data": {...}}`; one that has a member `data` of its own is tried as both."""
    envelope: Any = _Enveloped if _has_fields(kind) else _EnvelopeAlone
    enveloped = msgspec.json.Decoder(envelope[kind])

    def read(body: bytes) -> object:
        if body.lstrip()[:1] != b"{":
            return bare.decode(body)
        try:
            data = enveloped.decode(body).data
        except msgspec.ValidationError as error:
            refusal = error
        else:
            return bare.decode(body) if data is msgspec.UNSET else data
        if envelope is _Enveloped and len(_MEMBERS.decode(body)) == 1:
            # Nothing but `data` is an envelope; read bare, an object of optional fields would come out empty.
            raise refusal
        try:
            return bare.decode(body)
        except msgspec.ValidationError:
            # What is wrong inside the envelope says more than that the envelope is not the object.
            raise refusal from None

    return read


def _has_fields(kind: Any) -> bool:
    return not isinstance(msgspec.inspect.type_info(kind), msgspec.inspect.DictType | msgspec.inspect.AnyType)


def request_id(answer: WireAnswer) -> str | None:
    """Return `X-Request-ID` when it is a sane identifier."""
    value = answer.headers.get("X-Request-ID")
    return value if value is not None and _REQUEST_ID.fullmatch(value) else None


def error_code(answer: WireAnswer) -> str | None:
    """Return the API's or OAuth's error code of an error answer."""
    return _problem(answer.body)[0]


def read_error(
    label: str,
    answer: WireAnswer,
    *,
    now: float,
    redact: Callable[[str], str],
    kind: type[ApiError] | None = None,
) -> ApiError:
    """Return the error for an answer whose status is not a success.

    Args:
        label: method and path template.
        answer: the answer.
        now: Unix time, for a `Retry-After` given as a date by an answer that does not say what time it is.
        redact: takes our secrets out of a text of the server's; it comes before a text is cut or escaped.
        kind: the error class, where the status alone does not decide it.
    """
    code, message, details = _problem(answer.body, redact)
    identifier = request_id(answer)
    date = read_date(answer.headers.getall("Date", []))
    if 300 <= answer.status < 400:
        message = "the API answered with a redirect, which is never followed: check base_url"
    return (kind or api_error_class(answer.status))(
        f"{label}: {printable(message or 'the API gave no reason')}",
        status=answer.status,
        code=printable(code, 100) if code else None,
        details=details,
        request_id=redact(identifier) if identifier else None,
        retry_after=read_retry_after(answer.headers.getall("Retry-After", []), now if date is None else date),
    )


def _problem(
    body: bytes, redact: Callable[[str], str] = str
) -> tuple[str | None, str | None, list[object] | dict[str, object] | None]:
    """Read code, message and details from `{"error": {...}}`, from OAuth's flat form, or from the oldest flat form."""
    try:
        # What is larger is no error of the API's, and reading all of it would hold up the loop.
        found = _each_text(msgspec.json.decode(body), redact) if len(body) <= _LARGEST_ERROR else None
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


def _each_text(value: object, change: Callable[[str], str]) -> object:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_each_text(item, change) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {change(name): _each_text(item, change) for name, item in items}
    return value


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
