"""DPoP proofs as the server checks them (RFC 9449 section 4.3).

A proof passes when it is a well-formed `dpop+jwt`, is signed by a registered key whose public half it shows, names
the method and URL it came with, is at most 60 seconds off, carries an id not seen for 5 minutes, and, with an
access token, the token's hash. The token endpoint and the resource endpoints share one checker, so a proof is good
for one request in all.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import warnings
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import msgspec
from joserfc import jwk, jws
from joserfc.errors import JoseError, SecurityWarning

from anton_async.clock import Clock

SigningKey = jwk.ECKey | jwk.OKPKey

ALGORITHMS = "ES256 EdDSA"

_MAX_AGE = 60.0  # seconds, either way
_JTI_MEMORY = 300.0  # seconds
_NONCE_PERIOD = 60.0  # seconds
_MAX_JTI_LENGTH = 255
_PUBLIC_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_ALGORITHM_OF = {("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
_REGISTRY = jws.JWSRegistry(algorithms=["ES256", "EdDSA"])
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class ProofError(Exception):
    """The proof is not good; the message says which check it failed, without repeating it."""


class NonceWantedError(ProofError):
    """The proof needs the server's current nonce."""


@dataclass(frozen=True, slots=True)
class Target:
    """The request a proof has to name."""

    method: str
    scheme: str
    host: str  # of the Host header: how the client addressed the server
    path: str  # as sent, without the query


@dataclass(frozen=True, slots=True)
class Proof:
    """An accepted proof."""

    jti: str
    thumbprint: str


class _Claims(msgspec.Struct):
    htm: str
    htu: str
    iat: int | float
    jti: str
    ath: str | None = None
    nonce: str | None = None


class Nonces:
    """Server nonces: a new one every minute, the one before stays good for another."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made_at = clock.monotonic()
        self._current = secrets.token_urlsafe(18)
        self._previous = self._current

    def current(self) -> str:
        """Return the nonce that responses hand out."""
        now = self._clock.monotonic()
        if now - self._made_at >= _NONCE_PERIOD:
            skipped_one = now - self._made_at >= 2 * _NONCE_PERIOD
            fresh = secrets.token_urlsafe(18)
            self._previous, self._current = (fresh if skipped_one else self._current), fresh
            self._made_at = now
        return self._current

    def accepts(self, nonce: str | None) -> bool:
        """Tell whether a proof may carry this nonce now."""
        return nonce is not None and nonce in {self.current(), self._previous}


class ProofChecker:
    """Checks proofs against the registered keys and remembers their ids."""

    def __init__(self, clock: Clock, keys: Sequence[SigningKey], nonces: Nonces | None) -> None:
        self._clock = clock
        self._keys = {key.thumbprint(): key for key in keys}
        self._nonces = nonces
        self._seen: set[str] = set()
        self._seen_order: deque[tuple[float, str]] = deque()

    def check(self, proofs: Sequence[str], target: Target, *, access_token: str | None = None) -> Proof:
        """Return the accepted proof of a request.

        Args:
            proofs: every `DPoP` header of the request.
            target: the request.
            access_token: the token sent along; None at the token endpoint, where a proof has no `ath`.

        Raises:
            NonceWantedError: the nonce is missing or old.
            ProofError: any other check failed.
        """
        if len(proofs) != 1:
            raise ProofError("send exactly one DPoP header")
        signed, thumbprint = self._verified(proofs[0])
        claims = _claims(signed.payload)
        if claims.htm != target.method:
            raise ProofError("htm is not the method of this request")
        if not _names(claims.htu, target):
            raise ProofError("htu is not the URL of this request")
        if abs(self._clock.time() - claims.iat) > _MAX_AGE:
            raise ProofError("iat is more than 60 seconds off")
        self._remember(claims.jti)
        if self._nonces is not None and not self._nonces.accepts(claims.nonce):
            raise NonceWantedError("the proof needs the nonce of the DPoP-Nonce header")
        if access_token is None and claims.ath is not None:
            raise ProofError("a proof for the token endpoint has no ath")
        if access_token is not None and claims.ath != token_hash(access_token):
            raise ProofError("ath is not the hash of the access token")
        return Proof(claims.jti, thumbprint)

    def _verified(self, proof: str) -> tuple[jws.CompactSignature, str]:
        try:
            signed = jws.extract_compact(proof.encode(), registry=_REGISTRY)
        except (JoseError, ValueError):
            raise ProofError("the proof is no compact JWS") from None
        header = cast("dict[str, object]", signed.protected)
        if header.get("typ") != "dpop+jwt":
            raise ProofError("typ is not dpop+jwt")
        thumbprint, algorithm = _thumbprint(header.get("jwk"))
        if header.get("alg") != algorithm:
            raise ProofError(f"alg does not fit the key; {ALGORITHMS} are supported")
        key = self._keys.get(thumbprint)
        if key is None:
            raise ProofError("jwk is not the registered key")
        if not _signature_holds(signed, key, algorithm):
            raise ProofError("the signature does not verify")
        return signed, thumbprint

    def _remember(self, jti: str) -> None:
        if not 1 <= len(jti) <= _MAX_JTI_LENGTH:
            raise ProofError(f"jti must have 1 to {_MAX_JTI_LENGTH} characters")
        now = self._clock.monotonic()
        while self._seen_order and self._seen_order[0][0] <= now - _JTI_MEMORY:
            self._seen.discard(self._seen_order.popleft()[1])
        if jti in self._seen:
            raise ProofError("jti was used before")
        self._seen.add(jti)
        self._seen_order.append((now, jti))


def token_hash(access_token: str) -> str:
    """Return the `ath` of an access token (RFC 9449 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()).rstrip(b"=").decode()


