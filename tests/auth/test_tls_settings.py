"""TLS settings of the user's own: what would check nothing is refused, but to this machine."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest

from anton_async import AntonClient, ConfigurationError, DPoPKey, OAuthCredentials


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def optional() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def any_host() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    return context


def old() -> ssl.SSLContext:
    context = ssl.create_default_context()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    return context


def newest_only() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def credentials() -> OAuthCredentials:
    return OAuthCredentials(client_id="ant_oc_test_1", client_secret="s", key=DPoPKey.generate())


@pytest.mark.fault("K08")
@pytest.mark.parametrize("make", [unverified, optional, any_host, old])
def test_settings_that_check_too_little_are_refused(make: Callable[[], ssl.SSLContext]) -> None:
    with pytest.raises(ConfigurationError, match="ssl must"):
        AntonClient(credentials(), ssl=make())


@pytest.mark.fault("K08")
@pytest.mark.parametrize("make", [unverified, optional, any_host, old])
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_to_this_machine_any_settings_are_taken(make: Callable[[], ssl.SSLContext], host: str) -> None:
    AntonClient(credentials(), base_url=f"https://{host}:8443", ssl=make())


@pytest.mark.fault("K08")
@pytest.mark.parametrize("make", [ssl.create_default_context, newest_only])
def test_settings_that_check_are_taken(make: Callable[[], ssl.SSLContext]) -> None:
    AntonClient(credentials(), ssl=make())
