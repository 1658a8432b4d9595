"""What proves one request: the headers that are made at the last moment, on the wire attempt itself.

The transport picks an `Authorization` for a call; its wire asks it for headers once per request that really leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yarl import URL

from anton_async.auth.nonces import NonceTurns
from anton_async.auth.tokens import AccessToken

if TYPE_CHECKING:  # they bring the cryptography, which an import of the client does not need
    from anton_async.auth.credentials import ApiKeyCredentials, OAuthCredentials
    from anton_async.auth.proof import Prover


class Authorization:
    """Makes the headers that authorise one request.

    Attributes:
        remote: whether they have to be awaited, because the key lives elsewhere.
    """

    remote: bool = False

    def headers(self, method: str, url: URL) -> dict[str, str]:
        """Return fresh headers for a request that is about to leave."""
        raise NotImplementedError

    async def remote_headers(self, method: str, url: URL) -> dict[str, str]:
        """Return fresh headers for a request that is about to leave.

        Raises:
            SignerError: the signer of the key gave no usable signature; nothing was sent.
        """
        return self.headers(method, url)


class Anonymous(Authorization):
    """For the calls that need no credentials."""

    def headers(self, method: str, url: URL) -> dict[str, str]:
        """Return nothing."""
        del method, url
        return {}


class TokenCall(Authorization):
    """Client authentication of the token call: HTTP Basic, and a proof without `ath`.

    Source: RFC 6749 section 2.3.1, RFC 9449 section 5
    """

    def __init__(self, credentials: OAuthCredentials, prover: Prover) -> None:
        self._credentials = credentials
        self._prover = prover
        self.remote: bool = prover.remote
        self.nonce: str | None = None

    def headers(self, method: str, url: URL) -> dict[str, str]:
        """Return Basic credentials and a fresh proof."""
        self.nonce = self._prover.nonces.get(url)
        return {"Authorization": self._credentials.basic(), "DPoP": self._prover.prove(method, url)}

    async def remote_headers(self, method: str, url: URL) -> dict[str, str]:
        """Return Basic credentials and a fresh proof."""
        self.nonce = self._prover.nonces.get(url)
        proof = await self._prover.prove_remotely(method, url)
        return {"Authorization": self._credentials.basic(), "DPoP": proof}


class DPoPBound(Authorization):
    """An access token bound to our key, with a fresh proof for each request (RFC 9449 section 7.1).

    Attributes:
        token: the access token.
        nonce: the nonce that the last proof carried.
        offset: the correction of our clock that the last proof was made with, in seconds.
    """

    def __init__(self, token: AccessToken, prover: Prover, turns: NonceTurns) -> None:
        self.token: AccessToken = token
        self._prover = prover
        self._turns = turns
        self.remote: bool = prover.remote
        self.nonce: str | None = None
        self.offset: float = prover.offset

    def headers(self, method: str, url: URL) -> dict[str, str]:
        """Return the token and a fresh proof that names it."""
        self._about_to_leave(url)
        value = self.token.value
        return {"Authorization": f"DPoP {value}", "DPoP": self._prover.prove(method, url, value)}

    async def remote_headers(self, method: str, url: URL) -> dict[str, str]:
        """Return the token and a fresh proof that names it."""
        self._about_to_leave(url)
        value = self.token.value
        proof = await self._prover.prove_remotely(method, url, value)
        return {"Authorization": f"DPoP {value}", "DPoP": proof}

    def _about_to_leave(self, url: URL) -> None:
        self.nonce = self._prover.nonces.get(url)
        self.offset = self._prover.offset
        self._turns.leaves(self)


class Bearer(Authorization):
    """A static API key of an earlier edition."""

    def __init__(self, credentials: ApiKeyCredentials) -> None:
        self._credentials = credentials

    def headers(self, method: str, url: URL) -> dict[str, str]:
        """Return the key."""
        del method, url
        return {"Authorization": self._credentials.bearer()}
