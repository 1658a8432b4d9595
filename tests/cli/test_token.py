from __future__ import annotations

import re

import pytest

from anton_async.sandbox import Sandbox
from tests.cli.conftest import Invoke

JWT = re.compile(r"[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}")


@pytest.mark.usefixtures("sandbox")
def test_expiry_and_scope_are_printed_and_the_token_is_not(invoke: Invoke) -> None:
    result = invoke("token")

    assert result.exit_code == 0
    assert re.match(r"usable until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\nscope payouts", result.stdout)
    assert JWT.search(result.output) is None


@pytest.mark.usefixtures("sandbox")
def test_the_token_is_printed_when_it_is_asked_for(invoke: Invoke) -> None:
    assert JWT.search(invoke("token", "--show").stdout)


@pytest.mark.usefixtures("sandbox")
def test_refused_credentials_are_a_sentence_without_the_secret(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTON_CLIENT_SECRET", "ant_ocs_test_wrong")

    result = invoke("token")

    assert result.exit_code == 2
    assert "invalid_client" in result.stderr
    assert "ant_ocs_test_wrong" not in result.output


def test_missing_credentials_are_told(invoke: Invoke, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTON_CLIENT_ID")

    result = invoke("token")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "ANTON_CLIENT_ID" in result.stderr
    assert sandbox.requests == []


@pytest.mark.usefixtures("sandbox")
def test_an_unreachable_endpoint_is_worth_another_try(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTON_BASE_URL", "http://127.0.0.1:1")

    result = invoke("token")

    assert result.exit_code == 75
    assert "The host is http://127.0.0.1:1: is ANTON_BASE_URL right?" in result.stderr
