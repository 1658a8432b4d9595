"""A request as it came over the wire, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anton_async.sandbox.errors import Answer, Refusal
from anton_async.sandbox.forms import Form
from anton_async.sandbox.proof import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One request."""

    method: str
    path: str  # as sent, undecoded, without the query
    query: str
    host: str
    content_type: str
    authorizations: Sequence[str]
    proofs: Sequence[str]
    idempotency_key: str | None
    body: bytes
    form: Form | None = None  # of an upload; then `body` is empty
    unread: Refusal | None = None  # why body or form could not be read
    anonymous: bool = False  # let in without credentials

    @property
    def target(self) -> Target:
        """What a proof for this request has to name."""
        return Target(self.method, "http", self.host, self.path)

    @property
    def content(self) -> bytes:
        """What two requests under one idempotency key must share."""
        own = self.body if self.form is None else self.form.digest()
        # The query changes what some requests do (`immediate`, `scope`), so it belongs to them.
        return own if not self.query else own + b"?" + self.query.encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The answer to one request, and what became of it on the way."""

    answer: Answer
    operation_id: str | None = None
    jti: str | None = None
    dropped: bool = False

    @property
    def replayed(self) -> bool:
        """Whether the answer came from the idempotency store."""
        return "X-Idempotent-Replayed" in self.answer.headers
