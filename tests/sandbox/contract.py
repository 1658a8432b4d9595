"""The document as the sandbox's answers are held against it."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any, cast

import jsonschema_rs

DOCUMENT: dict[str, Any] = json.loads(resources.files("anton_async.sandbox").joinpath("document.json").read_text())
METHODS = ("get", "post", "put", "patch", "delete")
OPERATIONS: dict[str, Any] = {
    item[method]["operationId"]: item[method]
    for item in DOCUMENT["paths"].values()
    for method in METHODS
    if method in item
}


def declared(operation_id: str, status: int) -> dict[str, Any] | None:
    """Return what the document declares for a status, None when it does not have it."""
    response = OPERATIONS[operation_id]["responses"].get(str(status))
    if response is not None and "$ref" in response:
        return dict(DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]])
    return response


def problems(operation_id: str, status: int, content_type: str, body: object) -> list[str]:
    """Return what is wrong with an answer, unknown fields included."""
    response = declared(operation_id, status)
    if response is None:
        return [f"{operation_id} declares no {status}: {body}"]
    content = response.get("content", {})
    if not content:
        return [] if body is None else [f"{operation_id} {status} has a body: {body!r}"]
    if content_type not in content:
        return [f"{operation_id} {status} is {content_type}, not one of {sorted(content)}"]
    if content_type != "application/json":
        return []
    errors = _validator_of(operation_id, status).iter_errors(body)
    return [f"{operation_id} {status}: {error.message} at {error.instance_path}" for error in errors]


def event_problems(event: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with an event's envelope."""
    validator = _event_schemas().get(event["type"])
    if validator is None:
        return [f"the document has no event {event['type']}"]
    return [f"{event['type']}: {error.message} at {error.instance_path}" for error in validator.iter_errors(event)]


@functools.cache
def _validator_of(operation_id: str, status: int) -> jsonschema_rs.Draft202012Validator:
    response = declared(operation_id, status)
    assert response is not None
    return _validator(response["content"]["application/json"]["schema"])


@functools.cache
def _event_schemas() -> dict[str, jsonschema_rs.Draft202012Validator]:
    return {
        schema["properties"]["type"]["const"]: _validator({"$ref": f"#/components/schemas/{name}"})
        for name, schema in DOCUMENT["components"]["schemas"].items()
        if name.endswith("Event") and "const" in schema.get("properties", {}).get("type", {})
    }


def _validator(schema: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
    whole = {**_closed(schema), "components": {"schemas": _closed_schemas()}}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


@functools.cache
def _closed_schemas() -> dict[str, Any]:
    # What others are put together from by allOf stays open: closed, it would refuse the fields of the other parts.
    shared = {part["$ref"].rpartition("/")[2] for part in _parts(DOCUMENT) if "$ref" in part}
    shared.add("ErrorEnvelope")  # `details` is documented in words and shown in its examples
    schemas = DOCUMENT["components"]["schemas"]
    closed = {name: schema if name in shared else _closed(schema) for name, schema in schemas.items()}
    # Who subscribes to `*` is shown `*`, which the document takes in requests but does not list in answers.
    subscription = copy.deepcopy(closed["WebhookSubscription"])
    events = subscription["properties"]["events"]
    events["items"] = {"anyOf": [events["items"], {"const": "*"}]}
    return {**closed, "WebhookSubscription": subscription}


def _parts(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        for item in cast("Any", node):
            yield from _parts(item)
    elif isinstance(node, dict):
        given = cast("dict[str, Any]", node)
        yield from given.get("allOf", ())
        for value in given.values():
            yield from _parts(value)


def _closed(schema: Any) -> Any:
    """Return a copy in which objects take no fields that the document does not have."""
    if isinstance(schema, list):
        return [_closed(item) for item in cast("Any", schema)]
    if not isinstance(schema, dict):
        return schema
    given = cast("dict[str, Any]", schema)
    closed = {key: value if key == "allOf" else _closed(value) for key, value in given.items()}
    if given.get("type") == "object" and "properties" in given and "allOf" not in given:
        closed.setdefault("additionalProperties", False)
    return closed
