"""OpenAPI 3.0 as 3.1, for documents that others wrote; some of those call themselves 3.1 and still write as in 3.0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from codegen.document import DATA, Node

_DATA = DATA | {"default"}
_NAMES = frozenset(
    {
        "$defs",
        "callbacks",
        "content",
        "headers",
        "links",
        "parameters",
        "paths",
        "patternProperties",
        "properties",
        "requestBodies",
        "responses",
        "schemas",
        "securitySchemes",
        "webhooks",
    }
)
"""Keywords whose objects have names for keys."""

_NO_SCHEMA = frozenset({"in", "schema", "content"})
"""A parameter, a header or a media type has one of these; in them `example` is still called so."""


def rewrite(node: Any, change: Callable[[Node], Node], *, named: bool = False) -> Any:
    """Return a copy of `node` in which `change` was applied to every object but maps of names, innermost first."""
    if isinstance(node, list):
        return [rewrite(entry, change) for entry in cast("list[object]", node)]
    if not isinstance(node, dict):
        return node
    inner: Node = {
        key: value
        if not named and key in DATA | {"default"}
        else rewrite(value, change, named=not named and key in _NAMES)
        for key, value in cast("Node", node).items()
    }
    return inner if named else change(inner)


def upgrade(root: Node) -> Node:
    """Return an OpenAPI 3.0 document as 3.1; one that is 3.1 already stays as it is."""
    return {**rewrite(root, _object), "openapi": "3.1.0"}


def _object(node: Node) -> Node:
    if not isinstance(node.get("description", ""), str):
        node = {key: value for key, value in node.items() if key != "description"}
    return _null(_bounds(_example(node)))


def _example(node: Node) -> Node:
    if "example" not in node or _NO_SCHEMA & set(node):
        return node
    return {**{key: value for key, value in node.items() if key != "example"}, "examples": [node["example"]]}


def _bounds(node: Node) -> Node:
    """Replace the booleans `exclusiveMinimum` and `exclusiveMaximum` by the numbers they are about."""
    for exclusive, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(node.get(exclusive), bool):
            moved: Node = {exclusive: node[bound]} if node[exclusive] and bound in node else {}
            dropped = {exclusive, bound} if moved else {exclusive}
            node = {**{key: value for key, value in node.items() if key not in dropped}, **moved}
    return node


def _null(node: Node) -> Node:
    """Replace `nullable` by the type null."""
    if not isinstance(node.get("nullable"), bool):
        return node
    schema = {key: value for key, value in node.items() if key != "nullable"}
    if not node["nullable"]:
        return schema
    if isinstance(schema.get("type"), str):
        enum = {"enum": [*schema["enum"], None]} if "enum" in schema and None not in schema["enum"] else {}
        return {**schema, "type": [schema["type"], "null"], **enum}
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return {**schema, several: [*schema[several], {"type": "null"}]}
    if "$ref" in schema or "allOf" in schema:
        said: Node = {key: schema.pop(key) for key in ("description", "title", "examples", "default") if key in schema}
        return {"anyOf": [schema, {"type": "null"}], **said}
    return schema
