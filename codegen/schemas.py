"""The normal form of schemas: what `normalise` makes, and what every later step renders from."""

from __future__ import annotations

from dataclasses import dataclass, field

from codegen.document import Node

AMOUNT = "Amount"
"""The scalar that stands for money in requests."""

TIMESTAMP = "Timestamp"
"""The scalar that stands for an instant in requests."""


SENSITIVE = "x-anton-sensitive"
"""The overlay's key on fields whose values must not be seen."""


@dataclass(frozen=True, slots=True)
class Member:
    """One field of a struct.

    Attributes:
        name: on the wire.
        schema: its type, in normal form.
        required: the document requires it.
        nullable: the document allows null.
        facts: the schema as the document has it, for docstrings.
    """

    name: str
    schema: Node
    required: bool
    nullable: bool
    facts: Node

    @property
    def sensitive(self) -> bool:
        """Whether the overlay says that its value must not be seen."""
        return self.facts.get(SENSITIVE) is True


@dataclass(frozen=True, slots=True)
class Struct:
    """One object schema; `base` names the struct whose fields it takes over."""

    name: str
    text: str
    members: tuple[Member, ...]
    base: str | None = None


@dataclass(frozen=True, slots=True)
class Enum:
    """One closed set of texts; `terminal` are the states that nothing leaves."""

    name: str
    values: tuple[str, ...]
    text: str
    terminal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """What travels in one direction.

    Attributes:
        structs: by Python name.
        scalars: constrained scalars that structs refer to, for requests only.
        names: from the name in the document to the Python name of the struct.
    """

    structs: dict[str, Struct] = field(default_factory=dict[str, Struct])
    scalars: dict[str, Node] = field(default_factory=dict[str, Node])
    names: dict[str, str] = field(default_factory=dict[str, str])

    def members(self, name: str) -> dict[str, Member]:
        """Return the fields of a struct by name, those of its base first."""
        struct = self.structs[name]
        inherited = self.members(struct.base) if struct.base else {}
        return {**inherited, **{member.name: member for member in struct.members}}


@dataclass(frozen=True, slots=True)
class Schemas:
    """Everything that the calls of a document reach."""

    answers: Side
    requests: Side
    enums: dict[str, Enum]


def or_null(schema: Node, nullable: bool) -> Node:
    """Return `schema`, with null beside it when `nullable`."""
    if not nullable:
        return schema
    if isinstance(schema.get("type"), str) and not {"items", "additionalProperties", "enum"} & set(schema):
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [*schema.get("anyOf", [schema]), {"type": "null"}]}
