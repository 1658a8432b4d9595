"""The OpenAPI document as the sandbox serves it: operations, routes, and the rules of each body and parameter.

The document is the package's own `document.json`; method, path, parameters and whether a key or a token is needed
all come from there, so a new endpoint needs only a handler.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import cast
from urllib.parse import unquote

import msgspec

from anton_async.sandbox.errors import Refusal, invalid
from anton_async.sandbox.paging import read_limit
from anton_async.sandbox.validation import Json, Rules, Schemas

_METHODS = ("get", "post", "put", "patch", "delete")
_JSON = "application/json"
_FORM = "multipart/form-data"
_MAX_BODY_BYTES = 1024 * 1024
_FORM_OVERHEAD = 64 * 1024  # bytes of boundaries, part headers and small fields around a file
_BOOLEANS = {"true": True, "false": False}
_INTEGER = re.compile(r"-?[0-9]{1,18}")

_PARAMETER_CODES = {
    "country": "invalid_country_code",
    "importID": "invalid_import_id",
    "scope": "invalid_scope",
    "format": "invalid_template_format",
}
_OWN_PARAMETER_CODES = {("downloadBeneficiaryImportTemplate", "type"): "invalid_template_type"}
_UNPROCESSABLE_PARAMETERS = frozenset({"listReviews"})  # documented with 422 where other lists say 400

# Tags whose operations belong to one capability, and those that any credential may call.
_INTELLIGENCE = frozenset({"Intelligence", "Reviews", "Verifications"})
_OPEN = frozenset({"Authentication", "Reference Data", "Webhooks"})

# One description of the API publishes the key set here, another at the root; both are served.
_OTHER_PATHS = {"/.well-known/jwks.json": "/v1/.well-known/jwks.json"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One path or query parameter."""

    name: str
    kind: object  # the JSON type
    required: bool
    refusal: str  # the code for a value that breaks the rules
    rules: Rules
    unprocessable: bool = False

    def read(self, texts: Sequence[str]) -> object:
        """Return the parameter's value from its texts in the URL.

        Raises:
            Refusal: 400 when the value breaks the document's rules.
        """
        value: object = list(texts) if self.kind == "array" else texts[0]
        if self.kind == "integer" and _INTEGER.fullmatch(texts[0]):
            value = int(texts[0])
        elif self.kind == "boolean":
            value = _BOOLEANS.get(texts[0], texts[0])
        problem = self.rules.problem(value)
        if problem is None:
            return value
        if self.unprocessable:
            raise invalid((self.name, problem))
        raise Refusal(400, self.refusal, f"parameter {self.name} {problem}")

    def missing(self) -> Refusal:
        """Return the 400 for a required parameter that was left out."""
        code = "missing_required_field" if self.refusal == "bad_request" else self.refusal
        return Refusal(400, code, f"parameter {self.name} is required")


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint, as far as a server needs to know it."""

    id: str
    client_name: str  # what the client calls it, such as `payouts.create`
    method: str
    path: str
    authenticated: bool
    anonymous: bool  # credentials may be left out
    scope: str | None  # that credentials need, and the account as a capability
    keyed: bool  # an idempotency key has to be sent
    max_bytes: int  # of the request
    form: bool
    path_parameters: Mapping[str, Parameter]
    query_parameters: Mapping[str, Parameter]
    body: Rules | None
    body_required: bool

    def read_path(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Return the path parameters; raises the 400 of a malformed one."""
        for name, text in texts.items():
            self.path_parameters[name].read([text])
        return dict(texts)

    def read_query(self, query: Mapping[str, Sequence[str]]) -> dict[str, object]:
        """Return the declared query parameters that were sent; others are ignored."""
        values: dict[str, object] = {}
        for name, parameter in self.query_parameters.items():
            texts = query.get(name)
            if name == "limit":
                values[name] = read_limit(self.id, texts[0] if texts else None)
            elif texts:
                values[name] = parameter.read(texts)
            elif parameter.required:
                raise parameter.missing()
        return values


