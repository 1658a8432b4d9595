"""The DPoP key pair: loaded, checked once, and used to sign.

`OAuthCredentials` carries one; proofs are built from it in `proof.py`. The private half never leaves this object: it is
not in its repr, it does not pickle, and only `private_pem()` hands it out.

Source: RFC 9449 section 4; https://docs.antonpayments.com/authentication
"""

from __future__ import annotations

import base64
import binascii
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn, cast

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey

from anton_async.arguments import check_type
from anton_async.errors import ConfigurationError, printable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Algorithm = Literal["ES256", "EdDSA"]

_WANTED = (
    "Anton takes an EC P-256 key (ES256) or an Ed25519 key (EdDSA), with its private half, as PKCS#8 PEM or as a JWK"
)
_MAX_FILE_BYTES = 64 * 1024


class DPoPKey:
    """A DPoP key pair: EC P-256 (`ES256`) or Ed25519 (`EdDSA`).

    Make one with `generate`, `load`, `from_pem` or `from_jwk`.

    Attributes:
        algorithm: the JWS algorithm it signs with.
        public_jwk: its public half: exactly `kty`, `crv`, `x` and, for EC, `y`.
        thumbprint: RFC 7638 SHA-256 thumbprint of the public half, base64url; the `jkt` registered with Anton.
    """

    __slots__ = ("_key", "_signature", "algorithm", "public_jwk", "thumbprint")

    algorithm: Algorithm
    public_jwk: Mapping[str, str]
    thumbprint: str

    def __init__(self, key: ECKey | OKPKey) -> None:
        if not key.is_private:
            raise ConfigurationError(f"This DPoP key has no private half. {_WANTED}.")
        members = cast("dict[str, str]", key.as_dict(private=False))
        if (members["kty"], members["crv"]) not in {("EC", "P-256"), ("OKP", "Ed25519")}:
            raise ConfigurationError(f"This DPoP key is of another kind. {_WANTED}.")
        self._key = key
        self.algorithm = "ES256" if members["kty"] == "EC" else "EdDSA"
        self.public_jwk = {name: members[name] for name in ("kty", "crv", "x", "y") if name in members}
        self.thumbprint = key.thumbprint()
        self._signature = _signature_of(key)
        self._prove_halves_match()

    @classmethod
    def generate(cls, algorithm: Algorithm = "ES256") -> DPoPKey:
        """Make a new key pair.

        Args:
            algorithm: `ES256` (what the portal makes) or `EdDSA`.
        """
        if algorithm == "ES256":
            return cls(ECKey.generate_key("P-256", private=True))
        if algorithm == "EdDSA":
            return cls(OKPKey.generate_key("Ed25519", private=True))
        raise ConfigurationError('A DPoP key signs with "ES256" or "EdDSA".')

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, password: str | None = None) -> DPoPKey:
        """Read a key pair from a PEM file.

        Args:
            path: the file, at most 64 KiB; a warning is given when others than its owner may read it.
            password: for an encrypted PEM.

        Raises:
            ConfigurationError: the file cannot be read or holds no usable key; its content is not repeated.
        """
        check_type("path", path, str | os.PathLike, "a path")
        file = Path(path)
        try:
            with file.open("rb") as opened:
                mode = os.fstat(opened.fileno()).st_mode
                data = opened.read(_MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as error:
            mode, data, reason = 0, b"", getattr(error, "strerror", None) or "it is no path"
        else:
            reason = "it is empty" if not data.strip() else "it is larger than 64 KiB"
        if not data.strip() or len(data) > _MAX_FILE_BYTES:
            raise ConfigurationError(f"The DPoP key file {printable(str(file))} cannot be used: {reason}.")
        if os.name == "posix" and mode & 0o077:
            warnings.warn(f"The DPoP key file {file} can be read by others: run chmod 600 on it.", stacklevel=2)
        return cls._from_pem_bytes(data, password)

    @classmethod
    def from_pem(cls, text: str, *, password: str | None = None) -> DPoPKey:
        """Read a key pair from PEM text.

        Args:
            text: an unencrypted or encrypted PKCS#8 (or SEC 1) private key.
            password: for an encrypted PEM.

        Raises:
            ConfigurationError: the text holds no usable key; it is not repeated.
        """
        check_type("text", text, str, "the text of a PEM private key")
        return cls._from_pem_bytes(text.encode("utf-8", "replace"), password)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, str]) -> DPoPKey:
        """Read a key pair from a private JWK; members other than the key's own are left out of proofs.

        Raises:
            ConfigurationError: the JWK is not a usable private key; it is not repeated.
        """
        check_type("jwk", jwk, Mapping, "a mapping, a private JWK")
        kty = jwk.get("kty")
        if kty not in {"EC", "OKP"} or "d" not in jwk:
            raise ConfigurationError(f"This JWK is not a private EC or OKP key. {_WANTED}.")
        names = ("kty", "crv", "x", "y", "d") if kty == "EC" else ("kty", "crv", "x", "d")
        members: dict[str, str | list[str]] = {name: jwk[name] for name in names if name in jwk}
        if jwk.get("alg") not in {None, "ES256" if kty == "EC" else "EdDSA", "Ed25519" if kty == "OKP" else None}:
            raise ConfigurationError(f"The JWK's alg does not fit its kty. {_WANTED}.")
        if jwk.get("use") not in {None, "sig"}:
            raise ConfigurationError("The JWK's use must be sig.")
        key: ECKey | OKPKey | None = None
        try:
            key = ECKey.import_key(members) if kty == "EC" else OKPKey.import_key(members)
            key.as_dict(private=True)
        except (JoseError, ValueError, TypeError, KeyError, binascii.Error):
            key = None
        if key is None:
            raise ConfigurationError(f"This JWK cannot be read as a key. {_WANTED}.")
        return cls(key)

    @classmethod
    def _from_pem_bytes(cls, data: bytes, password: str | None) -> DPoPKey:
        check_type("password", password, str | None, "text, or None")
        if b"-----BEGIN" not in data or b"PRIVATE KEY" not in data or b"OPENSSH" in data:
            raise ConfigurationError(f"This is not a PEM private key. {_WANTED}.")
        for kind in (ECKey, OKPKey):
            try:
                return cls(kind.import_key(data, password=password))
            except (JoseError, ValueError, TypeError, KeyError, binascii.Error):
                continue
        raise ConfigurationError(f"This PEM cannot be read (is it encrypted, and the password right?). {_WANTED}.")

    def sign(self, header: str, payload: bytes) -> str:
        """Return the JWS compact serialisation of `payload` under `header`, which is encoded already."""
        data = f"{header}.{base64url(payload)}"
        return f"{data}.{base64url(self._signature(data.encode('ascii')))}"

    def private_pem(self) -> str:
        """Return the private half as unencrypted PKCS#8 PEM, to be stored with mode 0600."""
        return self._key.as_pem(private=True).decode()

    def _prove_halves_match(self) -> None:
        signed = self.sign(encode_header({"alg": self.algorithm}), b"self-test")
        if not verifies(signed, import_public(self.public_jwk)):
            raise ConfigurationError(f"The private and public halves of this DPoP key do not match. {_WANTED}.")

    def __repr__(self) -> str:
        return f"DPoPKey({self.algorithm}, thumbprint={self.thumbprint})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A DPoPKey does not pickle or copy: load it again where it is needed.")


