"""Who the client is: OAuth client credentials with their DPoP key, or a static API key.

Given to `AntonClient`; `from_env` reads them from the environment. Neither shows its secret in a repr, and neither
pickles.

Source: https://docs.antonpayments.com/authentication
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from typing import NoReturn
from urllib.parse import quote_plus

from yarl import URL

from anton_async.auth.keys import DPoPKey
from anton_async.config import parse_base_url
from anton_async.errors import ConfigurationError


class OAuthCredentials:
    """OAuth 2.0 client credentials, bound to a DPoP key.

    Args:
        client_id: `ant_oc_test_...` or `ant_oc_live_...`.
        client_secret: `ant_ocs_...`, as the portal showed it once.
        key: the key pair whose public half is registered with this client.
        token_url: the token endpoint; None for `/oauth/token` on the API's host.

    Raises:
        ConfigurationError: a value is empty, holds control characters, or `token_url` is not https (http only to
            loopback).
    """

    __slots__ = ("_client_secret", "client_id", "key", "token_url")

    def __init__(self, *, client_id: str, client_secret: str, key: DPoPKey, token_url: str | None = None) -> None:
        self.client_id = _secret_text("client_id", client_id)
        self._client_secret = _secret_text("client_secret", client_secret)
        if not isinstance(key, DPoPKey):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
            raise ConfigurationError(
                "key must be a DPoPKey: make it with DPoPKey.load, from_pem, from_jwk or generate."
            )
        self.key = key
        self.token_url: URL | None = None if token_url is None else parse_base_url(token_url)

    def basic(self) -> str:
        """Return the `Authorization` value of the token call, both parts form-encoded first (RFC 6749, 2.3.1)."""
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self._client_secret)}"
        return "Basic " + base64.b64encode(pair.encode("ascii")).decode("ascii")

    def __repr__(self) -> str:
        return f"OAuthCredentials(client_id={self.client_id!r}, client_secret='***', key={self.key!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Credentials do not pickle or copy: build them again where they are needed.")


class ApiKeyCredentials:
    """A static API key, sent as `Authorization: Bearer`, as an earlier edition of the API takes it.

    The newest edition answers 401 `static_api_keys_disabled`: use `OAuthCredentials` there.

    Args:
        api_key: `ak_test_...` or `ak_live_...`.
    """

    __slots__ = ("_api_key",)

    def __init__(self, api_key: str) -> None:
        self._api_key = _secret_text("api_key", api_key)

    @property
    def client_id(self) -> str:
        """Return a fingerprint of the key, to tell two keys apart without showing either."""
        return f"api-key-{hashlib.sha256(self._api_key.encode()).hexdigest()[:16]}"

    @property
    def environment_prefix(self) -> str:
        """Return `ak_test_` or `ak_live_`, or nothing for another form."""
        return next((prefix for prefix in ("ak_test_", "ak_live_") if self._api_key.startswith(prefix)), "")

    def bearer(self) -> str:
        """Return the `Authorization` value."""
        return f"Bearer {self._api_key}"

    def __repr__(self) -> str:
        return f"ApiKeyCredentials('{self.environment_prefix}***')"

    def __reduce__(self) -> NoReturn:
        raise TypeError("Credentials do not pickle or copy: build them again where they are needed.")


Credentials = OAuthCredentials | ApiKeyCredentials


def credentials_from_env(environ: Mapping[str, str]) -> OAuthCredentials:
    """Read OAuth credentials from environment variables.

    Args:
        environ: `ANTON_CLIENT_ID`, `ANTON_CLIENT_SECRET`, and either `ANTON_DPOP_KEY` (PEM text) or
            `ANTON_DPOP_KEY_FILE` (its path); one trailing newline is dropped from each.

    Raises:
        ConfigurationError: a variable is missing or empty, or both key variables are set.
    """
    inline, path = _variable(environ, "ANTON_DPOP_KEY"), _variable(environ, "ANTON_DPOP_KEY_FILE")
    if (inline is None) == (path is None):
        problem = (
            "Neither ANTON_DPOP_KEY nor ANTON_DPOP_KEY_FILE is"
            if inline is None
            else "Both ANTON_DPOP_KEY and ANTON_DPOP_KEY_FILE are"
        )
        raise ConfigurationError(f"{problem} set: set exactly one.")
    return OAuthCredentials(
        client_id=_required(environ, "ANTON_CLIENT_ID"),
        client_secret=_required(environ, "ANTON_CLIENT_SECRET"),
        key=DPoPKey.from_pem(inline) if inline is not None else DPoPKey.load(path or os.devnull),
    )


def _required(environ: Mapping[str, str], name: str) -> str:
    value = _variable(environ, name)
    if value is None:
        raise ConfigurationError(f"The environment variable {name} is not set.")
    return value


def _variable(environ: Mapping[str, str], name: str) -> str | None:
    value = environ.get(name, "").removesuffix("\n").removesuffix("\r")
    return value or None


def _secret_text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{name} must be a string that is not empty.")
    if value != value.strip() or any(ord(char) < 0x20 or ord(char) == 0x7F for char in value):
        raise ConfigurationError(f"{name} must not hold control characters or begin or end with white space.")
    return value
