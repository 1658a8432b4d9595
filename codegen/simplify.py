"""Schemas of foreign documents that the compiler would refuse, as the simplest thing that it takes and that stays true.

A value that may be one of several objects becomes a map of anything, several texts become a plain text, and a pattern
that Python cannot read is dropped. Each loss is told, so that nobody takes the result for the whole document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from codegen import names, patterns
from codegen.arguments import TAKEN
from codegen.document import Document, Node, child, kinds, schema_name
from codegen.errors import CodegenError
from codegen.upgrade import rewrite

_DROPPED = frozenset(
    {"discriminator", "not", "if", "then", "else", "patternProperties", "prefixItems", "unevaluatedProperties"}
)
_TEXTUAL = frozenset({"date", "date-time", "decimal"})
_MAP: Node = {"type": "object", "additionalProperties": True}
_RANGE = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_BOUNDS = (*_RANGE, "multipleOf", "minLength", "maxLength", "minItems", "maxItems")
_JSON: Mapping[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    cast("type", dict): "object",
    cast("type", list): "array",
}
_SAID = ("description", "title", "examples", "deprecated")


class Simplifier:
    """Simplifies schemas of one document; `losses` says of the last one what was lost."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.losses: dict[str, None] = {}

    def simplify(self, node: Node, *, named: bool = False) -> Node:
        """Return `node` with every schema in it simplified."""
        self.losses = {}
        return cast("Node", rewrite(node, self._object, named=named))

    def merged(self, schema: Node) -> Node:
        """Return a body that is one of several objects as one object with the fields of all."""
        variants = list(self._variants(schema))
        if len(variants) < 2 or {kind for kind, _ in variants} != {"object"}:
            return schema
        objects = [self._folded(node) for _, node in variants]
        fields: dict[str, list[Node]] = {}
        for found in objects:
            for name, field in child(found, "properties").items():
                if field not in fields.setdefault(name, []):
                    fields[name].append(field)
        required = [name for name in fields if all(name in found.get("required", []) for found in objects)]
        properties = {name: forms[0] if len(forms) == 1 else {"anyOf": forms} for name, forms in fields.items()}
        return {**_said(schema), "type": "object", "properties": properties, "required": required}

    # One object of the document; most are no schemas, and have none of these keywords.

    def _object(self, node: Node) -> Node:
        node = self._without(node, _DROPPED & set(node)) if _DROPPED & set(node) else node
        if "properties" in node:
            return self._struct(node)
        if "oneOf" in node or "anyOf" in node:
            return self._union(node)
        if "enum" in node or "const" in node:
            node = self._enum(node)
        if "pattern" in node and isinstance(node["pattern"], str):
            node = self._pattern(node)
        if isinstance(node.get("items"), bool):
            node = {**node, "items": {}}
        unfit = {key for key in _BOUNDS if key in node and not _is_bound(key, node[key])}
        return self._without(node, unfit) if unfit else node

    def _without(self, node: Node, keys: set[str] | frozenset[str]) -> Node:
        self.losses |= {f"`{key}` is not supported": None for key in sorted(keys) if key != "discriminator"}
        return {key: value for key, value in node.items() if key not in keys}

    def _struct(self, node: Node) -> Node:
        if not node["properties"] or len([kind for kind in kinds(node) if kind != "null"]) > 1:
            self.losses |= {"an object without named fields is taken as it is": None}
            return {**_said(node), **_MAP}
        node = {key: value for key, value in node.items() if key not in {"oneOf", "anyOf", "additionalProperties"}}
        given: Node = {
            name: cast("Node", field) if isinstance(field, dict) else {}
            for name, field in child(node, "properties").items()
        }
        fields = {name: self._field(name, field) for name, field in given.items() if name}
        return {**node, "properties": fields}

    def _field(self, name: str, field: Node) -> Node:
        wanted = argument(name)
        return field if wanted == names.snake(name) else {**field, "x-anton-name": wanted}

    def _enum(self, node: Node) -> Node:
        values = cast("list[object]", [node["const"]] if "const" in node else node["enum"])
        found = {_JSON.get(type(value), "null") for value in values} - {"null"}
        if found in ({"string"}, {"integer"}) or not values:
            return node
        kind = next(iter(found)) if len(found) == 1 else None
        rest = {key: value for key, value in node.items() if key not in {"enum", "const"}}
        null = ["null"] if None in values else []
        return rest if kind is None or "type" in rest else {**rest, "type": [kind, *null]}

    def _pattern(self, node: Node) -> Node:
        try:
            patterns.search(node["pattern"])
        except CodegenError:
            return self._without(node, {"pattern"})
        return node

    # Unions

    def _union(self, node: Node) -> Node:
        groups: dict[str, list[Node]] = {}
        for kind, variant in self._variants(node):
            groups.setdefault(kind, []).append(variant)
        null = groups.pop("null", None) is not None
        if "any" in groups or not groups:
            self.losses |= {"a choice that says nothing of its values is taken as anything": None}
            return _said(node)
        if {"integer", "number"} <= set(groups):
            groups = {kind: forms for kind, forms in groups.items() if kind != "integer"}
        forms = [self._one(kind, list(_distinct(found))) for kind, found in groups.items()]
        if len(forms) == 1 and not null:
            return {**forms[0], **_said(node)}
        return {"anyOf": [*forms, *([{"type": "null"}] if null else [])], **_said(node)}

    def _one(self, kind: str, forms: Sequence[Node]) -> Node:
        """Return one schema for several of one kind."""
        if len(forms) == 1:
            return forms[0]
        if kind == "object":
            self.losses |= {"one of several objects is taken as a map of anything": None}
            return dict(_MAP)
        if kind == "array":
            self.losses |= {"one of several lists is taken as a list of anything": None}
            return {"type": "array", "items": {}}
        values = [value for form in forms for value in self._values(form)]
        if kind == "string" and values and all(self._values(form) for form in forms):
            return {"type": "string", "enum": list(dict.fromkeys(values))}
        return {"type": kind}

    def _values(self, node: Node) -> list[str]:
        schema = self._folded(node)
        return [schema["const"]] if isinstance(schema.get("const"), str) else schema.get("enum", [])

    def _variants(self, node: Node, seen: tuple[str, ...] = ()) -> Iterator[tuple[str, Node]]:
        """Yield each form that a value may have, with its JSON type: `any` where that is not said."""
        name = schema_name(node)
        if name in seen:
            yield "any", {}
            return
        schema = self._folded(node)
        several = cast("list[Node]", schema.get("oneOf") or schema.get("anyOf") or [])
        if several and "properties" not in schema:
            for variant in several:
                yield from self._variants(variant, (*seen, name) if name else seen)
        else:
            yield from self._kinds(node, schema)

    def _kinds(self, node: Node, schema: Node) -> Iterator[tuple[str, Node]]:
        types = kinds(schema)
        if "properties" in schema or "additionalProperties" in schema:
            types = ["object", *(kind for kind in types if kind == "null")]
        elif not types and ("enum" in schema or "const" in schema):
            values = cast("list[object]", schema.get("enum", [schema.get("const")]))
            types = sorted({_JSON.get(type(value), "null") for value in values})
        if len(types) < 2:
            yield (types[0] if types else "any"), node
            return
        for kind in types:
            yield kind, {**schema, "type": kind}

    def _folded(self, node: Node) -> Node:
        try:
            return self._document.folded(node)
        except (CodegenError, RecursionError):
            return {}


