"""A caller's values, held against the document's constraints and encoded.

The request structs are generated with the constraints of the OpenAPI document; converting a mapping into one checks
them all. `call.py` uses this for bodies and for query parameters.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeVar, cast

import msgspec
from msgspec import inspect

from anton_async.errors import RequestValidationError
from anton_async.money import Amount, amount, plain

StructT = TypeVar("StructT", bound=msgspec.Struct)

_AT = re.compile(r"(?P<problem>.*?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL)
_FIELD_PROBLEMS = (
    (re.compile(r"Object missing required field `(.+)`"), "is required"),
    (re.compile(r"Object contains unknown field `(.+)`"), "is not a field of this request"),
)
_VALUE_PROBLEMS = (
    (re.compile(r"Expected `str` matching regex '\^?(.+?)(?:\\\\Z|\$)?'"), r"must match \1"),
    (re.compile(r"Expected `str` of length <= (\d+)"), r"must have at most \1 characters"),
    (re.compile(r"Expected `str` of length >= (\d+)"), r"must have at least \1 characters"),
    (re.compile(r"Expected `int` >= (-?\d+)"), r"must be \1 or more"),
    (re.compile(r"Expected `int` <= (-?\d+)"), r"must be \1 or less"),
    (re.compile(r"Expected `datetime` with a timezone component"), "must be a datetime with a time zone"),
    (re.compile(r"Expected `array`, got `(.+)`"), r"must be a list, not \1"),
    (re.compile(r"Expected `(.+)`, got `(.+)`"), r"must be of type \1, not \2"),
)


def check_fields(kind: type[StructT], fields: Mapping[str, object]) -> StructT:
    """Return `fields` as a checked `kind`.

    Args:
        kind: a generated request struct.
        fields: values by name; UNSET ones are left out, and so is None where the document does not allow null.

    Raises:
        RequestValidationError: a value breaks a constraint; the error names the field, and does not repeat the value.
    """
    nullable = _nullable(kind)
    try:
        given = {
            name: _plain_data(value)
            for name, value in fields.items()
            if value is not msgspec.UNSET and (value is not None or name in nullable)
        }
        return msgspec.convert(given, kind, dec_hook=_read_money)
    except msgspec.ValidationError as error:
        problem, field = _explain(kind, str(error))
    except RecursionError:
        problem, field = "is nested too deeply", None
    raise RequestValidationError(problem, field=field)


def encode_json(struct: msgspec.Struct) -> bytes:
    """Encode a checked struct.

    Raises:
        RequestValidationError: a text holds half a surrogate pair, which UTF-8 cannot carry.
    """
    try:
        return msgspec.json.encode(struct, enc_hook=_write_money)
    except UnicodeEncodeError:
        field = next((name for name in struct.__struct_fields__ if _breaks_utf8(getattr(struct, name))), None)
    raise RequestValidationError("holds half a surrogate pair, which is not text", field=field)


def encode_any(body: Mapping[str, object]) -> bytes:
    """Encode a body that no struct describes; decimals are written in plain digits.

    Raises:
        RequestValidationError: it holds something that JSON or UTF-8 cannot carry.
    """
    try:
        return msgspec.json.encode(_plain_data(body, _plain_decimal))
    except (UnicodeEncodeError, TypeError, NotImplementedError, RecursionError, ValueError):
        pass
    raise RequestValidationError("cannot be encoded as JSON", field="body")


def to_texts(struct: msgspec.Struct) -> list[tuple[str, str]]:
    """Return the set fields of a checked query struct as texts; a list gives its name once for each item."""
    encode_json(struct)
    values = cast("dict[str, object]", msgspec.to_builtins(struct, enc_hook=_write_money))
    return [(name, _text(item)) for name, value in values.items() for item in _items(value)]


def _items(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else [value]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _same(value: object) -> object:
    return value


def _plain_decimal(value: object) -> object:
    return plain(value) if isinstance(value, Decimal) else value


def _plain_data(value: object, leaf: Callable[[object], object] = _same) -> object:
    """Turn structs inside a request into mappings: msgspec would take them without a look."""
    if isinstance(value, msgspec.Struct):
        value = dict(zip(value.__struct_encode_fields__, msgspec.structs.astuple(value), strict=True))
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {name: _plain_data(item, leaf) for name, item in items if item is not msgspec.UNSET}
    if isinstance(value, list | tuple):
        return [_plain_data(item, leaf) for item in cast("list[object]", value)]
    return leaf(value)


@functools.cache
def _nullable(kind: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(item.encode_name for item in msgspec.structs.fields(kind) if _allows(item.type, inspect.NoneType))


def _allows(annotation: object, wanted: type[inspect.Type]) -> bool:
    return any(isinstance(member, wanted) for member in _members(annotation))


def _members(annotation: object) -> tuple[inspect.Type, ...]:
    found = inspect.type_info(cast("type", annotation))
    return found.types if isinstance(found, inspect.UnionType) else (found,)


def _explain(kind: type[msgspec.Struct], text: str) -> tuple[str, str | None]:
    found = _AT.fullmatch(text)
    problem, path = (found["problem"], found["path"] or "") if found else (text, "")
    for pattern, message in _FIELD_PROBLEMS:
        if inner := pattern.fullmatch(problem):
            return message, f"{path}.{inner[1]}".removeprefix(".")
    if problem.startswith("Invalid enum value"):
        return _allowed_values(kind, path), path
    for pattern, message in _VALUE_PROBLEMS:
        if inner := pattern.fullmatch(problem):
            return inner.expand(message), path or None
    return problem[:1].lower() + problem[1:], path or None


def _allowed_values(kind: type[msgspec.Struct], path: str) -> str:
    name = path.partition("[")[0].partition(".")[0]
    for item in msgspec.structs.fields(kind):
        if item.encode_name == name:
            for member in _members(item.type):
                literal = member.item_type if isinstance(member, inspect.ListType) else member
                if isinstance(literal, inspect.LiteralType):
                    return "must be one of " + ", ".join(str(value) for value in literal.values)
    return "is not one of the allowed values"


def _breaks_utf8(value: object) -> bool:
    if value is msgspec.UNSET:
        return False
    try:
        msgspec.json.encode(value, enc_hook=_write_money)
    except UnicodeEncodeError:
        return True
    return False


def _read_money(kind: type, value: object) -> object:
    return amount(value) if kind is Amount else value


def _write_money(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    raise NotImplementedError(f"Cannot encode {type(value).__name__}")
