"""The API's document, read with the standard library: what each operation is, and what its examples show.

The tests of this folder hold the client against this reading; nothing here knows what the compiler made of it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal, cast

import jsonschema_rs

from codegen.document import Document
from codegen.examples import missing_examples

Json = dict[str, Any]
Path = tuple[str | int, ...]

DOCUMENT: Json = json.loads((files("anton_async") / "sandbox" / "document.json").read_text("utf-8"))
MONEY: str = DOCUMENT["components"]["schemas"]["Money"]["pattern"]


def resolve(node: Json) -> Json:
    """Follow references until there is none."""
    while "$ref" in node:
        target: Any = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = {**target, **{name: value for name, value in node.items() if name != "$ref"}}
    return node


def items(value: object) -> list[Any]:
    """Return the items of a JSON array; none of anything else."""
    return list(value) if isinstance(value, list) else []  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - JSON


def fields(value: object) -> Json:
    """Return the fields of a JSON object; none of anything else."""
    return cast("Json", value) if isinstance(value, dict) else {}


def flatten(schema: Json) -> Json:
    """Return a schema with its references followed and every `allOf` folded in."""
    schema = resolve(schema)
    flat: Json = {name: value for name, value in schema.items() if name != "allOf"}
    for part in map(flatten, schema.get("allOf", [])):
        properties: Json = {**flat.get("properties", {})}
        for name, value in part.get("properties", {}).items():
            properties[name] = {"allOf": [properties[name], value]} if name in properties else value
        required = [*flat.get("required", []), *part.get("required", [])]
        flat = {**flat, **part, **({"properties": properties, "required": required} if properties else {})}
    return flat


def is_money(flat: Json) -> bool:
    return flat.get("pattern") == MONEY or flat.get("format") == "decimal"


def is_nullable(flat: Json) -> bool:
    return "null" in flat.get("type", [])


def problems(schema: Json, value: object) -> list[str]:
    """Return what JSON Schema finds wrong with a value."""
    return [f"{error.message} at {error.instance_path}" for error in _validator(json.dumps(schema)).iter_errors(value)]


@functools.cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    whole = {**json.loads(schema), "components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


@dataclass(frozen=True)
class Place:
    """One value inside an example, and the schema it stands for."""

    path: Path
    flat: Json
    value: Any
    optional: bool

    @property
    def pointer(self) -> str:
        """Write the path as msgspec does: `$.data[...].fee`."""
        steps = ["[...]" if isinstance(step, int) else f".{step}" for step in self.path]
        return "$" + "".join(steps)

    @property
    def ending(self) -> str:
        """Write the last step alone: an error does not tell the names of a map's entries on the way."""
        return self.pointer.rpartition(".")[2]


def places(schema: Json, value: Any, path: Path = (), *, optional: bool = False) -> Iterator[Place]:
    """Yield every value of an example that a schema describes, the outermost first."""
    flat = flatten(schema)
    yield Place(path, flat, value, optional)
    for index, item in enumerate(items(value)):
        yield from places(flat.get("items", {}), item, (*path, index))
    properties, others = flat.get("properties", {}), flat.get("additionalProperties")
    for name, item in fields(value).items():
        if name in properties:
            yield from places(properties[name], item, (*path, name), optional=name not in flat.get("required", []))
        elif fields(others):
            yield from places(fields(others), item, (*path, name))


def filled(schema: Json, value: object) -> Any:
    """Return an example with everything in it that its schema allows."""
    flat, rows, shown = flatten(schema), items(value), fields(value)
    if isinstance(value, list):
        return [filled(flat.get("items", {}), row) for row in rows]
    if not isinstance(value, dict):
        return value
    properties, others = flat.get("properties", {}), fields(flat.get("additionalProperties"))
    return {
        **{name: filled(properties.get(name, others), item) for name, item in shown.items()},
        **{name: invented(inner) for name, inner in properties.items() if name not in shown},
    }


SCALARS: dict[str, Any] = {"boolean": True, "integer": 7, "number": 0.5}
TEXTS = {"date-time": "2026-09-14T09:00:00.5Z", "date": "2026-09-14", "decimal": "1260.75"}


def invented(schema: Json) -> Any:
    """Return a value that a schema allows, as far as a reader of answers can tell."""
    flat, others = flatten(schema), fields(flatten(schema).get("additionalProperties"))
    kind = flat.get("type", "object")
    kind = (items(kind) or [kind])[0]
    if "const" in flat or "enum" in flat:
        return flat["const"] if "const" in flat else flat["enum"][0]
    if kind == "object" and "properties" in flat:
        return filled(flat, {})
    if kind == "object":
        return {"key": invented(others) if others else ["anything"]}
    if kind == "array":
        return [invented(flat.get("items", {}))]
    return SCALARS.get(kind, TEXTS["decimal"] if is_money(flat) else TEXTS.get(flat.get("format", ""), "text"))


