from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from anton_async import AntonClient, ApiKeyCredentials, ConfigurationError, DPoPKey, Environment, OAuthCredentials
from anton_async.auth.credentials import credentials_from_env


@pytest.mark.fault("B18")
def test_basic_encodes_both_parts_as_a_form_first(dpop_key: DPoPKey) -> None:
    credentials = OAuthCredentials(
        client_id="1PpG/Q 1", client_secret="z/tZ9VwFZqApmIQ+ZH1I5pLk/uB4ud:X2/8bL+wfFTt1rFw=", key=dpop_key
    )

    assert credentials.basic() == (
        "Basic MVBwRyUyRlErMTp6JTJGdFo5VndGWnFBcG1JUSUyQlpIMUk1cExrJTJGdUI0dWQlM0FYMiUyRjhiTCUyQndmRlR0MXJGdyUzRA=="
    )


@pytest.mark.fault("I01", "I06")
def test_credentials_show_no_secret_and_do_not_travel(credentials: OAuthCredentials) -> None:
    for holder, secret in ((credentials, "1" * 48), (ApiKeyCredentials("ak_test_hidden"), "hidden")):
        assert secret not in f"{holder!r} {holder}"
        for take in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="do not pickle"):
                take(holder)


@pytest.mark.parametrize("value", ["", "  ", " a", "a\n", "a\x00b", None, 7])
def test_a_secret_that_cannot_be_one_is_refused_without_repeating_it(dpop_key: DPoPKey, value: object) -> None:
    with pytest.raises(ConfigurationError, match="client_secret"):
        OAuthCredentials(client_id="a", client_secret=value, key=dpop_key)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the point


@pytest.mark.parametrize(
    "token_url", ["http://example.com/oauth/token", "https://u:p@example.com/", "https://x.example/?a"]
)
def test_a_token_url_that_would_leak_is_refused(dpop_key: DPoPKey, token_url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        OAuthCredentials(client_id="a", client_secret="b", key=dpop_key, token_url=token_url)

    assert "u:p" not in str(caught.value)


@pytest.mark.fault("K07")
@pytest.mark.parametrize(("client_id", "secret"), [("live", "test"), ("test", "live")])
def test_an_id_and_a_secret_of_two_environments_are_refused(dpop_key: DPoPKey, client_id: str, secret: str) -> None:
    with pytest.raises(ConfigurationError, match="different environments") as caught:
        OAuthCredentials(client_id=f"ant_oc_{client_id}_1", client_secret=f"ant_ocs_{secret}_hidden", key=dpop_key)

    assert "hidden" not in str(caught.value)


@pytest.mark.fault("K07")
@pytest.mark.parametrize(
    ("client_id", "environment"),
    [("ant_oc_live_1", Environment.SANDBOX), ("ant_oc_test_1", Environment.PRODUCTION)],
)
def test_credentials_of_the_other_environment_are_refused(
    dpop_key: DPoPKey, client_id: str, environment: Environment
) -> None:
    credentials = OAuthCredentials(client_id=client_id, client_secret="s", key=dpop_key)

    with pytest.raises(ConfigurationError, match="made for"):
        AntonClient(credentials, environment=environment)


def test_an_api_key_of_the_other_environment_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="made for production"):
        AntonClient(ApiKeyCredentials("ak_live_1"), environment=Environment.SANDBOX)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "key.pem"
    file.write_text(DPoPKey.generate().private_pem())
    file.chmod(0o600)
    return {
        "ANTON_CLIENT_ID": "ant_oc_test_1",
        "ANTON_CLIENT_SECRET": "ant_ocs_test_1\n",
        "ANTON_DPOP_KEY_FILE": str(file),
        "ANTON_ENVIRONMENT": "sandbox",
    }


def test_a_client_is_made_from_the_environment(environ: dict[str, str]) -> None:
    client = AntonClient.from_env(environ=environ)

    assert str(client.settings.base_url) == "https://api.antonpayments.dev/"


@pytest.mark.fault("K06")
def test_a_trailing_newline_is_dropped(environ: dict[str, str]) -> None:
    environ = {
        **environ,
        "ANTON_CLIENT_ID": "ant_oc_test_1\r\n",
        "ANTON_DPOP_KEY_FILE": f"{environ['ANTON_DPOP_KEY_FILE']}\n",
    }

    assert AntonClient.from_env(environ=environ).client_id == "ant_oc_test_1"


@pytest.mark.fault("K06")
def test_a_key_may_stand_in_the_environment_itself(environ: dict[str, str]) -> None:
    key = DPoPKey.generate()
    del environ["ANTON_DPOP_KEY_FILE"]
    environ["ANTON_DPOP_KEY"] = key.private_pem()

    assert credentials_from_env(environ).key.thumbprint == key.thumbprint


@pytest.mark.fault("K06")
def test_an_argument_wins_over_the_environment(environ: dict[str, str]) -> None:
    environ["ANTON_BASE_URL"] = "https://elsewhere.example"

    client = AntonClient.from_env(environ=environ, base_url="http://127.0.0.1:8080")

    assert str(client.settings.base_url) == "http://127.0.0.1:8080/"


@pytest.mark.fault("K06")
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"ANTON_CLIENT_ID": ""}, "ANTON_CLIENT_ID"),
        ({"ANTON_CLIENT_SECRET": ""}, "ANTON_CLIENT_SECRET"),
        ({"ANTON_DPOP_KEY_FILE": ""}, "Neither ANTON_DPOP_KEY"),
        ({"ANTON_DPOP_KEY": "pem"}, "Both ANTON_DPOP_KEY"),
        ({"ANTON_ENVIRONMENT": "staging"}, "ANTON_ENVIRONMENT"),
        ({"ANTON_CLIENT_ID": "\n"}, "ANTON_CLIENT_ID"),
        ({"ANTON_CLIENT_ID": '"ant_oc_test_1"'}, "ANTON_CLIENT_ID is in quotes"),
        ({"ANTON_CLIENT_SECRET": "'ant_ocs_test_1'"}, "ANTON_CLIENT_SECRET is in quotes"),
        ({"ANTON_CLIENT_SECRET": "ant_ocs_test_1\n\n"}, "client_secret"),
        ({"ANTON_CLIENT_SECRET": " ant_ocs_test_1"}, "client_secret"),
        ({"ANTON_DPOP_KEY_FILE": '"/key.pem"'}, "ANTON_DPOP_KEY_FILE is in quotes"),
    ],
    ids=str,
)
def test_a_missing_variable_is_named(environ: dict[str, str], change: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        AntonClient.from_env(environ={**environ, **change})
