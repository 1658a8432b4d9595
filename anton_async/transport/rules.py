"""Conditions over several fields, checked before anything is sent.

JSON Schema of the document says what one field may be; a `Rule` of the overlay says which fields go together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import msgspec

from anton_async.errors import Problem, RequestValidationError
from anton_async.operation import Rule


def check_rules(rules: Sequence[Rule], body: msgspec.Struct) -> None:
    """Hold a checked body against `rules`.

    Raises:
        RequestValidationError: rules are broken; the error names their fields and no value.
    """
    problems = [
        (field, f"{text}{_condition(rule)}")
        for rule in rules
        if all(_met(_find(body, field), wanted) for field, wanted in rule.when)
        for field, text in _problems(rule, [field for field in rule.fields if _find(body, field) is not None])
    ]
    if problems:
        raise RequestValidationError.of(problems)


def _problems(rule: Rule, given: Sequence[str]) -> Iterator[Problem]:
    listed = ", ".join(rule.fields)
    match rule.kind:
        case "require":
            yield from ((field, "is required") for field in rule.fields if field not in given)
        case "forbid":
            yield from ((field, "must be left out") for field in given)
        case "exactly_one" if len(given) != 1:
            yield listed, "give exactly one of these"
        case "at_least_one" if not given:
            yield listed, "give at least one of these"
        case "at_most_one" if len(given) > 1:
            yield listed, "give at most one of these"
        case _:
            return


def _condition(rule: Rule) -> str:
    conditions = [
        f"{field} is {wanted if isinstance(wanted, str) else ' or '.join(_text(value) for value in wanted)}"
        for field, wanted in rule.when
    ]
    return f" when {' and '.join(conditions)}" if conditions else ""


def _text(value: str | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else value


def _met(found: object, wanted: tuple[str | bool, ...] | str) -> bool:
    if isinstance(wanted, str):
        return (found is not None) == (wanted == "present")
    return found in wanted


def _find(body: object, path: str) -> object:
    """Return what stands at a dotted path; None when nothing does, or null."""
    for name in path.split("."):
        if isinstance(body, msgspec.Struct):
            field = next((item for item in msgspec.structs.fields(body) if item.encode_name == name), None)
            body = getattr(body, field.name) if field is not None else None
        else:
            body = cast("dict[str, object]", body).get(name) if isinstance(body, dict) else None
    return None if body is msgspec.UNSET else body