@dataclass(frozen=True)
class Answer:
    """One documented answer: an example, or the lack of a body."""

    status: int
    name: str
    media_type: str | None
    schema: Json
    example: Any
    headers: dict[str, str]

    @property
    def shape(self) -> Literal["none", "file", "page", "list", "object"]:
        """How the body is laid out; `object` may come bare or in an envelope."""
        if self.media_type is None:
            return "none"
        if self.media_type != "application/json":
            return "file"
        properties = flatten(self.schema).get("properties", {})
        if "has_more" in properties:
            return "page"
        return "list" if flatten(properties.get("data", {})).get("type") == "array" else "object"

    @property
    def enveloped(self) -> bool:
        return list(flatten(self.schema).get("properties", {})) == ["data"]

    @property
    def content(self) -> tuple[Json, Any]:
        """Schema and example of what a user gets, without the envelope."""
        if self.shape == "object" and not self.enveloped:
            return self.schema, self.example
        return flatten(self.schema)["properties"]["data"], self.example["data"]


@dataclass(frozen=True)
class Parameter:
    """One path, query or header parameter."""

    name: str
    place: str
    schema: Json
    example: Any
    required: bool
    python_name: str | None


@dataclass(frozen=True)
class Endpoint:
    """One operation of the document."""

    id: str
    method: str
    path: str
    authenticated: bool
    parameters: tuple[Parameter, ...]
    body_type: str | None
    body_schema: Json
    body_required: bool
    bodies: dict[str, Any]
    answers: tuple[Answer, ...]

    def named(self, place: str) -> dict[str, Parameter]:
        return {parameter.name: parameter for parameter in self.parameters if parameter.place == place}

    @property
    def takes_key(self) -> bool:
        return "Idempotency-Key" in self.named("header")

    @property
    def successes(self) -> tuple[Answer, ...]:
        return tuple(answer for answer in self.answers if answer.status < 300)

    @property
    def refusals(self) -> tuple[Answer, ...]:
        return tuple(answer for answer in self.answers if answer.status >= 300)


def _examples(media: Json) -> dict[str, Any]:
    named = {name: example["value"] for name, example in media.get("examples", {}).items()}
    return named or ({"example": media["example"]} if "example" in media else {})


def _answers(status: str, response: Json) -> Iterator[Answer]:
    response = resolve(response)
    headers = {name: str(resolve(header)["example"]) for name, header in response.get("headers", {}).items()}
    if not response.get("content"):
        yield Answer(int(status), "empty", None, {}, None, headers)
    for media_type, media in response.get("content", {}).items():
        for name, example in _examples(media).items():
            yield Answer(int(status), name, media_type, media["schema"], example, headers)


def _endpoint(path: str, method: str, item: Json) -> Endpoint:
    operation: Json = item[method]
    declared = [resolve(parameter) for parameter in [*item.get("parameters", []), *operation.get("parameters", [])]]
    body: Json = resolve(operation.get("requestBody", {}))
    media_types: list[tuple[str, Json]] = list(body.get("content", {}).items())
    body_type, media = media_types[0] if media_types else (None, {})
    security = cast("list[Json]", operation.get("security", DOCUMENT["security"]))
    return Endpoint(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        authenticated=any(security),
        parameters=tuple(
            Parameter(
                name=each["name"],
                place=each["in"],
                schema=each["schema"],
                example=each["example"],
                required=each.get("required", False),
                python_name=each.get("x-anton-name"),
            )
            for each in declared
        ),
        body_type=body_type,
        body_schema=media.get("schema", {}),
        body_required=body.get("required", False),
        bodies=_examples(media),
        answers=tuple(
            answer for status, response in operation["responses"].items() for answer in _answers(status, response)
        ),
    )


if _MISSING := missing_examples(Document(DOCUMENT, "", "")):
    raise LookupError("These tests are made of the document's examples:\n" + "\n".join(_MISSING))

ENDPOINTS: dict[str, Endpoint] = {
    endpoint.id: endpoint
    for path, item in DOCUMENT["paths"].items()
    for method in ("get", "post", "put", "patch", "delete")
    if method in item
    for endpoint in [_endpoint(path, method, item)]
}
