"""Answers and refusals: what the sandbox says back, before any HTTP library sees it.

Handlers return an `Answer`; whatever stops a request raises a `Refusal`, which knows its own wire form. The token
endpoint uses the flat OAuth form (RFC 6749 section 5.2), everything under `/v1` the error envelope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

FieldProblem = tuple[str, str]
"""A dotted field path and what is wrong there."""

_SERVER_FAULT_MESSAGE = "internal server error"


@dataclass(frozen=True, slots=True)
class Answer:
    """One complete response: status, encoded body, its own headers and the type of the body."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    content_type: str = "application/json"


NO_CONTENT = Answer(204, b"")


class Refusal(Exception):  # noqa: N818 - an answer that is raised, not a fault
    """A request that ends with the error envelope of `/v1`."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        # The API never explains a fault of its own: every 5xx carries this one sentence.
        self.message: str = message if status < 500 else _SERVER_FAULT_MESSAGE
        self.details: tuple[FieldProblem, ...] = tuple(details)
        self.headers: dict[str, str] = dict(headers or {})

    def answer(self) -> Answer:
        """Return this refusal as it goes over the wire."""
        error: dict[str, object] = {"message": self.message, "code": self.code}
        if self.details:
            error["details"] = [{"field": path, "message": problem} for path, problem in self.details]
        return Answer(self.status, msgspec.json.encode({"error": error}), self.headers)


class TokenRefusal(Refusal):
    """A token request that ends with the flat OAuth error."""

    def answer(self) -> Answer:
        """Return this refusal in the form of RFC 6749 section 5.2."""
        body = {"error": self.code, "error_description": self.message}
        headers = {"Cache-Control": "no-store", "Pragma": "no-cache", **self.headers}
        return Answer(self.status, msgspec.json.encode(body), headers)


def invalid(*problems: FieldProblem) -> Refusal:
    """Return the 422 that names each bad field."""
    return Refusal(422, "validation_error", "validation failed", details=problems)


def not_found(kind: str) -> Refusal:
    """Return the 404 of one kind of object, for example `payout`."""
    return Refusal(404, f"{kind}_not_found", f"{kind.replace('_', ' ')} not found")
