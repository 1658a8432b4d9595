"""Who the client is: OAuth client credentials with their DPoP key, or a static API key.

Given to `AntonClient`; `from_env` reads them from the environment. Neither shows its secret in a repr, and neither
pickles.

Source: https://docs.antonpayments.com/authentication
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from typing import NoReturn
from urllib.parse import quote_plus

from yarl import URL

from anton_async.arguments import check_type
from anton_async.auth.keys import DPoPKey
from anton_async.auth.signer import RemoteKey, Signer
from anton_async.config import parse_base_url
from anton_async.errors import ConfigurationError

_JWT = re.compile(r"(?<![A-Za-z0-9_-])ey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_PREFIX = re.compile(r"ant_ocs?_(live|test)_")


class OAuthCredentials:
    """OAuth 2.0 client credentials, bound to a DPoP key.

    Args:
        client_id: `ant_oc_test_...` or `ant_oc_live_...`.
        client_secret: `ant_ocs_...`, as the portal showed it once.
        key: the key pair whose public half is registered with this client, or a `Signer` that has it elsewhere.
        token_url: the token endpoint; None for `/oauth/token` on the API's host.

    Raises:
        ConfigurationError: a value is empty or holds control characters, id and secret belong to different
            environments, the key cannot be used, or `token_url` is not https (http only to loopback).
    """

    __slots__ = ("_basic", "_client_secret", "_secret_form", "client_id", "key", "token_url")

    def __init__(
        self, *, client_id: str, client_secret: str, key: DPoPKey | Signer, token_url: str | None = None
    ) -> None:
        self.client_id: str = _secret_text("client_id", client_id)
        self._client_secret = _secret_text("client_secret", client_secret)
        if {_environment(self.client_id), _environment(self._client_secret)} == {"live", "test"}:
            raise ConfigurationError(
                "client_id and client_secret belong to different environments: take both from the same portal."
            )
        self._secret_form = quote_plus(self._client_secret)
        pair = f"{quote_plus(self.client_id)}:{self._secret_form}"
        self._basic = base64.b64encode(pair.encode("ascii")).decode("ascii")
        self.key: DPoPKey | RemoteKey = _signing_key(key)
        self.token_url: URL | None = None if token_url is None else parse_base_url(token_url, "token_url")

    def basic(self) -> str:
        """Return the `Authorization` value of the token call, both parts form-encoded first (RFC 6749, 2.3.1)."""
        return f"Basic {self._basic}"

    def redact(self, text: str) -> str:
        """Return foreign `text` without what the token call carries: the secret in each of its forms, and tokens."""
        for secret in (self._basic, self._secret_form, self._client_secret):
            text = text.replace(secret, "***")
        return _JWT.sub("***", text)

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
        ConfigurationError: a variable is missing, empty or in quotes, or both key variables are set.
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
    value = environ.get(name, "")
    check_type(f"The environment variable {name}", value, str, "text")
    value = value.removesuffix("\n").removesuffix("\r")
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        raise ConfigurationError(f"The environment variable {name} is in quotes: leave them out.")
    return value or None


def _signing_key(key: object) -> DPoPKey | RemoteKey:
    if isinstance(key, DPoPKey):
        return key
    if isinstance(key, Signer):
        return RemoteKey(key)
    raise ConfigurationError(
        "key must be a DPoPKey, made with DPoPKey.load, from_pem, from_jwk or generate, or a Signer with algorithm, "
        "public_jwk, timeout and sign."
    )


def _environment(text: str) -> str | None:
    found = _PREFIX.match(text)
    return found[1] if found is not None else None


def _secret_text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{name} must be a string that is not empty.")
    if value != value.strip() or any(char < " " or char == "\x7f" or "\ud800" <= char <= "\udfff" for char in value):
        raise ConfigurationError(f"{name} must not hold control characters or begin or end with white space.")
    return value