def argument(name: str) -> str:
    """Return what a parameter or field is called in Python, where its own name would not do."""
    wanted = names.snake(name)
    if not wanted.isidentifier():
        return f"field_{wanted}" if wanted else "field"
    return f"{wanted}_" if wanted in TAKEN else wanted


def cut_cycles(document: Document) -> list[str]:
    """Return the names of schemas that refer to themselves without an object between, such as a list of itself."""
    plain = {
        name: {other for other in _references(schema) if other in document.schemas}
        for name, schema in document.schemas.items()
        if "properties" not in schema and "allOf" not in schema
    }
    return [name for name in plain if _reaches(plain, name, name)]


def _reaches(edges: dict[str, set[str]], start: str, goal: str) -> bool:
    pending, seen = [start], set[str]()
    while pending:
        for other in edges.get(pending.pop(), ()):
            if other == goal:
                return True
            if other not in seen:
                seen.add(other)
                pending.append(other)
    return False


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        inner = cast("Node", node)
        if name := schema_name(inner):
            yield name
        for value in inner.values():
            yield from _references(value)
    elif isinstance(node, list):
        for entry in cast("list[object]", node):
            yield from _references(entry)


def _is_bound(key: str, value: object) -> bool:
    """Return whether msgspec can check a bound."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if key in _RANGE:
        return abs(value) < 1 << 63
    return isinstance(value, int) and value >= (1 if key == "multipleOf" else 0)


def _distinct(forms: Sequence[Node]) -> Iterator[Node]:
    bare: list[Node] = []
    for form in forms:
        plain = {key: value for key, value in form.items() if key not in _SAID}
        if plain not in bare:
            bare.append(plain)
            yield form


def _said(node: Node) -> Node:
    return {key: node[key] for key in _SAID if key in node}
