"""DPoP proofs: one fresh signed JWT for each request that goes on the wire.

`Prover` knows the key, the nonces the servers asked for and how far our clock is off. `authorization.py` calls it from
the innermost aiohttp middleware, so that even a request that aiohttp sends again by itself carries a proof of its own.

Source: RFC 9449 sections 4.2 and 8
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from email.utils import parsedate_to_datetime

import msgspec
from yarl import URL

from anton_async.auth.keys import DPoPKey, base64url, encode_header
from anton_async.auth.nonces import Nonces
from anton_async.auth.signer import RemoteKey
from anton_async.clock import SYSTEM_CLOCK, Clock
from anton_async.errors import SignerError

_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")
_MAX_DATE_DELAY = 5.0  # seconds; the Date of a slower answer says too little about now
_MAX_OFFSET = 10 * 365 * 86400.0  # seconds; a Date further away than that is garbage
_NOTICEABLE = 5.0  # seconds; Anton takes proofs up to 60 seconds off


class Prover:
    """Signs proofs with one key, and remembers what the servers said about nonces and time.

    Attributes:
        remote: whether the key lives elsewhere, so that a proof has to be awaited.
        nonces: the newest nonce of each origin.
        offset: seconds by which the servers' clock is ahead of ours.
    """

    def __init__(self, key: DPoPKey | RemoteKey, clock: Clock = SYSTEM_CLOCK) -> None:
        self.remote: bool = isinstance(key, RemoteKey)
        self.nonces: Nonces = Nonces()
        self._key = key
        self._clock = clock
        self.offset: float = 0.0
        self._hashed: tuple[str, str] = ("", "")
        self._header = encode_header({"typ": "dpop+jwt", "alg": key.algorithm, "jwk": dict(key.public_jwk)})

    def prove(self, method: str, url: URL, access_token: str | None = None) -> str:
        """Return a proof for one request, signed at once with the key in memory.

        Args:
            method: HTTP method, as sent.
            url: URL, as sent; its query and fragment are left out of `htu`.
            access_token: token the request carries; None on the token call, whose proof has no `ath`.
        """
        if isinstance(self._key, RemoteKey):
            raise SignerError("A key that lives elsewhere cannot sign at once")
        return self._key.sign(self._header, self._claims(method, url, access_token))

    async def prove_remotely(self, method: str, url: URL, access_token: str | None = None) -> str:
        """Return a proof for one request, whatever the key; arguments as in `prove`.

        Raises:
            SignerError: the signer of the key gave no usable signature.
        """
        if not isinstance(self._key, RemoteKey):
            return self.prove(method, url, access_token)
        return await self._key.sign(self._header, self._claims(method, url, access_token))

    def learn_time(self, values: Sequence[str], elapsed: float) -> bool:
        """Correct our clock by an answer's `Date`.

        Args:
            values: all `Date` headers of the answer.
            elapsed: seconds between sending the request and reading its answer.

        Returns:
            Whether that moves `iat` noticeably.
        """
        if len(values) != 1 or elapsed > _MAX_DATE_DELAY or _DATE.fullmatch(values[0]) is None:
            return False
        try:
            server_time = parsedate_to_datetime(values[0]).timestamp()
        except (ValueError, TypeError, OverflowError):
            return False
        offset = server_time - self._clock.time()
        if abs(offset) > _MAX_OFFSET or abs(offset - self.offset) < _NOTICEABLE:
            return False
        self.offset = offset
        return True

    def _claims(self, method: str, url: URL, access_token: str | None) -> bytes:
        claims: dict[str, object] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": htu(url),
            "iat": int(self._clock.time() + self.offset),
        }
        if access_token is not None:
            claims["ath"] = self._ath(access_token)
        nonce = self.nonces.get(url)
        if nonce is not None:
            claims["nonce"] = nonce
        return msgspec.json.encode(claims)

    def _ath(self, access_token: str) -> str:
        if self._hashed[0] != access_token:
            self._hashed = (access_token, ath(access_token))
        return self._hashed[1]


def htu(url: URL) -> str:
    """Return the `htu` claim for `url`: scheme, authority and path as they go on the wire (RFC 9449 section 4.2)."""
    return f"{url.scheme}://{url.host_port_subcomponent}{url.raw_path or '/'}"


def ath(access_token: str) -> str:
    """Return the `ath` claim: base64url of the SHA-256 of the access token, without padding."""
    return base64url(hashlib.sha256(access_token.encode("ascii")).digest())
