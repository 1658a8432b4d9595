"""Idempotency keys: made before the first attempt, checked when given, never changed afterwards.

Source: https://docs.antonpayments.com/api-reference/idempotency
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from anton_async.clock import Clock
from anton_async.errors import RequestValidationError

RESEND_WINDOW = 23 * 3600.0  # seconds; the API remembers a key for 24 hours, one is the margin

_KEY = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")


def new_key() -> str:
    """Return a random key with 122 bits of chance."""
    return str(uuid.uuid4())


def check_key(key: object) -> str:
    """Return `key` when the API can take it.

    Raises:
        RequestValidationError: it is not 1 to 255 printable ASCII characters without spaces at the ends; it is not
            repeated.
    """
    if not isinstance(key, str) or _KEY.fullmatch(key) is None:
        raise RequestValidationError(
            "must be 1 to 255 printable ASCII characters, without spaces at the ends", field="idempotency_key"
        )
    return key


@dataclass(frozen=True, slots=True)
class KeyLife:
    """When a key was first sent, on both clocks: wall time may be set back, and monotonic time stops in standby.

    Attributes:
        sent_at: Unix time.
        sent_at_tick: monotonic time.
    """

    sent_at: float
    sent_at_tick: float

    @classmethod
    def begin(cls, clock: Clock) -> KeyLife:
        """Return the life of a key that is sent now."""
        return cls(clock.time(), clock.monotonic())

    def left(self, clock: Clock) -> float:
        """Return for how many seconds a request under the key may be repeated; after that it could be a second one."""
        age = max(clock.time() - self.sent_at, clock.monotonic() - self.sent_at_tick)
        return RESEND_WINDOW - age
