"""Keys that live elsewhere: in a KMS, an HSM, another process.

A `Signer` is what the user writes around such a key; `RemoteKey` is what the SDK makes of it: public half checked at
once, signatures brought into the form of JOSE, the first one verified, every one bounded in time.

Source: RFC 7518 sections 3.4 and 6.2; RFC 8037 section 3.1
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NoReturn, Protocol, runtime_checkable

from anton_async.auth.keys import Algorithm, base64url, import_public, plain_signature, verifies
from anton_async.config import check_timeout
from anton_async.errors import ConfigurationError, SignerError

_SIGNATURE_BYTES = 64


@runtime_checkable
class Signer(Protocol):
    """A DPoP key that lives elsewhere; give it to `OAuthCredentials(key=...)`."""

    @property
    def algorithm(self) -> Algorithm:
        """`ES256` or `EdDSA`."""
        ...

    @property
    def public_jwk(self) -> Mapping[str, str]:
        """Its public half as a JWK: `kty`, `crv`, `x` and, for EC, `y`."""
        ...

    @property
    def timeout(self) -> float:
        """Seconds one signature may take, such as 5.0."""
        ...

    async def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`: SHA-256 and ECDSA on P-256 for `ES256`, Ed25519 for `EdDSA`.

        Called once for every request that leaves, many at a time. It must not block the event loop: run a blocking
        library in `asyncio.to_thread`.

        Args:
            data: what to sign, at most some kilobytes.

        Returns:
            64 bytes; an ECDSA signature may also come in DER, as most KMS return it.
        """
        ...


class RemoteKey:
    """A `Signer` as the SDK uses it.

    Args:
        signer: the user's.

    Raises:
        ConfigurationError: its public half, algorithm or timeout cannot be used.

    Attributes:
        algorithm: the JWS algorithm it signs with.
        public_jwk: its public half: exactly `kty`, `crv`, `x` and, for EC, `y`.
        thumbprint: RFC 7638 SHA-256 thumbprint of the public half; the `jkt` registered with Anton.
    """

    __slots__ = ("_public", "_signer", "_timeout", "_verified", "algorithm", "public_jwk", "thumbprint")

    def __init__(self, signer: Signer) -> None:
        self._public = import_public(signer.public_jwk)
        self.public_jwk: Mapping[str, str] = self._public.members
        self.algorithm: Algorithm = self._public.algorithm
        self.thumbprint: str = self._public.thumbprint
        if signer.algorithm != self.algorithm:
            raise ConfigurationError(f"The signer's algorithm does not fit its public_jwk, which is {self.algorithm}.")
        self._timeout = check_timeout(signer.timeout, "timeout of the signer")
        self._signer = signer
        self._verified = False

    async def sign(self, header: str, payload: bytes) -> str:
        """Return the JWS compact serialisation of `payload` under `header`, which is encoded already.

        Raises:
            SignerError: no usable signature came within the signer's timeout.
        """
        data = f"{header}.{base64url(payload)}"
        signature = self._plain(await self._ask(data.encode("ascii")))
        signed = f"{data}.{base64url(signature)}"
        if not self._verified:
            if not verifies(signed, self._public):
                raise SignerError("The signer's signature does not verify under its public_jwk: is it the same key?")
            self._verified = True
        return signed

    async def _ask(self, data: bytes) -> object:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._signer.sign(data)
        except TimeoutError:
            problem = f"The signer did not answer within its timeout of {self._timeout:g} seconds"
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody cancelled this call: the signer awaited something that was.
            problem = f"The signer failed with {type(error).__name__}"
        except Exception as error:  # noqa: BLE001 - it is the user's code, and its text may hold credentials
            problem = f"The signer failed with {type(error).__name__}"
        failure = SignerError(problem)
        failure.is_retryable = True
        raise failure

    def _plain(self, signature: object) -> bytes:
        if isinstance(signature, bytes | bytearray) and len(signature) == _SIGNATURE_BYTES:
            return bytes(signature)
        if isinstance(signature, bytes | bytearray) and self.algorithm == "ES256":
            try:
                return plain_signature(bytes(signature))
            except (ValueError, OverflowError):
                pass
        form = "64 bytes or a DER signature" if self.algorithm == "ES256" else "64 bytes"
        raise SignerError(f"The signer did not return {form}")

    def __repr__(self) -> str:
        return f"RemoteKey({self.algorithm}, thumbprint={self.thumbprint})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key does not pickle or copy: make it again where it is needed.")
