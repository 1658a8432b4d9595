"""One row as the journal keeps it.

    PLANNED ──▶ SENT ──▶ ACCEPTED
       ▲          ├────▶ REJECTED
       └──────────┤
      known not   └────▶ UNKNOWN ──▶ (sent again under the same key while the API remembers it)
      to be sent

PLANNED is known not to have left. SENT may have left, or may be about to. A row that breaks the API's rules before
anything is sent goes straight to REJECTED, without key and body.
"""

from __future__ import annotations

import hashlib
from typing import Any, Literal

import msgspec

State = Literal["PLANNED", "SENT", "ACCEPTED", "REJECTED", "UNKNOWN"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A row, what was (or will be) sent for it, and what became of it.

    Attributes:
        position: place in the input, from 1.
        line: what the reader of the file calls that place.
        content: SHA-256 of the row's fields as the caller gave them.
        repeats: line of the row whose `row_id` this one repeats; its own line when it cannot be read, since its
            `row_id` is then a guess, which must not stand in the way of a row that is really called so.
        key: idempotency key; None where nothing may be sent.
        body: the exact body bytes.
        body_hash: seal of `key` and `body`.
        planned_at: Unix time at which the journal took the row.
        sent_at: Unix time just before the first sending that may have left.
    """

    position: int
    line: int
    row_id: str
    content: bytes
    state: State
    planned_at: float
    repeats: int | None = None
    key: str | None = None
    body: bytes | None = None
    body_hash: bytes | None = None
    sent_at: float | None = None
    payout_id: str | None = None
    status: str | None = None
    source_amount: str | None = None
    source_currency: str | None = None
    dest_amount: str | None = None
    dest_currency: str | None = None
    field: str | None = None
    code: str | None = None
    reason: str | None = None

    def repetition(self, line: int) -> Entry:
        """Return the row as one that is not paid, since the row on `line` has the same `row_id`."""
        return msgspec.structs.replace(
            self,
            state="REJECTED",
            repeats=line,
            key=None,
            body=None,
            body_hash=None,
            field="row_id",
            code="repeated_row_id",
            reason=f"repeats the row_id of line {line}: only that one is paid",
        )

    def __repr__(self) -> str:
        return f"Entry(position={self.position}, row_id={self.row_id!r}, state={self.state!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("position", self.position), ("row_id", self.row_id), ("state", self.state)]

    @property
    def settled(self) -> bool:
        """Return whether the row's outcome is final."""
        return self.state in {"ACCEPTED", "REJECTED"}

    @property
    def intact(self) -> bool:
        """Return whether key and body are what they were when the journal took the row."""
        return self.key is not None and self.body is not None and seal(self.key, self.body) == self.body_hash


def seal(key: str, body: bytes) -> bytes:
    """Return the SHA-256 of a key and the bytes that go out under it: neither may change without the other."""
    return hashlib.sha256(key.encode() + b"\0" + body).digest()
