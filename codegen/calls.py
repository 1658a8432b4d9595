"""The second step: what each operation takes and gives.

Parameters are resolved, the shape of the answer is told apart, and what the document writes inline (query parameters,
bodies, answers) becomes a named schema, so that later steps meet named schemas only. What the SDK cannot do yet is
refused here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, cast

from codegen import names
from codegen.document import Document, Node, child, operation_name, schema_name
from codegen.errors import CodegenError, Faults
from codegen.files import Upload, is_file, read_upload

Shape: TypeAlias = Literal["object", "list", "page", "bare", "array", "any", "none", "file"]
"""As in the operation table, and: `array` is a JSON array of objects, `any` JSON of which nothing is known."""

SUBJECT = "x-codegen-subject"
"""On a schema named here: what its enums are named after."""

_BESIDE = ("description", "example", "x-anton-name", "x-anton-sensitive")
"""What a parameter may say of itself, beside its schema."""

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_REMOVE = "or remove the operation in the overlay with `remove: true`."
OUR_HEADERS = frozenset({"idempotency-key", "dpop", "authorization"})
"""What the SDK sends itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One operation of the document, with names for everything it refers to.

    Attributes:
        node: the operation object.
        path_parameters: parameter objects in the order of the path template.
        query: name of the schema that holds the query parameters.
        body: name of the schema of the request body.
        upload: the file of a multipart request.
        answer: name of the schema of the object, or of one item; None for the shapes `any`, `none` and `file`.
        accept: media types of a file.
        returns: description of the successful answer.
    """

    id: str
    method: str
    path: str
    node: Node
    path_parameters: tuple[Node, ...]
    query: str | None
    body: str | None
    body_required: bool
    upload: Upload | None
    idempotency_key: bool
    shape: Shape
    answer: str | None
    accept: str
    returns: str


def read_calls(document: Document, faults: Faults) -> tuple[tuple[Call, ...], Document]:
    """Return every operation of the document, and the document with the schemas that got a name here."""
    reader = _Reader(document, lenient=faults.lenient)
    calls: list[Call] = []
    for path, method, node, item in document.operations():
        with faults.of(str(node.get("operationId")), node):
            calls.append(reader.read(path, method, node, item))
    return tuple(calls), reader.extended()


class _Reader:
    def __init__(self, document: Document, *, lenient: bool) -> None:
        self._document = document
        self._lenient = lenient
        self._taken = {*document.schemas, *(document.classes() if lenient else ())}
        self._named: dict[str, Node] = {}

    def extended(self) -> Document:
        components = {**child(self._document.root, "components"), "schemas": {**self._document.schemas, **self._named}}
        return replace(self._document, root={**self._document.root, "components": components})

    def read(self, path: str, method: str, node: Node, item: Node) -> Call:
        operation_id = operation_name(path, method, node)
        parameters = self._parameters(operation_id, node, item)
        shape, answer, accept, returns = self._answer(operation_id, method, node, parameters)
        subject = answer or names.pascal(operation_id)
        body, body_required, upload = self._body(operation_id, node, subject)
        return Call(
            id=operation_id,
            method=method.upper(),
            path=path,
            node=node,
            path_parameters=_path_parameters(operation_id, path, parameters),
            query=self._query(operation_id, parameters, subject),
            body=body,
            body_required=body_required,
            upload=upload,
            idempotency_key=any(_is_header(parameter, "idempotency-key") for parameter in parameters),
            shape=shape,
            answer=answer,
            accept=accept,
            returns=returns,
        )

    def _parameters(self, operation_id: str, node: Node, item: Node) -> tuple[Node, ...]:
        found: dict[tuple[str, str], Node] = {}
        for raw in (*cast("list[Node]", item.get("parameters", [])), *cast("list[Node]", node.get("parameters", []))):
            parameter = self._document.resolve(raw)
            where = f"{operation_id}, parameter `{parameter['name']}`"
            if "schema" not in parameter:
                raise CodegenError(
                    f"{where}: parameters with `content` are not supported. In the overlay, remove its "
                    "`content` with `remove: true`, and describe it with `schema`."
                )
            if parameter["in"] == "cookie":
                raise CodegenError(f"{where}: cookies are not supported. Remove it in the overlay with `remove: true`.")
            if parameter["in"] == "header" and parameter["name"].lower() not in OUR_HEADERS:
                raise CodegenError(
                    f"{where}: header parameters are not supported, apart from those the SDK sends itself. "
                    "Remove it in the overlay with `remove: true`; callers can pass it in `headers`."
                )
            found[parameter["in"], parameter["name"]] = parameter
        return tuple(found.values())

    def _query(self, operation_id: str, parameters: Sequence[Node], subject: str) -> str | None:
        query = [parameter for parameter in parameters if parameter["in"] == "query"]
        if not query:
            return None
        for parameter in query:
            self._check_query(operation_id, parameter)
        properties: Node = {parameter["name"]: _described(parameter["schema"], parameter) for parameter in query}
        required = [parameter["name"] for parameter in query if parameter.get("required")]
        schema: Node = {
            "type": "object",
            "description": f"Query parameters of `{operation_id}`.",
            "properties": properties,
            "required": required,
            SUBJECT: subject,
        }
        return self._name(f"{names.pascal(operation_id)}Query", schema, operation_id)

    def _check_query(self, operation_id: str, parameter: Node) -> None:
        where = f"{operation_id}, query parameter `{parameter['name']}`"
        kind = self._document.folded(parameter["schema"]).get("type")
        if kind == "object":
            raise CodegenError(
                f"{where}: objects in a query are not supported. Spell its fields out as parameters in the overlay, or "
                "remove it there with `remove: true`."
            )
        if parameter.get("style", "form") != "form" or (kind == "array" and parameter.get("explode") is False):
            raise CodegenError(
                f"{where}: only `style: form` with `explode: true` is supported. Say so in the overlay, if the API "
                "takes it that way, or remove the parameter there with `remove: true`."
            )

    def _body(self, operation_id: str, node: Node, subject: str) -> tuple[str | None, bool, Upload | None]:
        if "requestBody" not in node:
            return None, False, None
        body = self._document.resolve(node["requestBody"])
        content = child(body, "content")
        allowed = (_JSON, _FORM) if "x-anton-internal" in node else (_JSON, _MULTIPART)
        media_type = next((name for name in allowed if name in content), None)
        if media_type is None:
            raise CodegenError(
                f"{operation_id}: a request body of type {' or '.join(content)} is not supported, only {_JSON} "
                f"and {_MULTIPART}. Describe it as one of these, {_REMOVE}"
            )
        schema = child(content[media_type], "schema")
        upload = None
        if media_type == _MULTIPART:
            upload, texts = read_upload(operation_id, self._document, schema)
            if texts is None:
                return None, True, upload
            schema = texts
        folded = self._document.folded(schema)
        if "properties" not in folded or "oneOf" in folded or "anyOf" in folded:
            raise CodegenError(
                f"{operation_id}: the request body must be an object with named properties, since each becomes an "
                f"argument. Describe it that way in the overlay, {_REMOVE}"
            )
        name = schema_name(schema) or self._name(
            schema.get("x-anton-type", f"{names.pascal(operation_id)}Request"),
            {SUBJECT: subject, "description": f"Body of `{operation_id}`.", **schema},
            operation_id,
        )
        return name, bool(body.get("required")), upload

    def _answer(
        self, operation_id: str, method: str, node: Node, parameters: Sequence[Node]
    ) -> tuple[Shape, str | None, str, str]:
        answers = {
            status: self._document.resolve(response)
            for status, response in child(node, "responses").items()
            if status.startswith("2")
        }
        if not answers:
            raise CodegenError(f"{operation_id} has no successful answer. Add its 2xx response in the overlay.")
        status, answer = next(iter(answers.items()))
        returns = str(answer.get("description", ""))
        if len(answers) == 1 and is_file(self._document, answer):
            return "file", None, ", ".join([*child(answer, "content"), _JSON]), returns
        schemas: list[Node | None] = []
        for answer in answers.values():
            content = child(answer, "content")
            if content and _JSON not in content:
                raise CodegenError(
                    f"{operation_id}: answers of type {' or '.join(content)} are not supported beside others. "
                    f"Keep one successful answer in the overlay, {_REMOVE}"
                )
            schema = child(child(content, _JSON), "schema") if content else None
            if schema not in schemas:
                schemas.append(schema)
        if len(schemas) > 1:
            raise CodegenError(
                f"{operation_id} has several successful answers ({', '.join(answers)}) with different bodies. "
                "Keep one of them: remove the others in the overlay with `remove: true`."
            )
        if schemas[0] is None:
            return "none", None, _JSON, returns
        shape, schema = self._shape(schemas[0])
        if shape == "page" and not any(_is_cursor(parameter) for parameter in parameters):
            if not self._lenient:
                raise CodegenError(_no_cursor(operation_id))
            shape, schema = "bare", schemas[0]
        if self._lenient and not self._has_fields(schema):
            return "any", None, _JSON, returns
        created = method == "post" and status == "201"
        return shape, self._answer_name(operation_id, schema, shape, created=created), _JSON, returns

    def _has_fields(self, schema: Node) -> bool:
        return "properties" in self._document.folded(schema)

    def _shape(self, schema: Node) -> tuple[Shape, Node]:
        folded = self._document.folded(schema)
        if folded.get("type") == "array":
            return "array", child(folded, "items")
        properties = child(folded, "properties")
        if "data" not in properties:
            # An edition that wraps it is read as well, since nothing in it is called `data`.
            return "object", schema
        data: Node = properties["data"]
        resolved = self._document.folded(data)
        if resolved.get("type") == "array" and "has_more" in properties:
            return "page", child(resolved, "items")
        if set(properties) != {"data"}:
            return "bare", schema
        if resolved.get("type") == "array":
            return "list", child(resolved, "items")
        return "object", data

    def _answer_name(self, operation_id: str, schema: Node, shape: Shape, *, created: bool) -> str:
        if not self._has_fields(schema):
            raise CodegenError(
                f"{operation_id}: the answer must be an object with named properties, or a list of such objects. "
                f"Describe its fields in the overlay, {_REMOVE}"
            )
        if name := schema_name(schema):
            return name
        base = next((name for part in schema.get("allOf", []) if (name := schema_name(part))), None)
        noun = names.noun(operation_id)
        default = (
            f"Created{base}"
            if base and created
            else names.singular(noun)
            if shape in {"list", "page", "array"}
            else noun
        )
        if default in self._document.schemas:
            default = f"{names.pascal(operation_id)}Result"
        about = {"description": f"Answer of `{operation_id}`.", **({SUBJECT: base} if base else {})}
        return self._name(schema.get("x-anton-type", default), {**about, **schema}, operation_id)

    def _name(self, name: object, schema: Node, operation_id: str) -> str:
        chosen = names.type_name(name, operation_id)
        if self._lenient:
            chosen = next(free for free in names.numbered(chosen) if self._is_free(free, schema))
        elif not self._is_free(chosen, schema):
            raise CodegenError(
                f"{operation_id}: its inline schema would be called `{chosen}`, which is taken. "
                "Give it another name in the overlay: x-anton-type: SomeName."
            )
        self._named[chosen] = schema
        return chosen

    def _is_free(self, name: str, schema: Node) -> bool:
        return name not in self._taken and self._named.get(name, schema) == schema


def _is_cursor(parameter: Node) -> bool:
    return (parameter["in"], parameter["name"]) == ("query", "cursor")


def _no_cursor(operation_id: str) -> str:
    return (
        f"{operation_id} answers a page (`data` and `has_more`) and takes no query parameter `cursor`, so that "
        "nothing behind its first page could be read. Add the parameter in the overlay (to its `parameters`: "
        "{name: cursor, in: query, schema: {type: string}}); or, where it always answers everything, remove "
        "`has_more` and `next_cursor` from its answer there."
    )


def _is_header(parameter: Node, name: str) -> bool:
    return parameter["in"] == "header" and str(parameter["name"]).lower() == name


def _path_parameters(operation_id: str, path: str, parameters: Sequence[Node]) -> tuple[Node, ...]:
    declared = {parameter["name"]: parameter for parameter in parameters if parameter["in"] == "path"}
    wanted = cast("list[str]", re.findall(r"\{([^}]+)\}", path))
    if sorted(declared) != sorted(wanted):
        raise CodegenError(f"{operation_id}: the path {path} and its path parameters differ. Declare exactly those.")
    return tuple(declared[name] for name in wanted)


def _described(schema: Node, parameter: Node) -> Node:
    """Return the schema of a parameter with what the parameter says about itself."""
    return {**schema, **{key: parameter[key] for key in _BESIDE if key in parameter}}
