"""A whole answer: what `with_response` methods return instead of the data alone, and numbers in its headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar, cast

import msgspec

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

_HIDDEN = frozenset({"headers", "body"})


class ApiResponse(msgspec.Struct, Generic[T_co], frozen=True, kw_only=True):
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
    headers: Mapping[str, str]
    request_id: str | None
    idempotency_key: str | None
    idempotent_replayed: bool
    attempts: int
    body: bytes

    def with_data(self, data: T) -> ApiResponse[T]:
        """Return the same answer around other data."""
        return cast("ApiResponse[T]", msgspec.structs.replace(cast("ApiResponse[Any]", self), data=data))

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in _HIDDEN]

    def __repr__(self) -> str:
        return f"ApiResponse({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


def header_number(text: str | None, digits: int = 9) -> int | None:
    """Return a header's value as a whole number; None when it is missing, no number or longer than `digits`."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= digits else None
