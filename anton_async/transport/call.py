"""One logical call, checked and encoded once.

`prepare()` is the first stage of the transport: it checks everything a caller passed, before anything is sent, and
freezes it as a `Call`. Every attempt then sends the same URL, the same bytes and the same idempotency key.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote, unquote

import msgspec
from msgspec import UNSET
from msgspec.structs import fields
from yarl import URL

from anton_async.config import RequestOptions, Settings, check_retries, check_timeout
from anton_async.errors import ConfigurationError, Problem, RequestValidationError, printable
from anton_async.operation import Operation
from anton_async.transport.decode import check_readable
from anton_async.transport.form import Form
from anton_async.transport.idempotency import REQUEST_ID, check_key, new_key, request_id
from anton_async.transport.rules import check_rules
from anton_async.transport.validation import check_fields, encode_any, encode_json, to_texts

T = TypeVar("T")

_OPTIONS = frozenset({"idempotency_key", "timeout", "max_retries", "headers"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_PATH = re.compile(r"(?:/[A-Za-z0-9\-._~!$&'()*+,;=:@%]+)+")
_DOTS = frozenset({".", ".."})
_NOTHING = cast("Hashable", type(None))
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"(?:[!-~](?:[ \t!-~]*[!-~])?)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
OUR_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "dpop",
        "expect",
        "host",
        "idempotency-key",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class Call(msgspec.Struct, Generic[T], frozen=True, kw_only=True, eq=False):
    """One logical call: what every attempt of it sends, and how long and how often it may try.

    `budgeted` says whether its retries are paid from the client's retry budget.
    """

    operation: Operation[T]
    url: URL
    headers: Mapping[str, str]
    body: bytes | None
    idempotency_key: str | None
    timeout: float
    max_retries: int
    budgeted: bool = True

    @property
    def label(self) -> str:
        """Return method and path template, for messages: it holds no ids and no query."""
        return f"{self.operation.method} {self.operation.path}"

    def __repr__(self) -> str:
        return f"Call({self.label})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("label", self.label)]


def prepare(
    operation: Operation[T],
    settings: Settings,
    options: RequestOptions,
    *,
    path: Sequence[object] = (),
    query: Mapping[str, object] | None = None,
    body: Mapping[str, object] | None = None,
    form: Form | None = None,
) -> Call[T]:
    """Check a call against the document and freeze it.

    Args:
        operation: the endpoint.
        settings: defaults of the client.
        options: what this call changes.
        path: values of the path parameters, in template order.
        query: query parameters; None and UNSET values are left out.
        body: fields of the JSON body; None and UNSET values are left out, None is sent where the document allows null.
        form: an encoded multipart body, in place of `body`.

    Raises:
        RequestValidationError: values break constraints of the document; the error names the arguments and not the
            values.
        ConfigurationError: `timeout` or `max_retries` is out of range.
    """
    query, body = query or {}, body or {}
    try:
        _check_options(operation, options)
        url = with_query(join(settings.base_url, _path(operation, path)), _query(operation, query))
        content = _encode_body(operation, body) if form is None else form.body
        content_type = "application/json" if form is None else form.content_type
        return freeze(operation, settings, options, url=url, body=content, content_type=content_type)
    except RequestValidationError:
        pass
    inner = [
        *_problems(lambda: with_query(settings.base_url, _query(operation, query))),
        *_problems(lambda: None if form else _encode_body(operation, body)),
    ]
    raise RequestValidationError.of(
        [
            *_problems(lambda: _check_options(operation, options)),
            *_problems(lambda: _path(operation, path)),
            *((_as_argument(operation, field), text) for field, text in inner),
            *_problems(lambda: _key(operation, options)),
            *_problems(lambda: _extra_headers(options.get("headers"))),
        ]
    )


def _problems(check: Callable[[], object]) -> list[Problem]:
    """Return what one of the checks of a call finds wrong."""
    try:
        check()
    except RequestValidationError as error:
        found = [(field, text) for field, texts in error.field_errors.items() for text in texts]
        return found or [("", error.message)]
    return []


def _as_argument(operation: Operation[T], field: str) -> str:
    """Return the path of a field with the name that the generated method has for it."""
    found = next(((wire, name) for wire, name in operation.renamed if re.match(rf"{wire}(?![^.\[])", field)), None)
    return field if found is None else found[1] + field.removeprefix(found[0])


def prepare_unknown(
    method: object,
    path: object,
    response_type: type[T],
    settings: Settings,
    options: RequestOptions,
    *,
    query: object = None,
    body: Mapping[str, object] | None = None,
) -> Call[T]:
    """Check a call of an endpoint that the document does not know, as far as that goes, and freeze it.

    Args:
        method: HTTP method.
        path: path below the base URL, percent-encoded.
        response_type: what to decode the answer into; None's own type for nothing.
        settings: defaults of the client.
        options: what this call changes.
        query: mapping of names to texts.
        body: anything that JSON can carry.

    Raises:
        RequestValidationError: a part of the request cannot be sent.
        ConfigurationError: nothing can be decoded into `response_type`.
    """
    if not isinstance(method, str) or method.upper() not in _METHODS:
        raise RequestValidationError("must be one of " + ", ".join(sorted(_METHODS)), field="method")
    if not isinstance(path, str) or _PATH.fullmatch(path) is None or _DOTS & {*unquote(path).split("/")}:
        raise RequestValidationError("must be a path such as /v1/payouts, without query or dot segments", field="path")
    operation = _unknown_operation(method.upper(), path, response_type)
    check_readable(operation)
    pairs = _texts({} if query is None else query, "query")
    url = with_query(join(settings.base_url, path), pairs)
    return freeze(operation, settings, options, url=url, body=None if body is None else encode_any(body))


def _unknown_operation(method: str, path: str, response_type: type[T]) -> Operation[T]:
    try:
        return cast("Operation[T]", _operation_for(method, path, cast("Hashable", response_type)))
    except TypeError:
        pass
    raise ConfigurationError("response_type must be a type, such as a Struct or dict.")


@functools.lru_cache(maxsize=64)
def _operation_for(method: str, path: str, response_type: Hashable) -> Operation[Any]:
    """Return the same operation for the same endpoint each time, so that its decoders are built once."""
    changes = method in {"POST", "PUT", "PATCH", "DELETE"}
    return Operation(
        id="request",
        name="request",
        method=method,
        path=path,
        response=cast("type[Any]", response_type),
        shape="none" if response_type is _NOTHING else "object",
        retry="keyed" if changes else "safe",
        idempotency_key=changes,
    )


def freeze(
    operation: Operation[T],
    settings: Settings,
    options: RequestOptions,
    *,
    url: URL,
    body: bytes | None,
    content_type: str = "application/json",
) -> Call[T]:
    """Freeze a call whose URL and body bytes are known already, such as one read back from a journal."""
    key, timeout, retries = _key(operation, options), options.get("timeout"), options.get("max_retries")
    headers = _extra_headers(options.get("headers"))
    if operation.authenticated and not (headers and any(name.lower() == "x-request-id" for name in headers)):
        headers[REQUEST_ID] = request_id(key)
    headers["Accept"] = operation.accept
    if body is not None:
        headers["Content-Type"] = content_type
    if operation.shape == "file":
        # As it is: a progress report counts the bytes that Content-Length announced.
        headers["Accept-Encoding"] = "identity"
    if key is not None:
        headers["Idempotency-Key"] = key
    return Call(
        operation=operation,
        url=url,
        headers=headers,
        body=body,
        idempotency_key=key,
        timeout=settings.timeout if timeout is None else check_timeout(timeout),
        max_retries=settings.max_retries if retries is None else check_retries(retries),
    )


def _key(operation: Operation[T], options: RequestOptions) -> str | None:
    key = options.get("idempotency_key")
    if operation.idempotency_key:
        return new_key() if key is None else check_key(key)
    if key is not None:
        raise RequestValidationError(
            "this call does not take one: it does not change anything.", field="idempotency_key"
        )
    return None


def _check_options(operation: Operation[T], options: RequestOptions) -> None:
    if options and not options.keys() <= _OPTIONS:
        unknown = sorted(set(options) - _OPTIONS)
        raise RequestValidationError.of([(printable(name, 100), _unknown(operation, name)) for name in unknown])


def _unknown(operation: Operation[T], name: str) -> str:
    """Return what is wrong with an argument that no method of ours has, and which one may have been meant."""
    kinds = [kind for kind in (operation.query, operation.body) if kind is not None]
    known = [*_OPTIONS, *(field.name for kind in kinds for field in fields(kind))]
    meant = get_close_matches(name, known, n=1)
    return f"is not a parameter of this call{f': did you mean {meant[0]}?' if meant else ''}"


def _path(operation: Operation[T], path: Sequence[object]) -> str:
    if not path and not operation.path_parameters:
        return operation.path
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for one, value in zip(operation.path_parameters, path, strict=True):
        if not isinstance(value, str) or re.fullmatch(one.pattern, value, re.ASCII) is None:
            problems.append((one.argument, f"must be {one.words}"))
        else:
            values[one.name] = quote(value, safe="")
    if problems:
        raise RequestValidationError.of(problems)
    return operation.path.format_map(values)


def _query(operation: Operation[T], query: Mapping[str, object]) -> list[tuple[str, str]]:
    if operation.query is None and not query:
        return []
    if operation.query is not None:
        return to_texts(check_fields(operation.query, query))
    given = [name for name, value in query.items() if value is not None and value is not UNSET]
    if given:
        raise RequestValidationError.of([(name, "this call takes no query parameters") for name in given])
    return []


def with_query(url: URL, pairs: Sequence[tuple[str, str]]) -> URL:
    """Return `url` with `pairs` as its query.

    Raises:
        RequestValidationError: a name or value holds half a surrogate pair, which UTF-8 cannot carry.
    """
    if not pairs:
        return url
    for name, value in pairs:
        if _SURROGATE.search(name + value):
            raise RequestValidationError("must not hold half a surrogate pair", field=name)
    return url.with_query(pairs)


@functools.lru_cache(maxsize=256)
def join(base_url: URL, path: str) -> URL:
    """Return `path`, already percent-encoded, below `base_url`."""
    return URL(f"{str(base_url).rstrip('/')}{path}", encoded=True)


def _encode_body(operation: Operation[T], fields: Mapping[str, object]) -> bytes | None:
    if operation.body is None:
        return None
    checked = check_fields(operation.body, fields)
    check_rules(operation.rules, checked)
    encoded = encode_json(checked)
    return None if encoded == b"{}" and not operation.body_required else encoded


def _extra_headers(headers: object) -> dict[str, str]:
    checked: dict[str, str] = {}
    if headers is None:
        return checked
    for name, value in _texts(headers, "headers"):
        if _HEADER_NAME.fullmatch(name) is None:
            raise RequestValidationError("a header name must be an HTTP token", field="headers")
        if name.lower() in OUR_HEADERS:
            raise RequestValidationError(f"the SDK sets {name.lower()} itself", field="headers")
        if _HEADER_VALUE.fullmatch(value) is None:
            raise RequestValidationError(f"the value of {name} must be printable ASCII", field="headers")
        checked[name] = value
    return checked


def _texts(given: object, field: str) -> list[tuple[str, str]]:
    pairs = [*cast("Mapping[object, object]", given).items()] if isinstance(given, Mapping) else [(given, None)]
    if not all(isinstance(part, str) for pair in pairs for part in pair):
        raise RequestValidationError("must be a mapping of names to values, all of them text", field=field)
    return cast("list[tuple[str, str]]", pairs)
