"""Small OpenAPI documents, as the tests of the compiler change and compile them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import yaml

from codegen import names

Node = dict[str, Any]

TEXT: Node = {"type": "string"}


def answer(schema: Node | None, status: str = "200") -> Node:
    content = {} if schema is None else {"content": {"application/json": {"schema": schema}}}
    return {status: {"description": "Done.", **content}}


def operation(operation_id: str, *, mapped: str | None = "things", method: str = "", **keywords: Any) -> Node:
    """One operation; `mapped` is its resource, and its method the operation id in small letters, unless given."""
    node: Node = {"operationId": operation_id, "responses": answer({"$ref": "#/components/schemas/Thing"})}
    if mapped:
        node |= {"x-anton-resource": mapped, "x-anton-method": method or names.snake(operation_id)}
    return {**node, **keywords}


def document(paths: Node, **schemas: Node) -> Node:
    """A document with a schema `Thing` and those given."""
    thing: Node = {"type": "object", "required": ["id"], "properties": {"id": TEXT, "note": TEXT}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Things", "version": "1"},
        "externalDocs": {"url": "https://docs.example.com"},
        "paths": paths,
        "components": {"schemas": {"Thing": thing, **schemas}},
    }


def body(schema: Node, media_type: str = "application/json") -> Node:
    return {"required": True, "content": {media_type: {"schema": schema}}}


def parameter(name: str, place: str = "query", schema: Node | None = None, **keywords: Any) -> Node:
    schema = TEXT if schema is None else schema
    return {"name": name, "in": place, "required": place == "path", "schema": schema, **keywords}


def write(directory: Path, root: Node, name: str = "things.yaml") -> Path:
    """Write a document and return where it is."""
    path = directory / name
    text = json.dumps(root) if name.endswith(".json") else yaml.safe_dump(copy.deepcopy(root), sort_keys=False)
    path.write_text(text, encoding="utf-8")
    return path


def overlay(*actions: object) -> Node:
    return {"overlay": "1.0.0", "info": {"title": "Things", "version": "1"}, "actions": list(actions)}