def _claims(payload: bytes | None) -> _Claims:
    try:
        return msgspec.json.decode(payload or b"", type=_Claims)
    except (msgspec.DecodeError, RecursionError):
        raise ProofError("the claims must be htm, htu and jti as strings and iat as a number") from None


def _thumbprint(key: object) -> tuple[str, str]:
    """Return the RFC 7638 thumbprint of a proof's public key and the algorithm that goes with it."""
    if not isinstance(key, dict):
        raise ProofError("the header has no jwk")
    members = cast("Mapping[str, object]", key)
    if _PRIVATE_MEMBERS & members.keys():
        raise ProofError("jwk holds a private key; replace that key at once")
    algorithm = _ALGORITHM_OF.get((str(members.get("kty")), str(members.get("crv"))))
    if algorithm is None:
        raise ProofError("jwk must be a P-256 or an Ed25519 key")
    public = {name: members.get(name) for name in _PUBLIC_MEMBERS[str(members["kty"])]}
    if not all(isinstance(value, str) for value in public.values()):
        raise ProofError("jwk lacks a coordinate")
    return jwk.thumbprint(public), algorithm


def _signature_holds(signed: jws.CompactSignature, key: SigningKey, algorithm: str) -> bool:
    try:
        if algorithm == "ES256":
            return jws.validate_compact(signed, key, registry=_REGISTRY)
        with warnings.catch_warnings():
            # joserfc prefers the newer name `Ed25519`; the API's name is EdDSA.
            warnings.simplefilter("ignore", SecurityWarning)
            return jws.validate_compact(signed, key, registry=_REGISTRY)
    except (JoseError, ValueError):
        return False


def _names(htu: str, target: Target) -> bool:
    """Tell whether `htu` is the target's URL, by the normalisation of RFC 3986 sections 6.2.2 and 6.2.3."""
    addressed = f"{target.scheme}://{target.host}{target.path}"
    if htu == addressed:
        return True
    named = _normalised(htu)
    return named is not None and named == _normalised(addressed)


def _normalised(url: str) -> tuple[str, str, str] | None:
    if not _PRINTABLE.fullmatch(url) or "?" in url or "#" in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if "@" in parts.netloc or not parts.hostname:
        return None
    return parts.scheme, f"{parts.hostname}:{port}", _ESCAPE.sub(_unescaped, parts.path) or "/"


def _unescaped(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else escape[0].upper()
