from __future__ import annotations

from typing import Any

import pytest

from anton_async import AntonClient, ApiKeyCredentials, ConfigurationError, Environment, RateLimit
from anton_async.config import parse_base_url

KEY = ApiKeyCredentials("ak_test_1")


@pytest.mark.fault("H10")
@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://api.antonpayments.dev", "https://api.antonpayments.dev/"),
        ("https://api.antonpayments.dev/", "https://api.antonpayments.dev/"),
        ("HTTPS://API.Example.COM:443", "https://api.example.com/"),
        ("https://gateway.example/anton/", "https://gateway.example/anton"),
        ("https://bücher.example", "https://xn--bcher-kva.example/"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ("http://localhost", "http://localhost/"),
        ("http://[::1]:8080", "http://[::1]:8080/"),
    ],
)
def test_a_base_url_is_normalised(given: str, used: str) -> None:
    assert str(parse_base_url(given)) == used


@pytest.mark.fault("H10", "I09")
@pytest.mark.parametrize(
    "given",
    [
        "http://api.antonpayments.dev",
        "http://127.0.0.1.evil.example",
        "ftp://x.example",
        "api.antonpayments.dev",
        "",
        " https://x.example",
        "https://x.example\n",
        "https://user:hidden@x.example",
        "https://x.example/?a=hidden",
        "https://x.example/#hidden",
        "https://x.example?",
        "https://x.example:99999",
        "https://x.example/v1/",
    ],
)
def test_a_base_url_that_is_unsafe_is_refused_without_repeating_it(given: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url") as caught:
        parse_base_url(given)

    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"timeout": 0},
        {"timeout": 10**5000},
        {"timeout": float("inf")},
        {"read_timeout": float("nan")},
        {"connect_timeout": -1},
        {"max_retries": -1},
        {"concurrency": 0},
        {"max_response_bytes": 0},
        {"proxy": "nonsense"},
        {"base_url": "http://x.example"},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
@pytest.mark.fault("K10", "E17")
def test_arguments_are_checked_when_the_client_is_made(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(arguments))):
        AntonClient(KEY, **arguments)


@pytest.mark.parametrize("per_minute", [0, -1, True, 1.5])
def test_a_rate_limit_is_a_whole_number(per_minute: Any) -> None:
    with pytest.raises(ConfigurationError, match="per_minute"):
        RateLimit(per_minute=per_minute)


@pytest.mark.parametrize("environment", ["prod", "staging", 7])
def test_an_environment_that_is_none_is_refused(environment: Any) -> None:
    with pytest.raises(ConfigurationError, match="sandbox or production"):
        AntonClient(KEY, environment=environment)


def test_the_environment_decides_the_host() -> None:
    assert str(AntonClient(KEY).settings.base_url) == "https://api.antonpayments.dev/"
    assert Environment.PRODUCTION.base_url == "https://api.antonpayments.com"


@pytest.mark.fault("I09")
def test_a_proxy_password_is_not_shown() -> None:
    client = AntonClient(KEY, proxy="http://user:hidden@proxy.example:3128")

    assert "hidden" not in f"{client!r} {client.settings!r}"


@pytest.mark.parametrize("credentials", [None, "ak_test_1", object()])
def test_credentials_of_another_type_are_refused(credentials: Any) -> None:
    with pytest.raises(ConfigurationError, match="credentials must be"):
        AntonClient(credentials)
