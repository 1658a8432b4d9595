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
from dataclasses import dataclass, field
from typing import Literal

State = Literal["PLANNED", "SENT", "ACCEPTED", "REJECTED", "UNKNOWN"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row, what was (or will be) sent for it, and what became of it.

    Attributes:
        position: place in the input, from 1.
        line: what the reader of the file calls that place.
        content: SHA-256 of the row's fields as the caller gave them.
        repeats: line of the row whose `row_id` this one repeats.
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
    body: bytes | None = field(default=None, repr=False)
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
