"""What a client can be told: where the API is, how long to wait, how often to try, how fast to go.

`AntonClient` turns its arguments into one frozen `Settings`; `RequestOptions` are the ones a single call may change.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TypedDict

from yarl import URL

from anton_async.arguments import check_count, check_seconds, check_type
from anton_async.errors import ConfigurationError


class Environment(enum.Enum):
    """One of Anton's two environments; their credentials, money and data never mix.

    Source: https://docs.antonpayments.com/environments
    """

    SANDBOX = "sandbox"
    PRODUCTION = "production"

    @property
    def base_url(self) -> str:
        """Return where this environment's API is served."""
        return _HOSTS[self]


_HOSTS = {
    Environment.SANDBOX: "https://api.antonpayments.dev",
    Environment.PRODUCTION: "https://api.antonpayments.com",
}


class RequestOptions(TypedDict, total=False):
    """What any single call may set, as keyword arguments.

    Keys:
        idempotency_key: 1 to 255 printable ASCII characters, on mutations only; left out, one random key per logical
            call.
        timeout: seconds for the whole call, over waiting, every attempt and every pause; more than 0.
        max_retries: how many times a failed attempt may be repeated; 0 or more.
        headers: further HTTP headers; those the SDK sets itself are refused.
    """

    idempotency_key: str
    timeout: float  # seconds
    max_retries: int
    headers: Mapping[str, str]


def check_timeout(value: object, name: str = "timeout") -> float:
    """Return `value` as seconds; NaN, infinity, zero, negatives and non-numbers are refused."""
    return check_seconds(name, value)


def check_retries(value: object) -> int:
    """Return `value` as a number of retries, 0 or more."""
    return check_count("max_retries", value, at_least=0)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The merchant's quota as a client paces itself to it.

    An endpoint whose answers announce a smaller `X-RateLimit-Limit` is paced to that by itself, and counts here too.

    Args:
        per_minute: requests in any rolling 60 seconds, 1 or more.

    Source: https://docs.antonpayments.com/api-reference/rate-limits
    """

    per_minute: int = 1000

    def __post_init__(self) -> None:
        check_count("rate_limit.per_minute", self.per_minute, at_least=1)


DEFAULT_RATE_LIMIT = RateLimit()
DEFAULT_RETRY_BUDGET = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The checked configuration of one client; times are in seconds, sizes in bytes."""

    base_url: URL
    timeout: float = 60.0
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    max_retries: int = 4
    concurrency: int = 100
    rate_limit: RateLimit | None = DEFAULT_RATE_LIMIT
    retry_budget: int | None = DEFAULT_RETRY_BUDGET
    max_response_bytes: int = 32 * 1024 * 1024
    proxy: URL | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_timeout(self.timeout)
        check_timeout(self.connect_timeout, "connect_timeout")
        check_timeout(self.read_timeout, "read_timeout")
        check_retries(self.max_retries)
        check_count("concurrency", self.concurrency, at_least=1)
        check_type(
            "rate_limit", self.rate_limit, RateLimit | None, "a RateLimit, such as RateLimit(per_minute=1000), or None"
        )
        if self.retry_budget is not None:
            check_count("retry_budget", self.retry_budget, at_least=1)
        check_count("max_response_bytes", self.max_response_bytes, at_least=1)


def parse_base_url(text: str, name: str = "base_url") -> URL:
    """Return `text` as the API's origin, with an optional path before `/v1`.

    Args:
        text: an `https` URL, or plain `http` to a loopback address; user info, query and fragment are refused.
        name: of the argument, for the error.

    Raises:
        ConfigurationError: the URL cannot be used; its text is not repeated, since it may hold a password.
    """
    wanted = f"{name} must be an https URL such as https://api.antonpayments.dev"
    check_type(name, text, str, "text, an https URL")
    if text != text.strip() or any(ord(char) < 0x21 for char in text):
        raise ConfigurationError(f"{wanted}, without white space.")
    url = read_url(text)
    if url is None:
        raise ConfigurationError(f"{wanted}.")
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url)):
        raise ConfigurationError(f"{wanted}; plain http is for loopback addresses only.")
    if url.raw_user is not None or url.raw_password is not None:
        raise ConfigurationError(f"{wanted}, without user name or password.")
    if url.query_string or url.fragment or "?" in text or "#" in text:
        raise ConfigurationError(f"{wanted}, without query or fragment.")
    path = url.path.rstrip("/")
    if path.endswith("/v1"):
        raise ConfigurationError(f"{wanted}, without /v1: the SDK adds it.")
    return url.with_path(path or "/")


def read_url(text: str) -> URL | None:
    """Return `text` as an absolute URL; None when it is none."""
    try:
        url = URL(text)
    except ValueError:
        return None
    return url if url.host is not None else None


def is_loopback(url: URL) -> bool:
    """Return whether `url` names this machine."""
    try:
        return ip_address(url.host or "").is_loopback
    except ValueError:
        return url.host == "localhost"


def check_environment(client_id: str, base_url: URL) -> None:
    """Refuse credentials made for the other environment, where their prefix shows it.

    Raises:
        ConfigurationError: a live credential for the sandbox host, or a test credential for the production host.
    """
    live = client_id.startswith(("ant_oc_live_", "ak_live_"))
    test = client_id.startswith(("ant_oc_test_", "ak_test_"))
    host = f"{base_url.scheme}://{base_url.host}"
    if (live and host == Environment.SANDBOX.base_url) or (test and host == Environment.PRODUCTION.base_url):
        made, used = ("production", "sandbox") if live else ("sandbox", "production")
        raise ConfigurationError(
            f"These credentials were made for {made} but the client is set to {used}: change one of them."
        )
