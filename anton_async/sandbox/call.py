"""One request on its way to a handler: routed, let in, and checked against the document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from anton_async.sandbox.document import Operation
from anton_async.sandbox.errors import Answer, Refusal
from anton_async.sandbox.forms import Form

Handler = Callable[["Call"], Answer]

_DEFAULT_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler gets to see of a request."""

    operation: Operation
    path: Mapping[str, str]
    query: Mapping[str, object]
    body: Mapping[str, object]
    form: Form = field(default_factory=lambda: Form({}))
    simulate: str | None = None  # the ending that a payout is asked to have
    anonymous: bool = False  # without credentials, on behalf of no merchant

    @property
    def id(self) -> str:
        """The id in the path."""
        return self.path["id"]

    @property
    def limit(self) -> int:
        """The page size."""
        return msgspec.convert(self.query.get("limit", _DEFAULT_LIMIT), int)

    def text(self, name: str) -> str | None:
        """Return a query parameter, None when it was not sent."""
        return msgspec.convert(self.query.get(name), str | None)

    def texts(self, name: str) -> frozenset[str]:
        """Return the values of a query parameter that may be repeated."""
        return frozenset(msgspec.convert(self.query.get(name, ()), list[str]))

    def flag(self, name: str) -> bool:
        """Return a true-or-false parameter, False when it was not sent."""
        return self.query.get(name) is True

    def moment(self, name: str) -> datetime | None:
        """Return a timestamp parameter, None when it was not sent.

        Raises:
            Refusal: 400 for a leap second, which the document's format takes and no clock here has.
        """
        try:
            return msgspec.convert(self.query.get(name), datetime | None)
        except msgspec.ValidationError:
            raise Refusal(400, "bad_request", f"parameter {name} must be an RFC 3339 timestamp") from None


def block(holder: Mapping[str, object], name: str) -> dict[str, object]:
    """Return an object inside a body, an empty one when it is not there."""
    return msgspec.convert(holder.get(name) or {}, dict[str, object])
