"""A document that others wrote and no overlay fits, made into one that the compiler takes.

It becomes 3.1, its names become Python's, each operation gets a place after its tag and `operationId`, and what cannot
be said in a generated method is left out. Everything that is lost is told, and so is every operation that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from codegen import names, patterns
from codegen.calls import OUR_HEADERS
from codegen.document import SCHEMAS, Document, Node, child
from codegen.errors import CodegenError
from codegen.places import derive
from codegen.simplify import Simplifier, argument, cut_cycles
from codegen.upgrade import rewrite, upgrade

_JSON = re.compile(r"application/(?:[\w.+-]+\+)?json(?:;.*)?")
_RESERVED = names.MODULE_NAMES | frozenset(
    {
        "Annotated",
        "Amount",
        "Decimal",
        "ErrorCode",
        "EVENTS",
        "False",
        "Field",
        "KnownEvent",
        "List",
        "Dict",
        "Meta",
        "None",
        "Optional",
        "Resources",
        "Struct",
        "Timestamp",
        "True",
        "TypeAlias",
        "Union",
    }
)
"""What generated modules import or define themselves."""


_MALFORMED = (AttributeError, CodegenError, KeyError, RecursionError, TypeError, ValueError)
"""What a document may raise that nobody checked before."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """A foreign document, ready to be compiled, and what it lost on the way.

    Attributes:
        losses: one sentence each.
    """

    root: Node
    losses: list[str] = field(default_factory=list[str])


def adopt(root: Node) -> Adopted:
    """Return a foreign document as the compiler takes it."""
    losses: list[str] = []
    root = _renamed(upgrade(root))
    document = Document(root, "", "")
    simplifier = Simplifier(document)
    schemas = _schemas(document, simplifier, losses)
    paths = _paths(document, simplifier, losses)
    if events := child(root, "webhooks"):
        losses.append(f"webhooks: none of its events ({len(events)}) is compiled")
    components = {**child(root, "components"), "schemas": schemas}
    adopted = {**root, "paths": paths, "components": components}
    _place(Document(adopted, "", ""))
    return Adopted(adopted, losses)


def _schemas(document: Document, simplifier: Simplifier, losses: list[str]) -> Node:
    found: Node = {}
    cyclic = cut_cycles(document)
    for name, schema in document.schemas.items():
        try:
            found[name] = {} if name in cyclic else simplifier.simplify(schema)
        except _MALFORMED:
            found[name] = {}
            losses.append(f"schema {name}: it is not valid OpenAPI, and is taken as anything")
            continue
        if name in cyclic:
            losses.append(f"schema {name}: it contains itself without an object between, and is taken as anything")
        losses += [f"schema {name}: {loss}" for loss in simplifier.losses]
    return found


def _paths(document: Document, simplifier: Simplifier, losses: list[str]) -> Node:
    found: Node = {}
    taken: set[str] = set()
    for path, method, given, item in document.operations():
        wanted = str(given.get("operationId") or _operation_id(method, path))
        wanted = wanted if names.constant(wanted).isidentifier() else f"{method}_{wanted}"
        name = next(free for free in names.numbered(wanted) if names.constant(free) not in taken)
        taken.add(names.constant(name))
        if given.get("operationId") not in {name, None}:
            losses.append(f"{given['operationId']}: the operationId of {method.upper()} {path} is taken as `{name}`")
        operation = _Operation(document, simplifier, {**given, "operationId": name})
        found.setdefault(path, {})[method], lost = operation.adapted(path, item.get("parameters", []))
        losses += [f"{name}: {loss}" for loss in lost]
    return found


def _renamed(root: Node) -> Node:
    """Return the document with names for its schemas that Python classes may have."""
    chosen: dict[str, str] = {}
    for name in child(child(root, "components"), "schemas"):
        wanted = names.pascal(name)
        wanted = wanted[:1].upper() + wanted[1:] if wanted[:1].isalpha() else f"Schema{wanted}"
        wanted = f"{wanted}Schema" if wanted in _RESERVED else wanted
        taken = set(chosen.values())
        chosen[name] = next(free for free in names.numbered(wanted) if free not in taken)
    components = child(root, "components")
    schemas = {chosen[name]: schema for name, schema in child(components, "schemas").items()}

    def refer(node: Node) -> Node:
        target: object = node.get("$ref")
        if isinstance(target, str) and target.startswith(SCHEMAS):
            name, slash, rest = target.removeprefix(SCHEMAS).partition("/")
            name = name.replace("~1", "/").replace("~0", "~")
            return {**node, "$ref": f"{SCHEMAS}{chosen.get(name, name)}{slash}{rest}"}
        return node

    return cast("Node", rewrite({**root, "components": {**components, "schemas": schemas}}, refer))


def _operation_id(method: str, path: str) -> str:
    return method + "".join(names.pascal(step) for step in re.findall(r"[A-Za-z0-9_.-]+", path))


def _place(document: Document) -> None:
    """Give each operation a resource and a method of its own."""
    taken: set[tuple[str, str]] = set()
    for path, method, node, _ in document.operations():
        resource, wanted = derive(path, method, node["operationId"], node.get("tags", []))
        resource = f"{resource}_api" if names.pascal(resource) in document.schemas else resource
        phrase = names.snake(node["operationId"]) or "call"
        candidates = [wanted, phrase] if (resource, wanted) in taken else [wanted]
        free = [name for name in candidates if (resource, name) not in taken]
        found = free[0] if free else next(name for name in names.numbered(phrase) if (resource, name) not in taken)
        taken.add((resource, found))
        node |= {"x-anton-resource": resource, "x-anton-method": found}


class _Operation:
    """One operation on its way; what it loses is gathered in `_lost`."""

    def __init__(self, document: Document, simplifier: Simplifier, node: Node) -> None:
        self._document = document
        self._simplifier = simplifier
        self._node = node
        self._lost: dict[str, None] = {}

    def adapted(self, path: str, shared: Sequence[Node]) -> tuple[Node, list[str]]:
        """Return the operation with what the compiler takes, and what was lost."""
        node: Node = {key: value for key, value in self._node.items() if key not in {"parameters", "callbacks"}}
        try:
            parameters = list(self._parameters(path, [*shared, *self._node.get("parameters", [])]))
            if "requestBody" in node:
                node["requestBody"] = self._body(self._document.resolve(node["requestBody"]))
            node["responses"] = self._answers(child(node, "responses"))
            fields = self._fields(node)
            node["parameters"] = [self._named(parameter, fields) for parameter in parameters]
            node = self._simplifier.simplify(node)
        except _MALFORMED:
            # The compiler itself says what is wrong, and leaves the operation out.
            return {**self._node}, []
        return node, [*self._lost, *self._simplifier.losses]

    def _parameters(self, path: str, given: Sequence[Node]) -> Iterator[Node]:
        found = {(item["in"], item["name"]): item for item in (self._document.resolve(node) for node in given)}
        for name in cast("list[str]", re.findall(r"\{([^}]+)\}", path)):
            parameter = found.get(("path", name), {"name": name, "in": "path", "required": True, "schema": {}})
            yield {**parameter, "schema": self._identifier(child(parameter, "schema"))}
        for (place, name), parameter in found.items():
            if place == "header" and name.lower() in OUR_HEADERS:
                yield parameter
            elif place in {"header", "cookie"}:
                self._lost[f"the {place} `{name}` is no argument; pass it in `headers`"] = None
            elif place == "query":
                yield from self._query(parameter)

    def _query(self, parameter: Node) -> Iterator[Node]:
        schema = self._document.folded(child(parameter, "schema"))
        kind = schema.get("type")
        several = kind == "array" and parameter.get("explode") is False
        if "schema" in parameter and kind != "object" and parameter.get("style", "form") == "form" and not several:
            yield parameter
        elif parameter.get("required"):
            yield parameter  # The compiler refuses it by name.
        else:
            self._lost[f"the query parameter `{parameter['name']}` is written in a way that is not supported"] = None

    def _identifier(self, schema: Node) -> Node:
        """Return the schema of a path parameter as a text, which it is in a path."""
        folded = self._document.folded(schema)
        if folded.get("type") in {"integer", "number"}:
            return {"type": "string", "pattern": "^-?[0-9]+$"}
        text: Node = {
            "type": "string",
            **{key: folded[key] for key in ("description", "enum", "pattern") if key in folded},
        }
        try:
            patterns.full_match(text.get("pattern", "^a$"), "")
        except CodegenError:
            del text["pattern"]
        return text

    def _body(self, body: Node) -> Node:
        content = _json_first(child(body, "content"))
        for kind in content:
            schema = child(content[kind], "schema")
            content[kind] = {**content[kind], "schema": self._simplifier.merged(schema)}
        return {**body, "content": content}

    def _answers(self, responses: Node) -> Node:
        """Return the responses with the first successful one that has a body, as methods have one type of answer."""
        good = {status: self._document.resolve(node) for status, node in responses.items() if status.startswith("2")}
        if not good and "default" in responses:
            good = {"200": self._document.resolve(responses["default"])}
        full = [status for status, node in good.items() if child(node, "content")]
        kept = (full or list(good))[:1]
        if len(good) > 1:
            self._lost[f"of its answers ({', '.join(good)}) only {kept[0]} is read"] = None
        answers = {status: {**good[status], "content": _json_first(child(good[status], "content"))} for status in kept}
        failures = {status: node for status, node in responses.items() if not status.startswith("2")}
        return {**answers, **failures}

    def _fields(self, node: Node) -> set[str]:
        """Return what the fields of the body are called in Python."""
        content = child(child(node, "requestBody"), "content")
        schemas = [self._document.folded(child(media, "schema")) for media in content.values()]
        return {names.snake(name) for schema in schemas for name in child(schema, "properties")}

    def _named(self, parameter: Node, fields: set[str]) -> Node:
        """Return a parameter under a name that no field of the body has, nor another parameter."""
        if parameter["in"] == "header":
            return parameter
        wanted = argument(parameter["name"])
        chosen = f"{parameter['in']}_{wanted}" if wanted in fields else wanted
        fields.add(chosen)
        return parameter if chosen == names.snake(parameter["name"]) else {**parameter, "x-anton-name": chosen}


def _json_first(content: Node) -> Node:
    """Return media types with JSON under its usual name and alone, where there is any."""
    kind = next((kind for kind in content if _JSON.fullmatch(kind)), None)
    return {"application/json": content[kind]} if kind else dict(content)
