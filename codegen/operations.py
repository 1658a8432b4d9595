"""The fifth step: the endpoints, which become the rows of the operation table.

Joins what the document says about a call with what the overlay decides: its place on the client, whether it may be sent
again, what must never be logged. `resources` renders methods and `table` the table from the same `Endpoint`s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from codegen import names, patterns
from codegen.calls import Call
from codegen.document import Document, Node, child
from codegen.errors import CodegenError, Faults
from codegen.places import place
from codegen.rules import Rule, read_rules
from codegen.schemas import Enum, Schemas
from codegen.sensitive import check_sensitive, sensitive_paths
from codegen.waits import Wait, read_waits

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
class Endpoint:
    """One row of the operation table.

    Attributes:
        resource: dotted name on the client; None for what the SDK calls itself.
        name: resource and method, such as `payouts.create`.
        answer: Python type of the object or the item; None when there is no body.
        path_parameters: wire name, full-match pattern and what that is in words.
        docs: the page that describes it, empty when the document names none.
    """

    call: Call
    resource: str | None
    method: str
    name: str
    constant: str
    answer: str | None
    query: str | None
    body: str | None
    retry: str
    authenticated: bool
    path_parameters: tuple[tuple[str, str, str], ...]
    sensitive: tuple[str, ...]
    failures: tuple[Failure, ...]
    earlier_path: str | None
    docs: str
    rules: tuple[Rule, ...]
    waits: tuple[Wait, ...]

    @property
    def response(self) -> str | None:
        """Return the Python type that a decoder is built of."""
        return f"list[{self.answer}]" if self.call.shape == "array" else self.answer


def read_endpoints(document: Document, calls: Sequence[Call], schemas: Schemas, faults: Faults) -> tuple[Endpoint, ...]:
    """Return the operation table.

    Raises:
        CodegenError: the overlay says something impossible, or nothing about a field that is sensitive elsewhere.
    """
    if not faults.lenient:
        check_sensitive(document, calls, schemas)
    endpoints: list[Endpoint] = []
    for call in calls:
        with faults.of(call.id, call.node):
            endpoints.append(_endpoint(document, call, schemas))
    return tuple(endpoints)


def add_error_codes(endpoints: tuple[Endpoint, ...], schemas: Schemas) -> None:
    """Add the set of all documented error codes, called `ErrorCode`.

    Raises:
        CodegenError: a schema has that name.
    """
    codes = dict.fromkeys(code for item in endpoints for failure in item.failures for code in failure.codes)
    if not codes:
        return
    if "ErrorCode" in {*schemas.enums, *schemas.answers.structs, *schemas.requests.structs}:
        raise CodegenError("A schema is called `ErrorCode`, as the set of all error codes is. Rename the schema.")
    text = "Error codes that the document names; the API may answer others."
    schemas.enums["ErrorCode"] = Enum("ErrorCode", tuple(sorted(codes)), text)


def _endpoint(document: Document, call: Call, schemas: Schemas) -> Endpoint:
    node = call.node
    found = place(node, call.id)
    if found is None:
        raise CodegenError(f"{call.id} is not mapped. Give it x-anton-resource and x-anton-method in the overlay.")
    security = node.get("security", document.root.get("security", []))
    return Endpoint(
        call=call,
        resource=found.resource,
        method=found.method,
        name=f"{found.owner}.{found.method}",
        constant=names.constant(call.id),
        answer="object" if call.shape == "any" else schemas.answers.names[call.answer] if call.answer else None,
        query=schemas.requests.names[call.query] if call.query else None,
        body=schemas.requests.names[call.body] if call.body else None,
        retry=_retry(call),
        authenticated=bool(security),
        path_parameters=tuple((item["name"], *_pattern(document, call, item)) for item in call.path_parameters),
        sensitive=sensitive_paths(call, schemas),
        failures=_failures(document, node),
        earlier_path=node.get("x-anton-earlier-path"),
        docs=child(node, "externalDocs").get("url", ""),
        rules=read_rules(call, schemas),
        waits=read_waits(call, schemas),
    )


def _retry(call: Call) -> str:
    default = "safe" if call.method == "GET" else "keyed" if call.idempotency_key else "never"
    retry = call.node.get("x-anton-retry", default)
    if retry not in _RETRY or (retry == "keyed" and not call.idempotency_key):
        raise CodegenError(
            f"{call.id}: x-anton-retry is `{retry}`. Use safe, never, or keyed where there is an Idempotency-Key."
        )
    return str(retry)


def _pattern(document: Document, call: Call, parameter: Node) -> tuple[str, str]:
    """Return the pattern of a path parameter, and the same in words."""
    where = f"{call.id}, `{parameter['name']}`"
    schema = document.folded(parameter["schema"])
    if "enum" in schema:
        values = [str(value) for value in schema["enum"]]
        return "|".join(values), f"one of {', '.join(values)}"
    if schema.get("type") != "string":
        raise CodegenError(
            f"{where}: a path parameter must be a string. Give its schema `type: string` in the overlay."
        )
    if "pattern" not in schema:
        return _ANY_ID, "text of letters, digits, _ and -"
    return patterns.full_match(schema["pattern"], where), patterns.in_words(schema)


def _failures(document: Document, node: Node) -> tuple[Failure, ...]:
    found: list[Failure] = []
    for status, raw in child(node, "responses").items():
        # A `default` response says nothing that a caller could act on.
        if status.isdigit() and not status.startswith("2"):
            response = document.resolve(raw)
            codes = tuple(cast("list[str]", response.get("x-error-codes", [])))
            found.append(Failure(status=int(status), codes=codes, text=response.get("description", "")))
    return tuple(sorted(found, key=lambda failure: failure.status))
