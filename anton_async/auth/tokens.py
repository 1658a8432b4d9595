"""Access tokens: read from the token endpoint's answer, kept while they are good, renewed once for everybody.

    fresh ── refresh_at ──▶ advisory: one caller renews in the background, all others keep the old token
                       ── expires_at ──▶ mandatory: everybody waits for the same renewal

A renewal that failed is not tried again at once by everybody: after the second failure in a row, or for as long as the
token endpoint asked, callers get the same failure without asking.

`TokenSource` is asked by the transport before each attempt; how a token is fetched over HTTP is the transport's
business.

Source: RFC 6749 section 5.1; RFC 9449 sections 5 and 6.1
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import copy
import math
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from anton_async.clock import Clock
from anton_async.errors import AntonError, ConfigurationError, Outcome, TokenError
from anton_async.log import get_log

logger: Final = get_log("anton_async.auth")

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # b64token of RFC 6750 section 2.1
_MAX_TOKEN_CHARS = 16 * 1024
_MAX_LIFETIME = 86400.0  # seconds
_DEFAULT_LIFETIME = 60.0  # seconds, when the answer names none above 0
_EXPIRY_MARGIN = 60.0  # seconds before `expires_in` from which a token is no longer used
_ADVISORY_SHARE = 0.1  # of the lifetime: how long before that a renewal is begun
_RENEWAL_PAUSE = 5.0  # seconds until the next try after a renewal ahead of time has failed
_FIRST_REST = 1.0  # seconds without a try after the second failure in a row; doubled with each further one
_MAX_REST = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token and, on the monotonic clock, when to renew it and when to stop using it."""

    value: str = field(repr=False)
    refresh_at: float
    expires_at: float


class _TokenBody(msgspec.Struct):
    access_token: object = None
    token_type: object = None
    expires_in: object = None


class _Confirmation(msgspec.Struct):
    jkt: str | None = None


class _TokenClaims(msgspec.Struct):
    cnf: _Confirmation | None = None


def read_token(body: bytes, *, now: float, thumbprint: str) -> AccessToken:
    """Return the token that the token endpoint answered with.

    Args:
        body: the answer's body.
        now: monotonic time at which the token call was sent.
        thumbprint: thumbprint of our key, compared with the token's `cnf.jkt` where the token is a JWT.

    Raises:
        TokenError: the answer names no usable DPoP token; its text is not repeated.
    """
    try:
        answer = msgspec.json.decode(body, type=_TokenBody)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        answer = None
    if answer is None:
        raise TokenError("The token endpoint did not answer with a JSON object.")
    if not isinstance(answer.token_type, str) or answer.token_type.lower() != "dpop":
        raise TokenError("The token endpoint's token_type is not DPoP: the token would not be bound to our key.")
    value = answer.access_token
    if not isinstance(value, str) or len(value) > _MAX_TOKEN_CHARS or _TOKEN.fullmatch(value) is None:
        raise TokenError("The token endpoint's access_token is missing or is not a token.")
    bound_to = _bound_to(value)
    if bound_to is not None and bound_to != thumbprint:
        raise TokenError(
            "The access token is bound to another key (cnf.jkt): use the DPoP key registered with this client."
        )
    lifetime = _lifetime(answer.expires_in)
    margin = min(_EXPIRY_MARGIN, lifetime / 2)
    expires_at = now + lifetime - margin
    return AccessToken(value, refresh_at=expires_at - lifetime * _ADVISORY_SHARE, expires_at=expires_at)


def _lifetime(expires_in: object) -> float:
    if isinstance(expires_in, str) and expires_in.isascii() and expires_in.isdigit() and len(expires_in) < 10:
        expires_in = int(expires_in)
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float) or expires_in <= 0:
        return _DEFAULT_LIFETIME
    return float(min(expires_in, _MAX_LIFETIME))


def _bound_to(token: str) -> str | None:
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        claims = msgspec.json.decode(payload, type=_TokenClaims)
    except (binascii.Error, msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return claims.cnf.jkt if claims.cnf is not None else None


class TokenSource:
    """One access token for all calls of a client: fetched once, shared, renewed ahead of its end."""

    def __init__(self, fetch: Callable[[], Awaitable[AccessToken]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._token: AccessToken | None = None
        self._renewal: asyncio.Task[AccessToken] | None = None
        self._failure: AntonError | None = None
        self._failures_in_a_row = 0
        self._resting_until = -math.inf
        self._closed = False

    def fresh(self) -> AccessToken | None:
        """Return the token when it needs no renewal yet."""
        token = self._token
        return token if token is not None and self._clock.monotonic() < token.refresh_at else None

    async def get(self) -> AccessToken:
        """Return a token that is good now.

        Raises:
            AntonError: the token could not be fetched; each waiting caller gets an error of its own, with outcome
                NOT_SENT and, in `retry_after`, the seconds in which nobody tries again.
        """
        token, now = self._token, self._clock.monotonic()
        if token is not None and now < token.refresh_at:
            return token
        usable = token is not None and now < token.expires_at
        if self._failure is not None and now < self._resting_until and not self._closed:
            if token is not None and usable:
                return token
            raise _own_copy(self._failure, retry_after=self._resting_until - now)
        renewal = self._renew()
        if token is not None and usable:
            return token
        await asyncio.wait([renewal])
        if renewal.cancelled():
            raise ConfigurationError("The client was closed while it fetched an access token.")
        error = renewal.exception()
        if isinstance(error, AntonError):
            rest = self._resting_until - self._clock.monotonic()
            raise _own_copy(error, retry_after=error.retry_after or (rest if rest > 0 else None))
        return renewal.result()

    def invalidate(self, token: AccessToken) -> None:
        """Drop `token` after the API refused it, unless another has already taken its place."""
        if self._token is not None and self._token.value == token.value:
            self._token = None

    async def close(self) -> None:
        """Stop a renewal under way."""
        self._closed = True
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait([self._renewal])

    def _renew(self) -> asyncio.Task[AccessToken]:
        if self._closed:
            raise ConfigurationError("The client is closed.")
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._fetch_and_keep(), name="anton-token-renewal")
            self._renewal.add_done_callback(self._renewed)
        return self._renewal

    async def _fetch_and_keep(self) -> AccessToken:
        try:
            self._token = await self._fetch()
        except AntonError as error:
            self._rest_after(error)
            raise
        self._failure = None
        self._failures_in_a_row = 0
        return self._token

    def _rest_after(self, error: AntonError) -> None:
        """Keep callers from asking again before it makes sense."""
        self._failures_in_a_row += 1
        further = self._failures_in_a_row - 2
        rest = min(_FIRST_REST * 2 ** min(further, 10), _MAX_REST) if further >= 0 else 0.0
        self._resting_until = self._clock.monotonic() + max(rest, min(error.retry_after or 0.0, _MAX_REST))
        self._failure = _own_copy(error, retry_after=None)

    def _renewed(self, renewal: asyncio.Task[AccessToken]) -> None:
        self._renewal = None
        if not renewal.cancelled() and renewal.exception() is not None:
            logger.warning("no access token could be fetched: %s", type(renewal.exception()).__name__)
            if self._token is not None:
                later = self._clock.monotonic() + _RENEWAL_PAUSE
                self._token = replace(self._token, refresh_at=min(later, self._token.expires_at))


def _own_copy(error: AntonError, *, retry_after: float | None) -> AntonError:
    mine = copy.copy(error)
    mine.outcome = Outcome.NOT_SENT
    mine.retry_after = retry_after
    return mine