def _signature_of(key: ECKey | OKPKey) -> Callable[[bytes], bytes]:
    """Return what signs bytes as JWS has it: the key itself, since joserfc would check it again for each signature."""
    private = key.private_key
    if isinstance(private, EllipticCurvePrivateKey):
        algorithm = ECDSA(SHA256())
        return lambda data: plain_signature(private.sign(data, algorithm))
    return cast("Ed25519PrivateKey", private).sign


def plain_signature(der: bytes) -> bytes:
    """Return an ES256 signature as JWS has it, both numbers in 32 bytes each (RFC 7518 section 3.4).

    Raises:
        ValueError: `der` is no signature in DER.
        OverflowError: its numbers are too large for P-256.
    """
    r, s = decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The public half of a DPoP key: `members` are exactly `kty`, `crv`, `x` and, for EC, `y`."""

    algorithm: Algorithm
    members: Mapping[str, str]
    thumbprint: str
    key: ECKey | OKPKey


def import_public(jwk: Mapping[str, str]) -> PublicKey:
    """Read the public half of a DPoP key from a JWK; other members, also private ones, are left out.

    Raises:
        ConfigurationError: the JWK is no P-256 or Ed25519 key, or its point is not on the curve.
    """
    if (jwk.get("kty"), jwk.get("crv")) not in {("EC", "P-256"), ("OKP", "Ed25519")}:
        raise ConfigurationError(f"This public JWK is of another kind. {_WANTED}.")
    curve = jwk["kty"] == "EC"
    members: dict[str, str] = {name: jwk[name] for name in ("kty", "crv", "x", "y") if name in jwk}
    if not curve:
        members.pop("y", None)
    imported: dict[str, str | list[str]] = dict(members)
    try:
        key = ECKey.import_key(imported) if curve else OKPKey.import_key(imported)
        return PublicKey("ES256" if curve else "EdDSA", members, key.thumbprint(), key)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        pass
    raise ConfigurationError(f"This public JWK cannot be read as a key. {_WANTED}.")


def verifies(signed: str, public: PublicKey) -> bool:
    """Return whether a JWS compact serialisation verifies under `public`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)
            jws.deserialize_compact(signed, public.key, algorithms=[public.algorithm])
    except (JoseError, ValueError):
        return False
    return True


def encode_header(header: Mapping[str, object]) -> str:
    """Return a JWS header as it stands before the first dot; it is the same for all proofs of a key."""
    return base64url(msgspec.json.encode(header))


def base64url(data: bytes) -> str:
    """Return `data` in base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
