"""Idempotency keys, and the ids of requests that go with them.

A key is made before the first attempt, checked when given, and never changed afterwards.

Source: https://docs.antonpayments.com/api-reference/idempotency
"""

from __future__ import annotations

import itertools
import math
import os
import re
import secrets

import msgspec

from anton_async.clock import Clock
from anton_async.errors import RequestValidationError

RESEND_WINDOW = 23 * 3600.0  # seconds; the API remembers a key for 24 hours, one is the margin

REQUEST_ID = "X-Request-ID"
OURS = f"{secrets.token_hex(8)}-"
"""How the ids of this process's requests begin."""

_VARIANT = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
_numbers = itertools.count(1)
_KEY = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")


def new_key() -> str:
    """Return a random key with 122 bits of chance."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"


def request_id(key: str | None) -> str:
    """Return the id of a call's requests: the same for all under one key, since the API may repeat the first answer."""
    return f"{OURS}{next(_numbers) if key is None else f'k{hash(key):x}'}"


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


class KeyLife(msgspec.Struct, frozen=True):
    """When a key was first sent, on both clocks: wall time may be set back, and monotonic time stops in standby.

    Attributes:
        sent_at: Unix time.
        sent_at_tick: monotonic time; minus infinity for a key that may not be sent any more.
    """

    sent_at: float
    sent_at_tick: float

    @classmethod
    def begin(cls, clock: Clock) -> KeyLife:
        """Return the life of a key that is sent now."""
        return cls(clock.time(), clock.monotonic())

    def age(self, clock: Clock) -> float:
        """Return how many seconds ago it began, by the clock that went further."""
        wall = clock.time() - self.sent_at
        return wall if self.sent_at_tick == -math.inf else max(wall, clock.monotonic() - self.sent_at_tick)

    def left(self, clock: Clock) -> float:
        """Return for how many seconds a request under the key may be repeated; after that it could be a second one."""
        return -math.inf if self.sent_at_tick == -math.inf else RESEND_WINDOW - self.age(clock)
