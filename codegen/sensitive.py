"""Which fields of an operation must appear in no log and no error; `operations` puts them into the table.

A name that is sensitive in one place is taken to be so in every place, unless the overlay says otherwise: what a later
edition adds would otherwise be logged until somebody notices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from codegen.calls import Call
from codegen.document import Document, Node, child, schema_name
from codegen.errors import CodegenError, about
from codegen.schemas import SENSITIVE, Member, Schemas, Side


@dataclass(frozen=True, slots=True)
class _Field:
    """A field as one operation meets it: its dotted path, and the struct it stands in."""

    path: str
    struct: str
    member: Member

    @property
    def sensitive(self) -> bool:
        return self.member.sensitive


def sensitive_paths(call: Call, schemas: Schemas) -> tuple[str, ...]:
    """Return the dotted paths of the sensitive fields in query, body and answer of `call`."""
    return tuple(dict.fromkeys(field.path for field in _fields(call, schemas) if field.sensitive))


def check_sensitive(document: Document, calls: Sequence[Call], schemas: Schemas) -> None:
    """Insist that a field with the name of a sensitive one says whether it is sensitive as well.

    Raises:
        CodegenError: at least one does not; all are named.
    """
    fields = [(call, field) for call in calls for field in _fields(call, schemas)]
    known = {field.member.name for _, field in fields if field.sensitive}
    named = [(call, field) for call, field in fields if field.member.name in known]
    silent = [(call, field) for call, field in named if SENSITIVE not in field.member.facts]
    if not silent:
        return
    call, first = silent[0]
    found = sorted({f"`{field.struct}.{field.member.name}`" for _, field in silent})
    with about(call.node), about(_node(document, first)):
        raise CodegenError(
            f"{', '.join(found)}: a field of this name is sensitive elsewhere. Say in the overlay whether this one is: "
            f"`{SENSITIVE}: true` keeps it out of logs and errors, `{SENSITIVE}: false` does not.",
            update=f"{{{SENSITIVE}: true}}",
        )


def references(schema: Node) -> Iterator[str]:
    """Yield the names that a schema in normal form refers to."""
    if name := schema_name(schema):
        yield name
    for value in schema.values():
        for node in cast("list[object]", value) if isinstance(value, list) else [value]:
            if isinstance(node, dict):
                yield from references(cast("Node", node))


def _fields(call: Call, schemas: Schemas) -> Iterator[_Field]:
    for name, side in ((call.query, schemas.requests), (call.body, schemas.requests), (call.answer, schemas.answers)):
        if name is not None:
            yield from _below(side, side.names[name])


def _below(side: Side, name: str, before: str = "", seen: tuple[str, ...] = ()) -> Iterator[_Field]:
    """Yield the fields below the struct `name`, but none inside a sensitive one."""
    if name in seen:
        return
    seen = (*seen, name)
    struct = side.structs[name]
    if struct.base:
        yield from _below(side, struct.base, before, seen)
    for member in struct.members:
        field = _Field(before + member.name, struct.name, member)
        yield field
        if not field.sensitive:
            for inner in references(member.schema):
                if inner in side.structs:
                    yield from _below(side, inner, f"{field.path}.", seen)


def _node(document: Document, field: _Field) -> object:
    return child(document.folded(child(document.schemas, field.struct)), "properties").get(field.member.name)
