"""Waiting helpers: which method waits, for which field to have which values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from codegen import names
from codegen.calls import Call
from codegen.document import Node
from codegen.errors import CodegenError
from codegen.schemas import Enum, Member, Schemas
from codegen.sensitive import references


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One waiting helper of a retrieve operation.

    Attributes:
        method: its name.
        field: what it looks at, as users write it.
        state: Python expression of that, of an answer called `found`.
        terminal: Python expression of the values that end the wait.
        until: values beside the terminal ones that end it.
        summary: what it waits for, in a sentence.
    """

    method: str
    field: str
    state: str
    terminal: str
    until: tuple[str, ...]
    summary: str


def waits(node: Node) -> list[object]:
    """Return what the overlay says about waiting on an operation."""
    asked = node.get("x-anton-wait", [])
    return cast("list[object]", asked) if isinstance(asked, list) else [asked]


def read_waits(call: Call, schemas: Schemas) -> tuple[Wait, ...]:
    """Return the waiting helpers of an operation.

    Raises:
        CodegenError: the field cannot be found, has no terminal values, or the operation is no retrieval.
    """
    return tuple(_wait(call, asked, schemas) for asked in waits(call.node))


def _wait(call: Call, asked: object, schemas: Schemas) -> Wait:
    if not isinstance(asked, dict) or not isinstance(cast("Node", asked).get("until", []), list):
        raise CodegenError(
            f"{call.id}: write x-anton-wait as {{method: wait, field: status}}, perhaps with `until: [...]`."
        )
    asked = cast("Node", asked)
    method, steps = names.identifier(asked.get("method"), call.id), str(asked.get("field")).split(".")
    member = _follow(call, steps, schemas)
    enum = (
        next((schemas.enums[name] for name in references(member.schema) if name in schemas.enums), None)
        if member
        else None
    )
    if enum is None or not enum.terminal or len(call.path_parameters) != 1 or call.shape not in {"object", "bare"}:
        raise CodegenError(
            f"{call.id}: x-anton-wait needs one path parameter, an answer with one object, and there a required field "
            f"`{'.'.join(steps)}` whose enum has x-anton-terminal. Complete these in the overlay, or drop x-anton-wait."
        )
    until = tuple(cast("list[str]", asked.get("until", [])))
    return Wait(
        method=method,
        field=".".join(steps),
        state=_expression(call, steps),
        terminal=_terminal(call, enum, until),
        until=until,
        summary=str(asked.get("summary", f"Wait until `{'.'.join(steps)}` has a final value")),
    )


def _follow(call: Call, steps: Sequence[str], schemas: Schemas) -> Member | None:
    """Return the field at the end of `steps`; a number stands for an item of a list."""
    struct, member = schemas.answers.names[call.answer] if call.answer else None, None
    for step in steps:
        if step.isdigit():
            continue
        member = schemas.answers.members(struct).get(step) if struct else None
        if member is None or not member.required:
            return None
        struct = next((name for name in references(member.schema) if name in schemas.answers.structs), None)
    return member


def _expression(call: Call, steps: Sequence[str]) -> str:
    found, lists = "found", list[str]()
    for step in steps:
        if step.isdigit():
            lists.append(found)
            found = f"{found}[{step}]"
        else:
            found = f"{found}.{names.parameter(step, call.id)}"
    return f'{found} if {" and ".join(lists)} else ""' if lists else found


def _terminal(call: Call, enum: Enum, until: Sequence[str]) -> str:
    constant = f"{names.constant(enum.name)}_TERMINAL"
    if unknown := set(until) - set(enum.values):
        raise CodegenError(f"{call.id}: x-anton-wait ends at `{min(unknown)}`, which is no value of {enum.name}.")
    return f"{constant} | {{{', '.join(repr(value) for value in until)}}}" if until else constant
