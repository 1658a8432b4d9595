"""Every field of every request, given everything wrong: what the error says, and what it does not repeat."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import inspect

from anton_async import RequestValidationError
from anton_async.resources.operations import OPERATIONS
from anton_async.transport.validation import check_fields

CANARY = "c4n4ry"
WRONG: list[object] = [
    CANARY,
    f"{CANARY}\ud800",
    f"{CANARY}\n\x1b[31m",
    CANARY * 1000,
    f"2026-09-01T08:00:00{CANARY}",
    CANARY.encode(),
    [CANARY],
    (CANARY,),
    {CANARY},
    {"x": {"x": {"x": CANARY}}},
    {"x": f"{CANARY}\ud800"},
    {1: CANARY},
    [{"x": CANARY}],
    [[CANARY]],
    7,
    -1,
    10**5000,
    7.5,
    float("nan"),
    Decimal("NaN"),
    True,
    None,
    [],
    {},
    object(),
    dt.datetime(2026, 9, 1),  # noqa: DTZ001 - the point
    dt.date(2026, 9, 1),
    msgspec.Raw(CANARY.encode()),
    range(3),
    memoryview(CANARY.encode()),
]
SENTENCE = re.compile(
    r"must .+|is required|is not a field of this request|is not what the API takes|holds half a surrogate pair.+"
)

KINDS = sorted(
    {kind for operation in OPERATIONS.values() for kind in (operation.query, operation.body) if kind is not None},
    key=lambda kind: kind.__name__,
)


def structs(kind: inspect.Type) -> set[type[msgspec.Struct]]:
    """Return the structs in `kind`, itself included."""
    match kind:
        case inspect.StructType():
            inner = [structs(field.type) for field in kind.fields]
            return {kind.cls}.union(*inner)
        case inspect.UnionType():
            return set[type[msgspec.Struct]]().union(*[structs(member) for member in kind.types])
        case inspect.ListType():
            return structs(kind.item_type)
        case _:
            return set()


ALL = sorted(
    set[type[msgspec.Struct]]().union(*[structs(inspect.type_info(kind)) for kind in KINDS]),
    key=lambda kind: kind.__name__,
)


@pytest.mark.fault("H06", "H07", "H12")
@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_an_error_is_a_sentence_that_names_its_field_and_repeats_no_value(kind: type[msgspec.Struct]) -> None:
    fields = msgspec.structs.fields(kind)
    required = {field.encode_name for field in fields if field.required}
    for field in fields:
        errors = [error for value in WRONG if (error := refusal(kind, {field.encode_name: value}))]
        assert errors, field.name
        for error in errors:
            assert error.field == next(iter(error.field_errors))
            for named, problems in error.field_errors.items():
                assert re.split(r"[.\[]", named)[0] in {field.encode_name, *required}, str(error)
                assert all(SENTENCE.fullmatch(problem) for problem in problems), str(error)
            assert CANARY not in f"{error} {error!r} {vars(error)}"
            assert error.__context__ is None


@pytest.mark.fault("H06")
@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_no_pattern_is_shown_as_a_regular_expression(kind: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(kind):
        error = refusal(kind, {field.encode_name: "~"})
        assert error is None or "[" not in " ".join(error.field_errors.get(field.encode_name, [])), str(error)


def refusal(kind: type[msgspec.Struct], fields: dict[str, object]) -> RequestValidationError | None:
    try:
        check_fields(kind, fields)
    except RequestValidationError as error:
        return error
    return None


class Leaf(msgspec.Struct, forbid_unknown_fields=True):
    colour: str | None = None
    size: int | None = None


class Tree(msgspec.Struct, forbid_unknown_fields=True):
    leaves: list[Leaf] | msgspec.UnsetType = msgspec.UNSET
    by_name: dict[str, Leaf] | msgspec.UnsetType = msgspec.UNSET
    either: int | str | msgspec.UnsetType = msgspec.UNSET
    at: dt.datetime | msgspec.UnsetType | None = msgspec.UNSET
    code: Annotated[str, msgspec.Meta(pattern="^[a-zA-Z]{2}$", description="2 letters, such as 'AB'")] = "AB"


SIZE = "size: must be of type int or None, not str"
ELSEWHERE = (
    f"leaves[1].{SIZE}; leaves[1].shape: is not a field of this request; "
    "leaves[2]: must be of type mapping, not int; either: must be of type int or str, not list"
)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"leaves": [{"colour": 1}]}, "leaves[0].colour: must be of type str or None, not int"),
        ({"leaves": [{}, {"shape": 1}]}, "leaves[1].shape: is not a field of this request"),
        ({"leaves": {}}, "leaves: must be a list, not mapping"),
        ({"by_name": {"oak": {"size": "x"}}}, "by_name[...].size: must be of type int or None, not str"),
        ({"by_name": {1: {}}}, "by_name: must have keys of type str"),
        ({"either": []}, "either: must be of type int or str, not list"),
        ({"at": "soon"}, "at: must be a datetime with a time zone, or its text as RFC 3339 has it"),
        ({"leaves": [{}, {"size": "x", "shape": 1}, 7], "either": []}, ELSEWHERE),
        ({"leaves": [{"size": "x"}] * 50}, "; ".join([*(f"leaves[{n}].{SIZE}" for n in range(10)), "and more"])),
        ({"code": "x"}, "code: must be 2 letters, such as 'AB'"),
        ({"x" * 5000: 1}, "x" * 100 + ": is not a field of this request"),
        ({"a\x1b[31m": 1}, "a\\x1b[31m: is not a field of this request"),
    ],
    ids=lambda value: str(value)[:40].encode(errors="replace").decode(),
)
def test_a_nested_field_or_a_choice_of_types_is_told_in_the_words_of_python(fields: Any, message: str) -> None:
    with pytest.raises(RequestValidationError) as caught:
        check_fields(Tree, fields)

    assert str(caught.value) == message
