"""Answers held against the document: status, media type and body, with no field that it does not have.

Off unless asked for by `Sandbox(check_answers=True)`, as the sandbox's own tests do. An answer that breaks the
document is then a 500, and the log of `anton_async.sandbox` says what was wrong with it.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, cast

import msgspec

from anton_async.sandbox.document import load_json
from anton_async.sandbox.errors import Answer, Refusal
from anton_async.sandbox.validation import Json, compiled

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

_LOG = logging.getLogger("anton_async.sandbox")
_METHODS = ("get", "post", "put", "patch", "delete")
_JSON = "application/json"
_OPEN = frozenset({"ErrorEnvelope"})  # `details` is documented in words and shown in its examples


class Contract:
    """What the document declares for each operation and status."""

    def __init__(self, document: Json) -> None:
        components = cast("Mapping[str, Mapping[str, Json]]", document["components"])
        self._shared = components["responses"]
        self._schemas = _closed_schemas(document)
        self._declared = {
            cast("str", operation["operationId"]): cast("Mapping[str, Json]", operation["responses"])
            for item in cast("Mapping[str, Json]", document["paths"]).values()
            for method, operation in cast("Mapping[str, Json]", item).items()
            if method in _METHODS
        }
        self._validators: dict[tuple[str, int], Draft202012Validator] = {}

    def checked(self, operation_id: str, answer: Answer) -> Answer:
        """Return the answer, or a 500 when it breaks the document."""
        problems = self.problems(operation_id, answer)
        if not problems:
            return answer
        _LOG.error("An answer breaks the document: %s", "; ".join(problems))
        return Refusal(500, "internal_error", problems[0]).answer()

    def problems(self, operation_id: str, answer: Answer) -> list[str]:
        """Return what is wrong with an answer, nothing when it keeps the document."""
        where = f"{operation_id} {answer.status}"
        response = self._response(operation_id, answer.status)
        if response is None:
            return [f"{where} is not declared: {answer.body[:500]!r}"]
        content = cast("Mapping[str, Json]", response.get("content", {}))
        if not answer.body:
            return [f"{where} has no body"] if content else []
        media = answer.content_type.partition(";")[0]
        if media not in content:
            return [f"{where} is {media}, not one of {sorted(content)}"]
        if media != _JSON:
            return []
        errors = self._validator(operation_id, answer.status, content[_JSON]).iter_errors(
            msgspec.json.decode(answer.body)
        )
        return [f"{where}: {error.message} at {error.instance_path}" for error in errors]

    def schema_problems(self, name: str, value: object) -> list[str]:
        """Return what is wrong with a value of one of the document's schemas."""
        errors = self._compiled({"$ref": f"#/components/schemas/{name}"}).iter_errors(value)
        return [f"{name}: {error.message} at {error.instance_path}" for error in errors]

    def _response(self, operation_id: str, status: int) -> Json | None:
        response = self._declared[operation_id].get(str(status))
        reference = None if response is None else cast("str | None", response.get("$ref"))
        return response if reference is None else self._shared[_name(reference)]

    def _validator(self, operation_id: str, status: int, media: Json) -> Draft202012Validator:
        validator = self._validators.get((operation_id, status))
        if validator is None:
            validator = self._validators[operation_id, status] = self._compiled(cast("Json", media["schema"]))
        return validator

    def _compiled(self, schema: Json) -> Draft202012Validator:
        whole = {**cast("Json", _closed(schema)), "components": {"schemas": self._schemas}}
        return compiled(whole)


@functools.cache
def load_contract() -> Contract:
    """Return the contract of the package's document, read once a process."""
    return Contract(load_json())


def _closed_schemas(document: Json) -> dict[str, object]:
    # What others are put together from by allOf stays open: closed, it would refuse the fields of the other parts.
    parts = {_name(cast("str", part["$ref"])) for part in _parts(document) if "$ref" in part}
    schemas = cast("Mapping[str, Mapping[str, Json]]", document["components"])["schemas"]
    return {name: schema if name in parts or name in _OPEN else _closed(schema) for name, schema in schemas.items()}


def _parts(node: object) -> Iterator[Json]:
    if isinstance(node, list):
        for item in cast("list[object]", node):
            yield from _parts(item)
    elif isinstance(node, dict):
        given = cast("Json", node)
        yield from cast("list[Json]", given.get("allOf", []))
        for value in given.values():
            yield from _parts(value)


def _closed(schema: object) -> object:
    """Return a copy in which objects take no fields that the document does not have."""
    if isinstance(schema, list):
        return [_closed(item) for item in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    given = cast("Json", schema)
    closed: Json = {key: value if key == "allOf" else _closed(value) for key, value in given.items()}
    if given.get("type") == "object" and "properties" in given and "allOf" not in given:
        closed.setdefault("additionalProperties", False)
    return closed


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]
