"""DPoP proofs: one fresh signed JWT for each request that goes on the wire.

`Prover` knows the key, the nonces the servers asked for and how far our clock is off. `authorization.py` calls it from
the innermost aiohttp middleware, so that even a request that aiohttp sends again by itself carries a proof of its own.

Source: RFC 9449 sections 4.2 and 8
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections import OrderedDict
from email.utils import parsedate_to_datetime

import msgspec
from yarl import URL

from anton_async.auth.keys import DPoPKey
from anton_async.clock import SYSTEM_CLOCK, Clock

_NONCE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,1024}")
_MAX_ORIGINS = 64
_MAX_DATE_DELAY = 5.0  # seconds; the Date of a slower answer says too little about now
_MAX_OFFSET = 10 * 365 * 86400.0  # seconds; a Date further away than that is garbage
_NOTICEABLE = 5.0  # seconds; Anton takes proofs up to 60 seconds off


class Prover:
    """Signs proofs with one key, and remembers what the servers said about nonces and time."""

    def __init__(self, key: DPoPKey, clock: Clock = SYSTEM_CLOCK) -> None:
        self.key = key
        self._clock = clock
        self._nonces: OrderedDict[str, str] = OrderedDict()
        self._offset = 0.0
        self._header: dict[str, object] = {"typ": "dpop+jwt", "alg": key.algorithm, "jwk": dict(key.public_jwk)}

    def prove(self, method: str, url: URL, access_token: str | None = None) -> str:
        """Return a proof for one request.

        Args:
            method: HTTP method, as sent.
            url: URL, as sent; its query and fragment are left out of `htu`.
            access_token: token the request carries; None on the token call, whose proof has no `ath`.
        """
        claims: dict[str, object] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": htu(url),
            "iat": int(self._clock.time() + self._offset),
        }
        if access_token is not None:
            claims["ath"] = ath(access_token)
        nonce = self.nonce(url)
        if nonce is not None:
            claims["nonce"] = nonce
        return self.key.sign(self._header, msgspec.json.encode(claims))

    def nonce(self, url: URL) -> str | None:
        """Return the nonce that the next proof for `url` carries."""
        return self._nonces.get(_origin(url))

    def learn_nonce(self, url: URL, values: list[str]) -> None:
        """Keep the `DPoP-Nonce` of an answer from `url`.

        A missing, repeated or malformed nonce changes nothing (RFC 9449 section 8.1 gives its characters).
        """
        if len(values) != 1 or _NONCE.fullmatch(values[0]) is None:
            return
        origin = _origin(url)
        self._nonces[origin] = values[0]
        self._nonces.move_to_end(origin)
        if len(self._nonces) > _MAX_ORIGINS:
            self._nonces.popitem(last=False)

    def learn_time(self, values: list[str], elapsed: float) -> bool:
        """Correct our clock by an answer's `Date`.

        Args:
            values: all `Date` headers of the answer.
            elapsed: seconds between sending the request and reading its answer.

        Returns:
            Whether that moves `iat` noticeably.
        """
        if len(values) != 1 or elapsed > _MAX_DATE_DELAY:
            return False
        try:
            server_time = parsedate_to_datetime(values[0]).timestamp()
        except (ValueError, TypeError, OverflowError):
            return False
        offset = server_time - self._clock.time()
        if abs(offset) > _MAX_OFFSET or abs(offset - self._offset) < _NOTICEABLE:
            return False
        self._offset = offset
        return True


def htu(url: URL) -> str:
    """Return the `htu` claim for `url`: scheme, authority and path as they go on the wire (RFC 9449 section 4.2)."""
    return f"{url.scheme}://{url.host_port_subcomponent}{url.raw_path or '/'}"


def ath(access_token: str) -> str:
    """Return the `ath` claim: base64url of the SHA-256 of the access token, without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(access_token.encode("ascii")).digest()).rstrip(b"=").decode()


def _origin(url: URL) -> str:
    return f"{url.scheme}://{url.host_port_subcomponent}"
