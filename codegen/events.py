"""Webhook events: `anton_async/models/events.py`, the union of all that the document names below `webhooks`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

from codegen.document import Document, Node, child, schema_name
from codegen.errors import CodegenError, about
from codegen.render import template
from codegen.schemas import Schemas


@dataclass(frozen=True, slots=True)
class Event:
    """One type of event, and the schema of its envelope."""

    type: str
    schema: str


def read_events(document: Document) -> tuple[Event, ...]:
    """Return the events of a document, in its order.

    Raises:
        CodegenError: an event has no named schema for its JSON body.
    """
    found: dict[str, Event] = {}
    for kind, raw in cast("Mapping[str, Node]", document.root.get("webhooks", {})).items():
        with about(raw):
            item = document.resolve(raw)
            body = document.resolve(child(child(item, "post"), "requestBody"))
            name = schema_name(child(child(child(body, "content"), "application/json"), "schema"))
            if name is None:
                raise CodegenError(
                    f"The event `{kind}` has no named schema. Give its `post` a JSON body with a `$ref` to one."
                )
            if name in found:
                raise CodegenError(
                    f"The events `{found[name].type}` and `{kind}` share the schema {name}, by which nobody could tell "
                    "them apart. Give each its own."
                )
            if "type" not in child(document.folded(document.schemas[name]), "properties"):
                raise CodegenError(f"{name}, the schema of the event `{kind}`, has no field `type`. Add it.")
            found[name] = Event(kind, name)
    return tuple(found.values())


def close_types(events: tuple[Event, ...], schemas: Schemas) -> None:
    """Give each event's `type` its one value, by which type checkers tell events apart."""
    for event in events:
        name = schemas.answers.names[event.schema]
        struct, known = schemas.answers.structs[name], schemas.answers.members(name)["type"]
        closed = replace(known, schema={"type": "string", "enum": [event.type]}, required=True, nullable=False)
        own = tuple(closed if member.name == "type" else member for member in struct.members)
        # A base may have the field, for which it is any text.
        members = own if closed in own else (*own, closed)
        schemas.answers.structs[name] = replace(struct, members=members)


def render_events(events: tuple[Event, ...], schemas: Schemas, header: str) -> str:
    """Return the source of `events.py`."""
    known = [(event.type, schemas.answers.names[event.schema]) for event in events]
    return template("events.py.jinja2").render(header=header, events=known)
