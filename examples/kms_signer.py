"""Pay with a DPoP key that never leaves a key management service.

A signer is four names: `algorithm`, `public_jwk`, `timeout` and an async `sign`. `KmsSigner` wraps a client that blocks
and signs with DER, as those of the large clouds do; put yours where `LocalKms` stands.

anton sandbox --port 8080        # in one terminal; paste the lines it prints into another
python examples/kms_signer.py    # in that other one; the sandbox knows the key in ANTON_DPOP_KEY_FILE
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from anton_async import AntonClient, OAuthCredentials


class Kms(Protocol):
    """What is used of a key management service: two calls that block."""

    def get_public_key(self, key_id: str) -> bytes:
        """Return the public half as DER (SubjectPublicKeyInfo)."""
        ...

    def sign(self, key_id: str, message: bytes) -> bytes:
        """Return an ECDSA signature with SHA-256, as DER."""
        ...


class KmsSigner:
    """Signs with an EC P-256 key of a key management service."""

    algorithm: Literal["ES256"] = "ES256"
    timeout: float = 5.0  # seconds for one signature, retries of the service's own client included

    def __init__(self, kms: Kms, key_id: str, public_jwk: Mapping[str, str]) -> None:
        self._kms = kms
        self._key_id = key_id
        self.public_jwk = public_jwk

    @classmethod
    async def open(cls, kms: Kms, key_id: str) -> KmsSigner:
        """Fetch the public half once, then be ready to sign."""
        der = await asyncio.to_thread(kms.get_public_key, key_id)
        public = serialization.load_der_public_key(der)
        if not isinstance(public, ec.EllipticCurvePublicKey):
            raise TypeError(f"The key {key_id} is not an EC key.")
        point = public.public_numbers()
        return cls(kms, key_id, {"kty": "EC", "crv": "P-256", "x": coordinate(point.x), "y": coordinate(point.y)})

    async def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`, as the service gives it."""
        return await asyncio.to_thread(self._kms.sign, self._key_id, data)


def coordinate(number: int) -> str:
    """Return a coordinate as a JWK has it: 32 bytes in base64url without padding."""
    return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()


class LocalKms:
    """Stands in for a real service: the same calls, on a key file."""

    def __init__(self, path: str) -> None:
        key = serialization.load_pem_private_key(Path(path).read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{path} holds no EC key.")
        self._key = key

    def get_public_key(self, key_id: str) -> bytes:
        """Return the public half as DER."""
        del key_id
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(serialization.Encoding.DER, form)

    def sign(self, key_id: str, message: bytes) -> bytes:
        """Return an ECDSA signature with SHA-256, as DER."""
        del key_id
        return self._key.sign(message, ec.ECDSA(hashes.SHA256()))


async def main() -> None:
    """List balances, each request signed by the service."""
    signer = await KmsSigner.open(LocalKms(os.environ["ANTON_DPOP_KEY_FILE"]), "alias/anton-dpop")
    credentials = OAuthCredentials(
        client_id=os.environ["ANTON_CLIENT_ID"], client_secret=os.environ["ANTON_CLIENT_SECRET"], key=signer
    )
    async with AntonClient(credentials, base_url=os.environ.get("ANTON_BASE_URL")) as anton:
        for balance in await anton.balances.list():
            print(f"{balance.currency} {balance.available}")


if __name__ == "__main__":
    asyncio.run(main())
