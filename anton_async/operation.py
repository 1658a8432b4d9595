"""What one endpoint is, as data.

The generated table `anton_async.resources.operations` holds one `Operation` an endpoint; the transport, the command
line and the conformance tests read that table instead of knowing endpoints by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import msgspec

T_co = TypeVar("T_co", covariant=True)

Shape = Literal["object", "list", "page", "bare", "none"]
"""How a success body is laid out.

object: one object, read bare or as `{"data": {...}}`; list: `{"data": [...]}`; page: one cursor page; bare: the body
itself; none: no body.
"""

RetryClass = Literal["safe", "keyed", "never"]
"""What may be sent again after an unknown outcome.

safe: anything (reads); keyed: only the same bytes under the same `Idempotency-Key`; never: nothing.
"""


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
        body: request struct of the JSON body.
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
    sensitive: tuple[str, ...] = ()
    errors: tuple[tuple[int, tuple[str, ...]], ...] = ()
    earlier_path: str | None = None
    docs: str = ""
