"""What one endpoint is, as data.

The generated table `anton_async.resources.operations` holds one `Operation` an endpoint; the transport, the command
line and the conformance tests read that table instead of knowing endpoints by name.
"""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

import msgspec

T_co = TypeVar("T_co", covariant=True)

Shape = Literal["object", "list", "page", "bare", "none", "file"]
"""How a success body is laid out.

object: one object, read bare or as `{"data": {...}}`; list: `{"data": [...]}`; page: one cursor page; bare: the body
itself; none: no body; file: bytes of another media type than JSON.
"""

RetryClass = Literal["safe", "keyed", "never"]
"""What may be sent again after an unknown outcome.

safe: anything (reads); keyed: only the same bytes under the same `Idempotency-Key`; never: nothing.
"""


class PathParameter(msgspec.Struct, frozen=True):
    """One id in a path.

    Attributes:
        name: in the path template.
        pattern: what its text must match from end to end.
        words: the same as people say it, to go on from "must be".
        argument: of the generated method.
    """

    name: str
    pattern: str
    words: str
    argument: str


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """The file that a multipart request carries.

    Attributes:
        field: its form field.
        max_bytes: size above which the API refuses it.
        media_types: the file name extensions the API takes, in lower case, each with its media type.
    """

    field: str
    max_bytes: int
    media_types: tuple[tuple[str, str], ...]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A condition over several fields of a body, which no JSON Schema of the document states.

    Attributes:
        kind: what must hold of `fields`.
        fields: dotted paths.
        when: dotted path and values, all of which must be met for the rule to apply; `present` or `absent` instead of
            values asks whether the field is there at all.
    """

    kind: Literal["exactly_one", "at_least_one", "at_most_one", "require", "forbid"]
    fields: tuple[str, ...]
    when: tuple[tuple[str, tuple[str | bool, ...] | Literal["present", "absent"]], ...] = ()


class Operation(msgspec.Struct, Generic[T_co], frozen=True, kw_only=True, eq=False):
    """One endpoint of the API, compiled from the OpenAPI document and its overlay.

    Attributes:
        id: `operationId` of the document, such as `createPayout`.
        name: resource and method, such as `payouts.create`.
        path: path template, such as `/v1/payouts/{id}/cancel`.
        response: type of the object, or of one item when `shape` is `list` or `page`.
        path_parameters: in template order.
        query: request struct of the query parameters.
        body: request struct of the JSON body, or of the text fields of a form.
        upload: the file of a multipart request; None where the body is JSON.
        rules: conditions over several fields of the body.
        renamed: query parameters and body fields that the generated method calls differently, each with that name.
        accept: media types of the answer.
        sensitive: dotted paths of fields that must never be logged.
        errors: documented status and its codes.
        earlier_path: where an earlier edition of the API serves the same thing; tried after a 404.
    """

    id: str
    name: str
    method: str
    path: str
    response: type[T_co]
    shape: Shape
    retry: RetryClass
    idempotency_key: bool = False
    authenticated: bool = True
    path_parameters: tuple[PathParameter, ...] = ()
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    body_required: bool = False
    upload: Upload | None = None
    rules: tuple[Rule, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    accept: str = "application/json"
    sensitive: tuple[str, ...] = ()
    errors: tuple[tuple[int, tuple[str, ...]], ...] = ()
    earlier_path: str | None = None
    docs: str = ""
