"""Idempotency keys: the first answer under a key is kept for 24 hours and given again.

A key is scoped to merchant and path, and bound to the exact bytes of the body. Answers of 5xx, 401, 403 and 429 are
never kept: the caller may try those again under the same key.

    absent --begin--> running --finish--> kept (24 h) --begin--> the same answer again
                         |
                         +--abandon--> absent
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, replace

from anton_async.clock import Clock
from anton_async.sandbox.errors import Answer, Refusal, invalid

_RETENTION = 24 * 3600.0  # seconds
_MAX_KEY_LENGTH = 255
_NEVER_KEPT = frozenset({401, 403, 429})

Scope = tuple[str, str, str]
"""Merchant, path and key."""


@dataclass(slots=True)
class _Slot:
    body: bytes  # SHA-256 of the raw body
    begun: float
    answer: Answer | None = None


class IdempotencyStore:
    """Decides whether a keyed request runs, waits, conflicts or is answered from memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._slots: dict[Scope, _Slot] = {}
        self._order: deque[tuple[float, Scope]] = deque()

    def begin(self, scope: Scope, body: bytes) -> Answer | None:
        """Open the scope for a request; returns the kept answer when this is a repeat.

        Raises:
            Refusal: 409 when the key is in use for another body, or its first request still runs.
        """
        now = self._clock.monotonic()
        self._forget(now)
        digest = hashlib.sha256(body).digest()
        slot = self._slots.get(scope)
        if slot is None:
            self._slots[scope] = _Slot(digest, now)
            self._order.append((now, scope))
            return None
        if slot.body != digest:
            raise Refusal(409, "idempotency_conflict", "this idempotency key was used with another request body")
        if slot.answer is None:
            raise Refusal(409, "idempotency_in_flight", "the first request with this idempotency key is still running")
        kept = slot.answer
        return replace(kept, headers={**kept.headers, "X-Idempotent-Replayed": "true"})

    def finish(self, scope: Scope, answer: Answer) -> None:
        """Keep the answer of the request that opened the scope, or forget the key when it is not to be kept."""
        if answer.status >= 500 or answer.status in _NEVER_KEPT:
            self.abandon(scope)
            return
        self._slots[scope].answer = answer

    def abandon(self, scope: Scope) -> None:
        """Forget the key: the request that opened the scope came to nothing."""
        self._slots.pop(scope, None)

    def _forget(self, now: float) -> None:
        while self._order and self._order[0][0] <= now - _RETENTION:
            begun, scope = self._order.popleft()
            slot = self._slots.get(scope)
            # An abandoned key may have been taken again since: then a younger entry of the queue speaks for it.
            if slot is not None and slot.begun == begun:
                del self._slots[scope]


def require_key(key: str | None) -> str:
    """Return the idempotency key of a request that must carry one.

    Raises:
        Refusal: 400 when it is missing, 422 when it is over 255 characters.
    """
    if not key:
        raise Refusal(400, "missing_idempotency_key", "the Idempotency-Key header is required")
    if len(key) > _MAX_KEY_LENGTH:
        raise invalid(("Idempotency-Key", f"must be at most {_MAX_KEY_LENGTH} characters"))
    return key
