"""What proves one request: the headers that are made at the last moment, on the wire attempt itself.

The transport picks an `Authorization` for a call; its wire asks it for headers once per request that really leaves.
"""

from __future__ import annotations

from typing import Protocol

from yarl import URL

from anton_async.auth.credentials import ApiKeyCredentials, OAuthCredentials
from anton_async.auth.proof import Prover
from anton_async.auth.tokens import AccessToken


class Authorization(Protocol):
    """Makes the headers that authorise one request."""

    def headers(self, method: str, url: URL) -> dict[str, str]:
        """Return fresh headers for a request that is about to leave."""
        ...


class Anonymous:
    """For the calls that need no credentials."""

    def headers(self, method: str, url: URL) -> dict[str, str]:
        """Return nothing."""
        del method, url
        return {}


class TokenCall:
    """Client authentication of the token call: HTTP Basic, and a proof without `ath`.

    Source: RFC 6749 section 2.3.1, RFC 9449 section 5
    """

    def __init__(self, credentials: OAuthCredentials, prover: Prover) -> None:
        self._credentials = credentials
        self._prover = prover
        self.nonce: str | None = None

    def headers(self, method: str, url: URL) -> dict[str, str]:
        """Return Basic credentials and a fresh proof."""
        self.nonce = self._prover.nonce(url)
        return {"Authorization": self._credentials.basic(), "DPoP": self._prover.prove(method, url)}


class DPoPBound:
    """An access token bound to our key, with a fresh proof for each request (RFC 9449 section 7.1)."""

    def __init__(self, token: AccessToken, prover: Prover) -> None:
        self.token = token
        self._prover = prover
        self.nonce: str | None = None

    def headers(self, method: str, url: URL) -> dict[str, str]:
        """Return the token and a fresh proof that names it."""
        self.nonce = self._prover.nonce(url)
        value = self.token.value
        return {"Authorization": f"DPoP {value}", "DPoP": self._prover.prove(method, url, value)}


class Bearer:
    """A static API key of an earlier edition."""

    def __init__(self, credentials: ApiKeyCredentials) -> None:
        self._credentials = credentials

    def headers(self, method: str, url: URL) -> dict[str, str]:
        """Return the key."""
        del method, url
        return {"Authorization": self._credentials.bearer()}
