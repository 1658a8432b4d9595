"""A caller's values, held against the document's constraints and encoded.

The request structs are generated with the constraints of the OpenAPI document; converting a mapping into one checks
them all. Where that fails, the fields are looked at one by one, so that the error names every wrong one. `call.py` uses
this for bodies and for query parameters.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import NoneType, UnionType
from typing import Annotated, Literal, TypeVar, Union, cast, get_args, get_origin

import msgspec
from msgspec import UNSET

from anton_async.errors import MAX_PROBLEMS, Problem, RequestValidationError, printable
from anton_async.money import Amount, amount, plain

StructT = TypeVar("StructT", bound=msgspec.Struct)

_AT = re.compile(r" - at `.*\Z", re.DOTALL)
_PATTERN = re.compile(r"Expected `str` matching regex '\^?(.+?)(?:\\\\Z|\$)?'")
_PROBLEMS = (
    (_PATTERN, r"must match \1"),
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
_UNFIT = "is not what the API takes"
_TOO_DEEP = "is nested too deeply"
_LEAVES = frozenset({str, int, bool, float, Decimal, type(None)})


def check_fields(kind: type[StructT], fields: Mapping[str, object]) -> StructT:
    """Return `fields` as a checked `kind`.

    Args:
        kind: a generated request struct.
        fields: values by name; UNSET ones are left out, and so is None where the document does not allow null.

    Raises:
        RequestValidationError: values break constraints; the error names the fields, and does not repeat the values.
    """
    nullable = _nullable(kind)
    given: dict[str, object] = {}
    name = ""
    try:
        for name, value in fields.items():
            if value is None:
                if name in nullable:
                    given[name] = None
            elif value is not UNSET:
                given[name] = value if type(value) in _LEAVES else _plain_data(value)
        name = ""
        return msgspec.convert(given, kind, dec_hook=_read_money)
    except RecursionError:
        found = [(name, _TOO_DEEP)]
    except (msgspec.ValidationError, ValueError, AttributeError):
        found = list(itertools.islice(_find_problems(kind, given, ""), MAX_PROBLEMS + 1))
    raise RequestValidationError.of(found or [("", _UNFIT)])


def encode_json(struct: msgspec.Struct) -> bytes:
    """Encode a checked struct.

    Raises:
        RequestValidationError: texts hold half a surrogate pair, which UTF-8 cannot carry.
    """
    try:
        return msgspec.json.encode(struct, enc_hook=_write_money)
    except UnicodeEncodeError:
        pass
    values = {field.encode_name: getattr(struct, field.name) for field in msgspec.structs.fields(struct)}
    raise RequestValidationError.of(
        [(printable(name, 100), _HALF_A_PAIR) for name, value in values.items() if _breaks_utf8(value)]
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
    if type(value) in _LEAVES:
        return leaf(value)
    if isinstance(value, msgspec.Struct):
        value = dict(zip(value.__struct_encode_fields__, msgspec.structs.astuple(value), strict=True))
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {name: _plain_data(item, leaf) for name, item in items if item is not msgspec.UNSET}
    if isinstance(value, list | tuple):
        return [_plain_data(item, leaf) for item in cast("list[object]", value)]
    return leaf(value)


# Types, as annotations: msgspec converts into these, and not into what its inspection makes of them.


@functools.cache
def _nullable(kind: type[msgspec.Struct]) -> frozenset[str]:
    fields = msgspec.structs.fields(kind)
    return frozenset(field.encode_name for field in fields if NoneType in _members(field.type))


def _members(wanted: object) -> list[object]:
    """Return the types of a union, or the one type that it is; what is only marked as left out is none of them."""
    if get_origin(wanted) in {Union, UnionType}:
        return [one for member in get_args(wanted) for one in _members(member) if one is not msgspec.UnsetType]
    return [wanted]


def _bare(wanted: object) -> object:
    return get_args(wanted)[0] if get_origin(wanted) is Annotated else wanted


# Errors


def _find_problems(wanted: object, value: object, path: str) -> Iterator[Problem]:
    """Yield what is wrong with `value`, of each field that its types know apart."""
    inner = _inner_problems([_bare(member) for member in _members(wanted)], value, path)
    first = next(inner, None)
    if first is not None:
        yield first
        yield from inner
    elif problem := _problem(wanted, value):
        yield path, problem


def _inner_problems(members: Sequence[object], value: object, path: str) -> Iterator[Problem]:
    for member in members:
        origin, arguments = get_origin(member), get_args(member)
        if isinstance(value, dict) and isinstance(member, type) and issubclass(member, msgspec.Struct):
            yield from _field_problems(member, cast("dict[object, object]", value), path)
        elif isinstance(value, dict) and origin is dict:
            for key, item in cast("dict[object, object]", value).items():
                if isinstance(key, str):
                    # The name of an entry is the caller's own and may be a secret.
                    yield from _find_problems(arguments[1], item, f"{path}[...]")
                else:
                    yield path, "must have keys of type str"
        elif isinstance(value, list) and origin is list:
            for number, item in enumerate(cast("list[object]", value)):
                yield from _find_problems(arguments[0], item, f"{path}[{number}]")


def _field_problems(kind: type[msgspec.Struct], given: Mapping[object, object], path: str) -> Iterator[Problem]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    before = f"{path}." if path else ""
    for name, field in fields.items():
        if name in given:
            yield from _find_problems(field.type, given[name], before + name)
        elif field.required:
            yield before + name, "is required"
    for key in given:
        if not isinstance(key, str):
            yield path, "must have keys of type str"
        elif key not in fields:
            yield printable(before + key, 100), "is not a field of this request"


def _problem(wanted: object, value: object) -> str | None:
    """Return what is wrong with a value as a whole, in words that do not repeat it."""
    members = _members(wanted)
    try:
        msgspec.convert(value, Union[tuple(members)], dec_hook=_read_money)  # noqa: UP007 - of a tuple
    except msgspec.ValidationError as error:
        return _mend(members, _AT.sub("", str(error)))
    except (ValueError, AttributeError) as error:
        return _HALF_A_PAIR if isinstance(error, UnicodeEncodeError) else _UNFIT
    return None


def _mend(members: Sequence[object], problem: str) -> str:
    if problem.startswith("must "):
        return problem
    if problem.startswith("Invalid enum value"):
        values = [value for member in members if get_origin(member) is Literal for value in get_args(member)]
        return f"must be one of {', '.join(map(str, values))}"
    if wrong := _WRONG_TYPE.fullmatch(problem):
        wanted, got = wrong.groups()
        return f"must be {_type_name(wanted)}, not {_TYPES.get(got, got)}"
    if _PATTERN.fullmatch(problem) and (words := _words(members)):
        return f"must be {words}"
    return next((found.expand(text) for shape, text in _PROBLEMS if (found := shape.fullmatch(problem))), _UNFIT)


def _words(members: Sequence[object]) -> str | None:
    """Return what the document's pattern asks for, as the compiler has put it into words."""
    metas = [meta for member in members for meta in get_args(member)[1:] if isinstance(meta, msgspec.Meta)]
    return next((meta.description for meta in metas if meta.pattern is not None), None)


def _type_name(wanted: str) -> str:
    names = [_TYPES.get(name, name) for name in wanted.split(" | ")]
    return "a list" if names == ["list"] else f"of type {' or '.join(names)}"


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
