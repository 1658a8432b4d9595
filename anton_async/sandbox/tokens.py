"""Access tokens: ES256 JWTs signed by the sandbox's own key, bound to the client's DPoP key by `cnf.jkt`.

The token endpoint issues them, the gate in front of `/v1` verifies them, and anyone can check them with the key
set.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from anton_async.clock import Clock
from anton_async.sandbox.errors import Answer
from anton_async.sandbox.proof import token_hash

_REGISTRY = jws.JWSRegistry(algorithms=["ES256"])
_AUDIENCE = "https://api.antonpayments.dev"
_ISSUER = "https://api.antonpayments.dev"
_MAX_REMEMBERED = 10_000


class TokenError(Exception):
    """The access token is not one of ours, is for another audience, or has expired."""


class _Confirmation(msgspec.Struct):
    jkt: str


class _Claims(msgspec.Struct):
    iss: str
    sub: str
    aud: str
    iat: int
    exp: int
    jti: str
    scope: str
    cnf: _Confirmation


@dataclass(frozen=True, slots=True)
class Grant:
    """What a valid token allows."""

    client_id: str
    thumbprint: str
    scope: str
    expires: int  # Unix seconds


class TokenIssuer:
    """Issues and verifies access tokens."""

    def __init__(self, clock: Clock, *, lifetime: int, key: ECKey | None = None) -> None:
        self._clock = clock
        self.lifetime = lifetime
        self._key = key or ECKey.generate_key("P-256")
        self._kid = self._key.thumbprint()
        self._verified: dict[str, Grant] = {}

    def issue(self, client_id: str, thumbprint: str, scope: str) -> str:
        """Return a new token for a client, bound to its key."""
        now = int(self._clock.time())
        claims = _Claims(
            iss=_ISSUER,
            sub=client_id,
            aud=_AUDIENCE,
            iat=now,
            exp=now + self.lifetime,
            jti=uuid.uuid4().hex,
            scope=scope,
            cnf=_Confirmation(thumbprint),
        )
        header = {"typ": "at+jwt", "alg": "ES256", "kid": self._kid}
        return jws.serialize_compact(header, msgspec.json.encode(claims), self._key, registry=_REGISTRY)

    def verify(self, token: str) -> Grant:
        """Return what a token allows.

        Raises:
            TokenError: signature, audience or expiry is bad.
        """
        # A signature holds for ever, so it is checked once a token; the expiry is checked every time.
        remembered = token_hash(token)
        grant = self._verified.get(remembered)
        if grant is None:
            grant = self._read(token)
            if len(self._verified) >= _MAX_REMEMBERED:
                self._verified.clear()
            self._verified[remembered] = grant
        if self._clock.time() >= grant.expires:
            raise TokenError("the token has expired")
        return grant

    def key_set(self) -> Answer:
        """Return the public key set (RFC 7517)."""
        shown = {**self._key.as_dict(private=False), "alg": "ES256", "use": "sig", "kid": self._kid}
        return Answer(200, msgspec.json.encode({"keys": [shown]}), {"Cache-Control": "public, max-age=300"})

    def _read(self, token: str) -> Grant:
        try:
            signed = jws.deserialize_compact(token.encode(), self._key, registry=_REGISTRY)
            claims = msgspec.json.decode(signed.payload or b"", type=_Claims)
        except (JoseError, ValueError):
            raise TokenError("the token was not issued here") from None
        if claims.aud != _AUDIENCE:
            raise TokenError("the token is for another audience")
        return Grant(claims.sub, claims.cnf.jkt, claims.scope, claims.exp)
