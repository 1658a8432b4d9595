"""A whole answer: what `with_response` methods return instead of the data alone, and numbers in its headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar, cast

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResponse(Generic[T_co]):
    """The decoded data of a call and everything around it.

    Attributes:
        data: what the plain method returns.
        status: HTTP status.
        headers: headers of the answer, looked up in any case.
        request_id: `X-Request-ID`, to quote to support.
        idempotency_key: key the call was sent under; None for reads.
        idempotent_replayed: True when the API repeated the answer to an earlier request under the same key.
        attempts: how many requests were sent.
        body: the raw body.
    """

    data: T_co
    status: int
    headers: Mapping[str, str] = field(repr=False)
    request_id: str | None
    idempotency_key: str | None
    idempotent_replayed: bool
    attempts: int
    body: bytes = field(repr=False)

    def with_data(self, data: T) -> ApiResponse[T]:
        """Return the same answer around other data."""
        return cast("ApiResponse[T]", replace(cast("ApiResponse[Any]", self), data=data))


def header_number(text: str | None, digits: int = 9) -> int | None:
    """Return a header's value as a whole number; None when it is missing, no number or longer than `digits`."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= digits else None
