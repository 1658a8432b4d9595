"""One edition of the document as a user of the SDK meets it, read for `python -m codegen diff`.

Nothing is refused that can be read around: an overlay may fit in part, an operation may have no place yet, and one that
cannot be compiled is told and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from codegen.arguments import Argument, read_arguments
from codegen.calls import read_calls
from codegen.document import Document, Node
from codegen.errors import CodegenError, Faults
from codegen.events import Event, read_events
from codegen.load import load_loosely
from codegen.normalise import normalise
from codegen.operations import Endpoint, read_endpoints
from codegen.places import derive, place, suggestion
from codegen.schemas import Schemas
from codegen.sensitive import check_sensitive


@dataclass(frozen=True, slots=True)
class Edition:
    """What a document offers.

    Attributes:
        endpoints: by operation id.
        arguments: of each endpoint's method.
        deprecated: ids of the operations that are going.
        faults: what cannot be compiled, by operation id.
        unfit: what of the overlay matches nothing.
        unclear: what else the compiler would refuse.
    """

    document: Document
    endpoints: dict[str, Endpoint]
    arguments: dict[str, tuple[Argument, ...]]
    schemas: Schemas
    events: tuple[Event, ...]
    deprecated: frozenset[str]
    faults: dict[str, str]
    unfit: list[str]
    unclear: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Pair:
    """Two editions; `unplaced` has YAML for each new operation of the later one that no overlay puts anywhere."""

    old: Edition
    new: Edition
    unplaced: list[str]


def read_pair(old: Path, new: Path, overlay: Path | None) -> Pair:
    """Return both editions, with the actions of `overlay` that match.

    Raises:
        CodegenError: a file cannot be read, is no OpenAPI 3 document, or the overlay is wrong by itself.
    """
    before, unfit_before = load_loosely(old, overlay)
    after, unfit_after = load_loosely(new, overlay)
    unplaced = _place(before, after)
    return Pair(_edition(before, unfit_before), _edition(after, unfit_after), unplaced)


def _place(before: Document, after: Document) -> list[str]:
    """Put operations without a place where the other edition has them, or most APIs would; return YAML for new ones."""
    placed = {
        node["operationId"]: {key: node[key] for key in node if key.startswith("x-anton-")}
        for document in (after, before)
        for _, _, node, _ in document.operations()
        if node.get("operationId") and _is_placed(node)
    }
    known = {node.get("operationId") for _, _, node, _ in before.operations()}
    unplaced: list[str] = []
    for document in (before, after):
        for path, method, node, _ in document.operations():
            name = str(node.setdefault("operationId", f"{method} {path}"))
            if _is_placed(node):
                continue
            if name in placed:
                node |= {**placed[name], **node}
                continue
            tags: Sequence[str] = node.get("tags", [])
            if document is after and name not in known:
                unplaced.append(suggestion(path, method, name, tags))
            resource, chosen = derive(path, method, name, tags)
            node |= {"x-anton-resource": resource, "x-anton-method": chosen}
    return unplaced


def _is_placed(node: Node) -> bool:
    try:
        return place(node, "") is not None
    except CodegenError:
        return False


def _edition(document: Document, unfit: list[str]) -> Edition:
    faults = Faults(lenient=True)
    unclear: list[str] = []
    calls, extended = read_calls(document, faults)
    events: tuple[Event, ...] = ()
    try:
        events = read_events(document)
    except CodegenError as error:
        unclear.append(str(error))
    schemas = normalise(extended, calls, [event.schema for event in events], faults)
    sound = [call for call in calls if call.id not in faults.kept]
    endpoints = read_endpoints(extended, sound, schemas, faults)
    arguments: dict[str, tuple[Argument, ...]] = {}
    for endpoint in endpoints:
        with faults.of(endpoint.call.id, endpoint.call.node):
            arguments[endpoint.call.id] = read_arguments(extended, endpoint, schemas)
    try:
        check_sensitive(extended, [endpoint.call for endpoint in endpoints], schemas)
    except CodegenError as error:
        unclear.append(str(error))
    found = {endpoint.call.id: endpoint for endpoint in endpoints if endpoint.call.id in arguments}
    deprecated = frozenset(name for name, endpoint in found.items() if endpoint.call.node.get("deprecated") is True)
    unclear += faults.doubts
    events = tuple(event for event in events if event.schema in schemas.answers.names)
    return Edition(document, found, arguments, schemas, events, deprecated, faults.kept, unfit, unclear)
