"""The fifth step: the operation table, `anton_async/resources/operations.py`.

Joins what the document says about a call with what the overlay decides: its place on the client, whether it may be sent
again, what must never be logged. `resources` renders methods from the same `Endpoint`s.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from codegen import names, patterns
from codegen.calls import Call
from codegen.document import Document, Node, child, schema_name
from codegen.errors import CodegenError
from codegen.render import template
from codegen.schemas import Enum, Schemas, Side

_RETRY = ("safe", "keyed", "never")
_ANY_ID = "[A-Za-z0-9_-]+"
"""What a path parameter without a pattern may be: nothing that could leave its segment of the path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One documented error status."""

    status: int
    codes: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The waiting helper of a retrieve operation."""

    method: str
    field: str
    terminal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One row of the operation table.

    Attributes:
        resource: dotted name on the client; None for what the SDK calls itself.
        name: resource and method, such as `payouts.create`.
        response: Python name of the object's or the item's struct; None when there is no body.
        path_parameters: wire name and full-match pattern.
        docs: the page that describes it, empty when the document names none.
    """

    call: Call
    resource: str | None
    method: str
    name: str
    constant: str
    response: str | None
    query: str | None
    body: str | None
    retry: str
    authenticated: bool
    path_parameters: tuple[tuple[str, str], ...]
    sensitive: tuple[str, ...]
    failures: tuple[Failure, ...]
    earlier_path: str | None
    docs: str
    wait: Wait | None


def read_endpoints(document: Document, calls: tuple[Call, ...], schemas: Schemas) -> tuple[Endpoint, ...]:
    """Return the operation table.

    Raises:
        CodegenError: the overlay does not map an operation, maps two to one method, or says something impossible.
    """
    endpoints = tuple(_endpoint(document, call, schemas) for call in calls)
    taken: dict[str, str] = {}
    for endpoint in endpoints:
        wait = [f"{endpoint.resource}.{endpoint.wait.method}"] if endpoint.wait else []
        for name in (endpoint.name, *wait):
            if name in taken:
                raise CodegenError(
                    f"{taken[name]} and {endpoint.call.id} would both be `{name}`. "
                    "Give one of them another x-anton-method in the overlay."
                )
            taken[name] = endpoint.call.id
    return endpoints


def render_operations(endpoints: tuple[Endpoint, ...], schemas: Schemas, header: str) -> str:
    """Return the source of `operations.py`."""
    used = {name for endpoint in endpoints for name in (endpoint.response, endpoint.query, endpoint.body) if name}
    return template("operations.py.jinja2").render(
        header=header,
        endpoints=endpoints,
        responses=sorted(used & set(schemas.answers.structs)),
        requests=sorted(used & set(schemas.requests.structs)),
    )


def _endpoint(document: Document, call: Call, schemas: Schemas) -> Endpoint:
    node = call.node
    resource, method = _place(call)
    security = node.get("security", document.root.get("security", []))
    query = schemas.requests.names[call.query] if call.query else None
    body = schemas.requests.names[call.body] if call.body else None
    response = schemas.answers.names[call.answer] if call.answer else None
    sensitive = [
        *(_sensitive(schemas.requests, query) if query else ()),
        *(_sensitive(schemas.requests, body) if body else ()),
        *(_sensitive(schemas.answers, response) if response else ()),
    ]
    return Endpoint(
        call=call,
        resource=resource,
        method=method,
        name=f"{resource or node['x-anton-internal']}.{method}",
        constant=names.constant(call.id),
        response=response,
        query=query,
        body=body,
        retry=_retry(call),
        authenticated=bool(security),
        path_parameters=tuple((item["name"], _pattern(document, call, item)) for item in call.path_parameters),
        sensitive=tuple(dict.fromkeys(sensitive)),
        failures=_failures(document, node),
        earlier_path=node.get("x-anton-earlier-path"),
        docs=child(node, "externalDocs").get("url", ""),
        wait=_wait(call, schemas),
    )


def _place(call: Call) -> tuple[str | None, str]:
    """Return where the overlay puts an operation: resource and method; no resource for what the SDK calls itself."""
    node = call.node
    resource, method, internal = (node.get(f"x-anton-{key}") for key in ("resource", "method", "internal"))
    if isinstance(internal, str) and resource is None and method is None:
        return None, names.snake(call.id)
    if internal is not None or not isinstance(resource, str) or not isinstance(method, str):
        raise CodegenError(
            f"{call.id} ({call.method} {call.path}) is not mapped. Add to the overlay: target: "
            f"$.paths['{call.path}'].{call.method.lower()}, update: {{x-anton-resource: ..., x-anton-method: ...}}, "
            "or x-anton-internal: ... alone."
        )
    for part in (*resource.split("."), method):
        names.identifier(part, call.id)
        if part.startswith("_") or part in {"with_response", "operations"}:
            raise CodegenError(f"{call.id}: `{part}` is a name the SDK uses itself. Choose another in the overlay.")
    return resource, method


def _retry(call: Call) -> str:
    default = "safe" if call.method == "GET" else "keyed" if call.idempotency_key else "never"
    retry = call.node.get("x-anton-retry", default)
    if retry not in _RETRY or (retry == "keyed" and not call.idempotency_key):
        raise CodegenError(
            f"{call.id}: x-anton-retry is `{retry}`. Use safe, never, or keyed where there is an Idempotency-Key."
        )
    return str(retry)


def _pattern(document: Document, call: Call, parameter: Node) -> str:
    where = f"{call.id}, `{parameter['name']}`"
    schema = document.folded(parameter["schema"])
    if "enum" in schema:
        return "|".join(str(value) for value in schema["enum"])
    if schema.get("type") != "string":
        raise CodegenError(f"{where}: a path parameter must be a string. Change it in the overlay.")
    return patterns.full_match(schema["pattern"], where) if "pattern" in schema else _ANY_ID


def _failures(document: Document, node: Node) -> tuple[Failure, ...]:
    found: list[Failure] = []
    for status, raw in child(node, "responses").items():
        # A `default` response says nothing that a caller could act on.
        if status.isdigit() and not status.startswith("2"):
            response = document.resolve(raw)
            codes = tuple(cast("list[str]", response.get("x-error-codes", [])))
            found.append(Failure(status=int(status), codes=codes, text=response.get("description", "")))
    return tuple(sorted(found, key=lambda failure: failure.status))


def _sensitive(side: Side, name: str, seen: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the dotted paths of fields below the struct `name` that must never be logged."""
    if name in seen:
        return
    struct = side.structs[name]
    if struct.base:
        yield from _sensitive(side, struct.base, (*seen, name))
    for member in struct.members:
        if member.facts.get("x-anton-sensitive") is True:
            yield member.name
            continue
        for inner in _references(member.schema):
            if inner in side.structs:
                yield from (f"{member.name}.{path}" for path in _sensitive(side, inner, (*seen, name)))


