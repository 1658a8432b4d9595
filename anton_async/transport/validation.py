"""A caller's values, held against the document's constraints and encoded.

The request structs are generated with the constraints of the OpenAPI document; converting a mapping into one checks
them all. `call.py` uses this for bodies and for query parameters.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar, cast

import msgspec
from msgspec import inspect

from anton_async.errors import RequestValidationError, printable
from anton_async.money import Amount, amount, plain

StructT = TypeVar("StructT", bound=msgspec.Struct)

_AT = re.compile(r"(?P<problem>.*?)(?: - at (?P<key>`key` in )?`\$\.?(?P<path>.*)`)?", re.DOTALL)
_FIELD_PROBLEMS = (
    (re.compile(r"Object missing required field `(.+)`"), "is required"),
    (re.compile(r"Object contains unknown field `(.+)`", re.DOTALL), "is not a field of this request"),
)
_VALUE_PROBLEMS = (
    (re.compile(r"Expected `str` matching regex '\^?(.+?)(?:\\\\Z|\$)?'"), r"must match \1"),
    (re.compile(r"Expected `str` of length <= (\d+)"), r"must have at most \1 characters"),
    (re.compile(r"Expected `str` of length >= (\d+)"), r"must have at least \1 characters"),
    (re.compile(r"Expected `(?:array|object)` of length <= (\d+)"), r"must hold at most \1"),
    (re.compile(r"Expected `(?:array|object)` of length >= (\d+)"), r"must hold at least \1"),
    (re.compile(r"Expected `(?:int|float)` >= (\S+)"), r"must be \1 or more"),
    (re.compile(r"Expected `(?:int|float)` <= (\S+)"), r"must be \1 or less"),
    (re.compile(r"Expected `(?:int|float)` > (\S+)"), r"must be more than \1"),
    (re.compile(r"Expected `(?:int|float)` < (\S+)"), r"must be less than \1"),
    (re.compile(r"Expected `(?:int|float)` that's a multiple of (\S+)"), r"must be a multiple of \1"),
    (re.compile(r"Expected `datetime` with a timezone component"), "must be a datetime with a time zone"),
    (re.compile(r"Invalid RFC3339 .*"), "must be a datetime with a time zone, or its text as RFC 3339 has it"),
)
_WRONG_TYPE = re.compile(r"Expected `(.+)`, got `(.+)`")
_TYPES = {"object": "mapping", "array": "list", "null": "None"}
"""What JSON calls one thing and Python another."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_HALF_A_PAIR = "holds half a surrogate pair, which is not text"


def check_fields(kind: type[StructT], fields: Mapping[str, object]) -> StructT:
    """Return `fields` as a checked `kind`.

    Args:
        kind: a generated request struct.
        fields: values by name; UNSET ones are left out, and so is None where the document does not allow null.

    Raises:
        RequestValidationError: a value breaks a constraint; the error names the field, and does not repeat the value.
    """
    nullable = _nullable(kind)
    given: dict[str, object] = {}
    try:
        given = {
            name: _plain_data(value)
            for name, value in fields.items()
            if value is not msgspec.UNSET and (value is not None or name in nullable)
        }
        return msgspec.convert(given, kind, dec_hook=_read_money)
    except msgspec.ValidationError as error:
        problem, field = _explain(kind, str(error))
    except (ValueError, AttributeError) as error:
        problem = _HALF_A_PAIR if isinstance(error, UnicodeEncodeError) else "is not what the API takes"
        field = _indigestible(kind, given)
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
        pass
    names = zip(struct.__struct_encode_fields__, struct.__struct_fields__, strict=True)
    raise RequestValidationError(
        _HALF_A_PAIR, field=_broken_text({name: getattr(struct, attribute) for name, attribute in names})
    )


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
    """Return what msgspec found wrong as a sentence without the value, and the field."""
    found = _AT.fullmatch(text)
    problem, path = (found["problem"], found["path"] or "") if found else (text, "")
    if found and found["key"]:
        return "must have keys of type str", path or None
    for pattern, message in _FIELD_PROBLEMS:
        if inner := pattern.fullmatch(problem):
            return message, printable(f"{path}.{inner[1]}".removeprefix("."), 100)
    return _mend(kind, problem, path), path or None


def _mend(kind: type[msgspec.Struct], problem: str, path: str) -> str:
    if problem.startswith("must "):
        return problem
    if problem.startswith("Invalid enum value"):
        values = _allowed_values(inspect.type_info(kind), path.replace("[", ".[").split("."))
        return "must be one of " + ", ".join(map(str, values)) if values else "is not one of the allowed values"
    if wrong := _WRONG_TYPE.fullmatch(problem):
        wanted, got = wrong.groups()
        return f"must be {_type_name(wanted)}, not {_TYPES.get(got, got)}"
    for pattern, message in _VALUE_PROBLEMS:
        if inner := pattern.fullmatch(problem):
            return inner.expand(message)
    return "is not what the API takes"


def _type_name(wanted: str) -> str:
    names = [_TYPES.get(name, name) for name in wanted.split(" | ")]
    return "a list" if names == ["list"] else f"of type {' or '.join(names)}"


def _allowed_values(kind: inspect.Type, path: Sequence[str]) -> tuple[object, ...]:
    """Return the values of the enum at `path`; none when there is no enum."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        return next((values for member in kind.types if (values := _allowed_values(member, path))), ())
    if isinstance(kind, inspect.LiteralType):
        return tuple(kind.values)
    if isinstance(kind, inspect.CollectionType):
        return _allowed_values(kind.item_type, path[1:])
    if isinstance(kind, inspect.StructType):
        fields = [field.type for field in kind.fields if path and field.encode_name == path[0]]
        return _allowed_values(fields[0], path[1:]) if fields else ()
    return ()


def _indigestible(kind: type[msgspec.Struct], given: Mapping[str, object]) -> str | None:
    """Return the field that msgspec fails on without telling which."""
    for name, value in given.items():
        try:
            msgspec.convert({name: value}, kind, dec_hook=_read_money)
        except msgspec.ValidationError:
            continue
        except (ValueError, AttributeError):
            return name
    return None


def _broken_text(fields: Mapping[str, object]) -> str | None:
    return next((printable(name, 100) for name, value in fields.items() if _breaks_utf8(name, value)), None)


def _breaks_utf8(*values: object) -> bool:
    for value in values:
        if isinstance(value, msgspec.Struct):
            inner: Sequence[object] = msgspec.structs.astuple(value)
        elif isinstance(value, Mapping):
            inner = [part for item in cast("Mapping[object, object]", value).items() for part in item]
        else:
            inner = cast("list[object]", value) if isinstance(value, list) else []
        if (isinstance(value, str) and _SURROGATE.search(value)) or _breaks_utf8(*inner):
            return True
    return False


def _read_money(kind: type, value: object) -> object:
    return amount(value) if kind is Amount else value


def _write_money(value: object) -> object:
    if isinstance(value, Decimal):
        return plain(value)
    raise NotImplementedError(f"Cannot encode {type(value).__name__}")
