"""The document as the sandbox's tests read it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, cast

from anton_async.sandbox.contract import load_contract
from anton_async.sandbox.document import load_json

DOCUMENT = cast("dict[str, Any]", load_json())
METHODS = ("get", "post", "put", "patch", "delete")
OPERATIONS: dict[str, Any] = {
    item[method]["operationId"]: item[method]
    for item in DOCUMENT["paths"].values()
    for method in METHODS
    if method in item
}


def event_problems(event: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with an event's envelope."""
    name = _event_schemas().get(event["type"])
    return (
        [f"the document has no event {event['type']}"] if name is None else load_contract().schema_problems(name, event)
    )


@functools.cache
def _event_schemas() -> dict[str, str]:
    return {
        schema["properties"]["type"]["const"]: name
        for name, schema in DOCUMENT["components"]["schemas"].items()
        if name.endswith("Event") and "const" in schema.get("properties", {}).get("type", {})
    }