def _references(schema: Node) -> Iterator[str]:
    if name := schema_name(schema):
        yield name
    for value in schema.values():
        for node in cast("list[object]", value) if isinstance(value, list) else [value]:
            if isinstance(node, dict):
                yield from _references(cast("Node", node))


def _wait(call: Call, schemas: Schemas) -> Wait | None:
    if "x-anton-wait" not in call.node:
        return None
    asked = child(call.node, "x-anton-wait")
    method, field = names.identifier(asked.get("method"), call.id), str(asked.get("field"))
    struct = schemas.answers.structs[schemas.answers.names[call.answer]] if call.answer else None
    member = next((member for member in struct.members if member.name == field), None) if struct else None
    enum = _enum(member.schema, schemas) if member and member.required else None
    if enum is None or not enum.terminal or len(call.path_parameters) != 1 or call.shape not in {"object", "bare"}:
        raise CodegenError(
            f"{call.id}: x-anton-wait needs one path parameter, an answer with one object, and there a required field "
            f"`{field}` whose enum has x-anton-terminal. Complete these in the overlay, or drop x-anton-wait."
        )
    return Wait(method=method, field=names.parameter(field, call.id), terminal=f"{names.constant(enum.name)}_TERMINAL")


def _enum(schema: Node, schemas: Schemas) -> Enum | None:
    return next((schemas.enums[name] for name in _references(schema) if name in schemas.enums), None)
