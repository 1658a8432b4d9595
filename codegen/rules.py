"""Conditions over several fields, which the overlay states because no JSON Schema of the document does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from codegen.calls import Call
from codegen.document import Node
from codegen.errors import CodegenError
from codegen.schemas import Member, Schemas
from codegen.sensitive import references

_PRESENCE = ("present", "absent")
_KINDS = ("exactly_one", "at_least_one", "at_most_one", "require", "forbid")
_SAID = {
    "exactly_one": "give exactly one of {}",
    "at_least_one": "give at least one of {}",
    "at_most_one": "give at most one of {}",
    "require": "give {}",
    "forbid": "leave out {}",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition, as the operation table has it."""

    kind: str
    fields: tuple[str, ...]
    when: tuple[tuple[str, tuple[object, ...] | str], ...]

    def __str__(self) -> str:
        fields = [f"`{field}`" for field in self.fields]
        said = _SAID[self.kind].format(", ".join(fields) if self.kind != "require" else " and ".join(fields))
        when = [
            f"`{field}` is {wanted if isinstance(wanted, str) else ' or '.join(f'`{value}`' for value in wanted)}"
            for field, wanted in self.when
        ]
        return f"When {' and '.join(when)}, {said}." if when else f"{said[0].upper()}{said[1:]}."


def read_rules(call: Call, schemas: Schemas) -> tuple[Rule, ...]:
    """Return the conditions on the body of an operation.

    Raises:
        CodegenError: one is not written as a rule, or names a field that the body does not have.
    """
    rules = tuple(_rule(call, node) for node in cast("list[object]", call.node.get("x-anton-rules", [])))
    for rule in rules:
        for path in rule.fields:
            _find(schemas, call, path)
        for path, wanted in rule.when:
            _check_values(call, path, wanted, list(_values(schemas, _find(schemas, call, path))))
    return rules


def _rule(call: Call, node: object) -> Rule:
    given = cast("Node", node) if isinstance(node, dict) else {}
    kinds = [kind for kind in _KINDS if kind in given]
    fields, when = given.get(kinds[0]) if kinds else None, given.get("when", {})
    if len(kinds) != 1 or set(given) - {kinds[0], "when"} or not _are_fields(fields) or not _are_conditions(when):
        raise CodegenError(
            f"{call.id}: a rule is one of {', '.join(_KINDS)} with a list of fields, and perhaps `when` with values by "
            "field, `present` or `absent`. Write the rule that way in the overlay."
        )
    conditions = cast("dict[str, list[object] | str]", when)
    return Rule(
        kinds[0],
        tuple(cast("list[str]", fields)),
        tuple((field, tuple(value) if isinstance(value, list) else value) for field, value in conditions.items()),
    )


def _are_fields(node: object) -> bool:
    names = cast("list[object]", node) if isinstance(node, list) else []
    return bool(names) and all(isinstance(name, str) for name in names)


def _are_conditions(node: object) -> bool:
    if not isinstance(node, dict):
        return False
    return all(
        wanted in _PRESENCE if isinstance(wanted, str) else isinstance(wanted, list) and wanted != []
        for wanted in cast("dict[str, object]", node).values()
    )


def _find(schemas: Schemas, call: Call, path: str) -> list[Member]:
    """Return the fields that a dotted path may lead to; none inside a map, which may have any."""
    names = [schemas.requests.names[call.body]] if call.body else []
    members: list[Member] = []
    for step in path.split("."):
        structs = [schemas.requests.structs[name] for name in names if name in schemas.requests.structs]
        members = [member for struct in structs for member in struct.members if member.name == step]
        if not members:
            raise CodegenError(f"{call.id}: x-anton-rules names `{path}`, which is no field of its body.")
        if any("additionalProperties" in member.schema for member in members):
            return []
        names = [name for member in members for name in references(member.schema)]
    return members


def _values(schemas: Schemas, members: Sequence[Member]) -> Iterator[str]:
    for member in members:
        for name in references(member.schema):
            yield from schemas.enums[name].values if name in schemas.enums else ()


def _check_values(call: Call, path: str, wanted: tuple[object, ...] | str, known: Sequence[str]) -> None:
    unknown = [value for value in wanted if value not in known] if known and not isinstance(wanted, str) else []
    if unknown:
        raise CodegenError(
            f"{call.id}: x-anton-rules asks whether `{path}` is `{unknown[0]}`, which is no value of it. "
            f"Use {', '.join(known)}."
        )