class Document:
    """Operations by id, and by method and path."""

    def __init__(self, document: Json) -> None:
        reader = _Reader(document)
        self.operations: dict[str, Operation] = {operation.id: operation for operation in reader.operations()}
        self._fixed: dict[str, dict[str, Operation]] = {}
        self._templates: dict[str, tuple[re.Pattern[str], dict[str, Operation]]] = {}
        # A path that two templates fit belongs to the one whose fixed segments come first.
        for operation in sorted(
            self.operations.values(), key=lambda one: [part[:1] == "{" for part in one.path.split("/")]
        ):
            for path in filter(None, (operation.path, _OTHER_PATHS.get(operation.path))):
                self._add_route(path, operation)

    def route(self, method: str, path: str) -> tuple[Operation, dict[str, str]]:
        """Return the operation behind a method and an undecoded path, with the unchecked texts of the path parameters.

        Raises:
            Refusal: 404 for an unknown path, 405 for a method the path does not have.
        """
        parameters: dict[str, str] = {}
        methods = self._fixed.get(path)
        if methods is None:
            methods, parameters = self._match(path)
        operation = methods.get(method)
        if operation is None:
            allowed = ", ".join(sorted(methods))
            raise Refusal(405, "method_not_allowed", f"use one of: {allowed}", headers={"Allow": allowed})
        return operation, parameters

    def _match(self, path: str) -> tuple[dict[str, Operation], dict[str, str]]:
        for pattern, methods in self._templates.values():
            match = pattern.fullmatch(path)
            if match:
                return methods, {name: unquote(text) for name, text in match.groupdict().items()}
        raise Refusal(404, "not_found", "no such endpoint")

    def _add_route(self, path: str, operation: Operation) -> None:
        if "{" not in path:
            self._fixed.setdefault(path, {})[operation.method] = operation
            return
        pattern = re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)))
        self._templates.setdefault(path, (pattern, {}))[1][operation.method] = operation


class _Reader:
    """Turns the document's JSON into operations."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self._schemas = Schemas(cast("Json", document["components"]))

    def operations(self) -> Iterable[Operation]:
        paths = cast("Mapping[str, Json]", self._document["paths"])
        for path, item in paths.items():
            shared = self._parameters(item)
            for method in _METHODS:
                if method in item:
                    yield self._operation(path, method, cast("Json", item[method]), shared)

    def _operation(self, path: str, method: str, operation: Json, shared: Sequence[Json]) -> Operation:
        parameters = [*shared, *self._parameters(operation)]
        body = self._resolved(cast("Json", operation.get("requestBody", {})))
        content = cast("Mapping[str, Json]", body.get("content", {}))
        media, form = content.get(_JSON), content.get(_FORM)
        operation_id = cast("str", operation["operationId"])
        security = cast("Sequence[Json]", operation.get("security", self._document.get("security", [])))
        return Operation(
            id=operation_id,
            client_name=f"{operation.get('x-anton-resource')}.{operation.get('x-anton-method')}",
            method=method.upper(),
            path=path,
            authenticated=bool(security),
            anonymous={} in security,
            scope=_scope(cast("list[str]", operation["tags"])[0]),
            keyed=any(parameter["name"] == "Idempotency-Key" and parameter.get("required") for parameter in parameters),
            max_bytes=_MAX_BODY_BYTES if form is None else _file_limit(form) + _FORM_OVERHEAD,
            form=form is not None,
            path_parameters=self._compiled(operation_id, parameters, "path"),
            query_parameters=self._compiled(operation_id, parameters, "query"),
            body=None if media is None else self._schemas.compile(cast("Json", media["schema"])),
            body_required=bool(body.get("required")),
        )

    def _parameters(self, holder: Json) -> list[Json]:
        return [self._resolved(parameter) for parameter in cast("list[Json]", holder.get("parameters", []))]

    def _compiled(self, operation_id: str, parameters: Iterable[Json], place: str) -> dict[str, Parameter]:
        compiled: dict[str, Parameter] = {}
        for parameter in parameters:
            if parameter["in"] == place:
                name, schema = cast("str", parameter["name"]), cast("Json", parameter["schema"])
                if operation_id in _UNPROCESSABLE_PARAMETERS:
                    # The API takes bare dates too; the handler reads either.
                    schema = {key: value for key, value in schema.items() if key != "format"}
                code = _OWN_PARAMETER_CODES.get((operation_id, name)) or _PARAMETER_CODES.get(name, "bad_request")
                compiled[name] = Parameter(
                    name=name,
                    kind=self._resolved(schema).get("type"),
                    required=bool(parameter.get("required")),
                    refusal=code,
                    rules=self._schemas.compile(schema),
                    unprocessable=operation_id in _UNPROCESSABLE_PARAMETERS,
                )
        return compiled

    def _resolved(self, node: Json) -> Json:
        reference = node.get("$ref")
        if not isinstance(reference, str):
            return node
        target = self._document
        for step in reference.removeprefix("#/").split("/"):
            target = cast("Json", target[step])
        return self._resolved(target)


def _scope(tag: str) -> str | None:
    return "intelligence" if tag in _INTELLIGENCE else None if tag in _OPEN else "payouts"


def _file_limit(form: Json) -> int:
    schema = cast("Json", form["schema"])
    file = cast("Mapping[str, Json]", schema["properties"])["file"]
    return cast("int", file["x-anton-max-bytes"])


@functools.cache
def load_document() -> Document:
    """Return the package's document, compiled once a process."""
    return Document(load_json())


def load_json() -> Json:
    """Return the package's document as it is published."""
    text = resources.files("anton_async.sandbox").joinpath("document.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, object])
