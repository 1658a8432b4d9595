"""What one endpoint is, as data.

The generated table `anton_async.resources.operations` holds one `Operation` an endpoint; the transport, the command
line and the conformance tests read that table instead of knowing endpoints by name.
"""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """The file that a multipart request carries.

    Attributes:
        field: its form field.
        max_bytes: size above which the API refuses it.
        media_types: the file name extensions the API takes, in lower case, each with its media type.
    """

    field: str
    max_bytes: int
    media_types: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Operation(Generic[T_co]):
    """One endpoint of the API, compiled from the OpenAPI document and its overlay.

    Attributes:
        id: `operationId` of the document, such as `createPayout`.
        name: resource and method, such as `payouts.create`.
        path: path template, such as `/v1/payouts/{id}/cancel`.
        response: type of the object, or of one item when `shape` is `list` or `page`.
        path_parameters: name and full-match pattern of each path parameter, in template order.
        query: request struct of the query parameters.
        body: request struct of the JSON body, or of the text fields of a form.
        upload: the file of a multipart request; None where the body is JSON.
        rules: conditions over several fields of the body.
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
    path_parameters: tuple[tuple[str, str], ...] = ()
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    body_required: bool = False
    upload: Upload | None = None
    rules: tuple[Rule, ...] = ()
    accept: str = "application/json"
    sensitive: tuple[str, ...] = ()
    errors: tuple[tuple[int, tuple[str, ...]], ...] = ()
    earlier_path: str | None = None
    docs: str = ""
