"""Whether a webhook delivery comes from Anton: its signature, and how old it is.

Anton signs `{timestamp}.{raw body}` with HMAC-SHA256; the key is the text of the secret itself. While a secret is being
rotated a delivery carries one signature for each of the two.

Source: https://docs.antonpayments.com/api-reference/webhook-signing
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias, cast

from anton_async.arguments import check_count, check_methods, check_seconds
from anton_async.errors import ConfigurationError, WebhookPayloadError, WebhookSignatureError
from anton_async.webhooks.event import Event, read_event

Headers: TypeAlias = Mapping[str, str] | Mapping[str, Sequence[str]] | Iterable[tuple[str, str] | tuple[bytes, bytes]]
"""Headers of a request in any common shape: a mapping, one with lists of values, or pairs of text or bytes (ASGI)."""

SIGNATURE = "x-webhook-signature"
TIMESTAMP = "x-webhook-timestamp"

_DIGITS = re.compile(r"[0-9]{1,12}")
_ENTRY = re.compile(r"v1=([0-9a-f]{64})")
_MOST_ENTRIES = 16
_LONGEST_HEADER = 2048  # characters


class WebhookVerifier:
    """Verifies deliveries and reads their events; one object serves a whole application.

    Args:
        secrets: the subscription's secret (`whsec_...`), or several while one is being rotated.
        tolerance: seconds a delivery may be older or newer than now.
        max_bytes: size above which a body is refused.
        clock: Unix time in seconds, for tests.

    Raises:
        ConfigurationError: there is no secret, or an argument is out of range.
    """

    def __init__(
        self,
        secrets: str | bytes | Sequence[str | bytes],
        *,
        tolerance: float = 300.0,
        max_bytes: int = 1 << 20,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = _keys(secrets)
        self._tolerance = check_seconds("tolerance", tolerance)
        self._max_bytes = check_count("max_bytes", max_bytes, at_least=1)
        check_methods("clock", clock, ("__call__",), "a function such as time.time")
        self._clock = clock

    def unwrap(self, body: bytes | bytearray | memoryview, headers: Headers) -> Event:
        """Return the event of a delivery.

        Args:
            body: the bytes of the request as they arrived, before anything parsed them.
            headers: its headers, in any case and shape.

        Raises:
            WebhookSignatureError: it is not signed with one of the secrets, or too old or too new: answer 400.
            WebhookPayloadError: it is genuine, but no event can be read from it.
            ConfigurationError: `body` is text; only the raw bytes can be verified.
        """
        self.verify(body, headers)
        return read_event(bytes(body))

    def verify(self, body: bytes | bytearray | memoryview, headers: Headers) -> None:
        """Check the signature and the age of a delivery, and read nothing of it.

        Raises:
            WebhookSignatureError: as in `unwrap`.
            WebhookPayloadError: the body is larger than `max_bytes`.
            ConfigurationError: as in `unwrap`.
        """
        if not isinstance(body, bytes | bytearray | memoryview):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
            raise ConfigurationError("body must be the raw bytes of the request, as they were before parsing.")
        if len(body) > self._max_bytes:
            raise WebhookPayloadError(f"The delivery is larger than max_bytes ({self._max_bytes}).")
        timestamp, signatures = _read(headers)
        age = self._clock() - int(timestamp)
        if abs(age) > self._tolerance:
            where = f"{age:.0f} seconds ago" if age > 0 else f"{-age:.0f} seconds ahead"
            raise WebhookSignatureError(
                f"The delivery's timestamp is too far from now: {where}, where {self._tolerance:g} are allowed."
            )
        expected = [_signature(key, timestamp, body) for key in self._keys]
        # Every pair is compared, so that the time taken tells nothing about which one matched.
        matches = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in signatures]
        if not any(matches):
            raise WebhookSignatureError("The delivery is not signed with one of the secrets.")

    def __repr__(self) -> str:
        return f"WebhookVerifier({len(self._keys)} secrets, tolerance={self._tolerance:g})"


def sign(secret: str | bytes, body: bytes, *, timestamp: int | None = None) -> dict[str, str]:
    """Return the headers with which Anton would deliver `body`, for tests.

    Args:
        secret: the subscription's secret.
        body: the bytes of the request.
        timestamp: Unix seconds; now when left out.
    """
    moment = str(int(time.time()) if timestamp is None else timestamp)
    return {TIMESTAMP: moment, SIGNATURE: f"v1={_signature(_key(secret), moment, body)}"}


def _signature(key: bytes, timestamp: str, body: bytes | bytearray | memoryview) -> str:
    digest = hmac.new(key, timestamp.encode() + b".", hashlib.sha256)
    digest.update(body)
    return digest.hexdigest()


def _keys(secrets: object) -> list[bytes]:
    given = cast("Sequence[object]", secrets) if isinstance(secrets, list | tuple) else [secrets]
    if not given:
        raise ConfigurationError("secrets must hold at least one webhook secret.")
    return [_key(secret) for secret in given]


def _key(secret: object) -> bytes:
    text = secret.encode("utf-8", "ignore") if isinstance(secret, str) else secret
    whole = isinstance(text, bytes) and (isinstance(secret, bytes) or text.decode() == secret)
    if not isinstance(text, bytes) or not whole or not text.strip() or text != text.strip():
        raise ConfigurationError("A webhook secret must be text such as whsec_..., without spaces around it.")
    return text


def _read(headers: Headers) -> tuple[str, list[str]]:
    """Return the timestamp and the signatures of a delivery."""
    pairs = list(_pairs(headers))
    timestamp = _only([value for name, value in pairs if name == TIMESTAMP])
    entries = _only([value for name, value in pairs if name == SIGNATURE]).split(",")
    if _DIGITS.fullmatch(timestamp) is None:
        raise WebhookSignatureError("The delivery's timestamp is no Unix time.")
    if len(entries) > _MOST_ENTRIES:
        raise WebhookSignatureError("The delivery carries too many signatures.")
    return timestamp, [found[1] for entry in entries if (found := _ENTRY.fullmatch(entry.strip(" \t")))]


def _only(values: Sequence[str]) -> str:
    if len(values) != 1 or len(values[0]) > _LONGEST_HEADER:
        raise WebhookSignatureError("The delivery must carry its timestamp and its signature header once each.")
    return values[0]


def _pairs(headers: Headers) -> Iterable[tuple[str, str]]:
    items = cast("Iterable[tuple[object, object]]", headers.items() if isinstance(headers, Mapping) else headers)
    for name, value in items:
        values = cast("Sequence[object]", value) if isinstance(value, list | tuple) else [value]
        for each in values:
            yield _text(name).lower(), _text(each)


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
