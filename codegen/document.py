"""The document in memory: nodes, references, and the operations in their order.

Every step reads the document through this; nothing here changes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from codegen import names
from codegen.errors import CodegenError, about

Node: TypeAlias = dict[str, Any]
"""One JSON object of the document."""

SCHEMAS = "#/components/schemas/"
DATA = frozenset({"example", "examples", "const", "enum"})
"""Keywords that hold data, in which `$ref` means nothing."""

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


@dataclass(frozen=True, slots=True)
class Document:
    """An OpenAPI document with its overlay applied.

    Attributes:
        root: the whole document.
        digest: SHA-256 over document and overlay, for the header of generated files.
        source: where the document was read, for the same header.
    """

    root: Node
    digest: str
    source: str

    @property
    def schemas(self) -> Node:
        """Return the named schemas."""
        return child(child(self.root, "components"), "schemas")

    def operations(self) -> Iterator[tuple[str, str, Node, Node]]:
        """Yield path, HTTP method, operation and path item of each operation, in document order."""
        for path, item in child(self.root, "paths").items():
            path_item = self.resolve(item)
            for method in METHODS:
                if method in path_item:
                    yield path, method, path_item[method], path_item

    def classes(self) -> set[str]:
        """Return what the classes of its resources are called."""
        placed = (node.get("x-anton-resource") for _, _, node, _ in self.operations())
        return {names.pascal(resource) for resource in placed if isinstance(resource, str)}

    def resolve(self, node: Node) -> Node:
        """Follow `$ref` until a node without one; keywords beside a `$ref` win over those behind it."""
        beside: Node = {}
        seen: list[object] = []
        while "$ref" in node:
            if node["$ref"] in seen:
                raise CodegenError(f"`{node['$ref']}` refers to itself. Point it at a schema.")
            seen.append(node["$ref"])
            beside = {**{key: value for key, value in node.items() if key != "$ref"}, **beside}
            node = self.target(node["$ref"])
        return {**node, **beside} if beside else node

    def check_references(self) -> None:
        """Refuse references to nothing, to themselves, and out of the document."""
        pending: list[object] = [self.root]
        while pending:
            node = pending.pop()
            if isinstance(node, list):
                pending += cast("list[object]", node)
            elif isinstance(node, dict):
                inner = cast("Node", node)
                if isinstance(inner.get("$ref"), str):
                    with about(inner):
                        self.resolve(inner)
                pending += [value for key, value in inner.items() if key not in DATA]

    def target(self, reference: str) -> Node:
        """Return what `reference` points at."""
        if not reference.startswith("#/"):
            raise CodegenError(f"`{reference}` points outside the document. Copy what it names into components.")
        found: Any = self.root
        for step in reference.removeprefix("#/").split("/"):
            key = step.replace("~1", "/").replace("~0", "~")
            found = cast("Node", found).get(key) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            raise CodegenError(f"`{reference}` points at nothing. Add it to the document or correct the reference.")
        return cast("Node", found)

    def folded(self, node: Node) -> Node:
        """Follow references and merge `allOf` into one schema; a later part wins over an earlier one."""
        schema = self.resolve(node)
        if "allOf" not in schema:
            return schema
        merged: Node = {}
        for part in (*schema["allOf"], {key: value for key, value in schema.items() if key != "allOf"}):
            piece = self.folded(part)
            merged |= {
                **piece,
                "properties": {**child(merged, "properties"), **child(piece, "properties")},
                "required": list(dict.fromkeys([*merged.get("required", []), *piece.get("required", [])])),
            }
        return {key: value for key, value in merged.items() if value or key not in {"properties", "required"}}


def operation_name(path: str, method: str, node: Node) -> str:
    """Return what an operation is called, which everything generated for it is called after."""
    name: object = node.get("operationId")
    if not isinstance(name, str):
        raise CodegenError(f"{method.upper()} {path} has no operationId. Give it one in the overlay.")
    return name


def child(node: Node, key: str) -> Node:
    """Return an object inside an object, empty if it is not there."""
    return cast("Node", node.get(key) or {})


def kinds(schema: Node) -> list[str]:
    """Return what `type` names, which may be one type or several."""
    named: object = schema.get("type", [])
    return cast("list[str]", named if isinstance(named, list) else [named])


def schema_name(node: Node) -> str | None:
    """Return the name of the component schema that `node` refers to."""
    reference = node.get("$ref")
    if isinstance(reference, str) and reference.startswith(SCHEMAS):
        return reference.removeprefix(SCHEMAS)
    return None


def reference(name: str) -> Node:
    """Return a reference to the component schema `name`."""
    return {"$ref": SCHEMAS + name}


def digest(*texts: str) -> str:
    """Return the hash that the headers of generated files name."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def render(root: Node) -> str:
    """Return the document as JSON that is small and still shows changes line by line."""
    return json.dumps(root, indent=1, ensure_ascii=False) + "\n"
