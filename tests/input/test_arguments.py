"""Every argument of what users construct, given what it cannot be: the error names the argument, and shows no value."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anton_async import (
    AntonClient,
    ApiKeyCredentials,
    ConfigurationError,
    DPoPKey,
    OAuthCredentials,
    RateLimit,
    RequestValidationError,
)
from anton_async.bulk import PayoutJob
from anton_async.config import RequestOptions
from anton_async.resources.operations import CREATE_PAYOUT
from anton_async.webhooks import WebhookVerifier
from tests.support.examples import ORDER

CANARY = "c4n4ry"
KEY = DPoPKey.generate()
GOOD = ApiKeyCredentials("ak_test_1")
ANTON = AntonClient(GOOD)
ENVIRON = {"ANTON_CLIENT_ID": "ant_oc_test_1", "ANTON_CLIENT_SECRET": "x", "ANTON_DPOP_KEY": KEY.private_pem()}


def function(*_: object) -> str:
    return CANARY


WRONG: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    5,
    float("nan"),
    10**400,
    "",
    CANARY,
    f"{CANARY}\n",
    f"\ud800{CANARY}",
    CANARY.encode(),
    [CANARY],
    {CANARY: CANARY},
    object(),
    function,
    ConfigurationError,
]
CALLABLES: list[Any] = [None, function, ConfigurationError]

MAKERS: dict[str, tuple[Callable[..., object], dict[str, Any]]] = {
    "AntonClient": (AntonClient, {"credentials": GOOD}),
    "from_env": (AntonClient.from_env, {"environ": ENVIRON}),
    "OAuthCredentials": (
        OAuthCredentials,
        {"client_id": "ant_oc_test_1", "client_secret": "ant_ocs_test_1", "key": KEY},
    ),
    "ApiKeyCredentials": (ApiKeyCredentials, {"api_key": "ak_test_1"}),
    "DPoPKey.generate": (DPoPKey.generate, {}),
    "DPoPKey.load": (DPoPKey.load, {"path": "key.pem"}),
    "DPoPKey.from_pem": (DPoPKey.from_pem, {"text": KEY.private_pem()}),
    "DPoPKey.from_jwk": (DPoPKey.from_jwk, {"jwk": {}}),
    "WebhookVerifier": (WebhookVerifier, {"secrets": "whsec_1"}),
    "RateLimit": (RateLimit, {}),
    "PayoutJob": (PayoutJob, {"anton": ANTON, "journal": "journal.db"}),
}

RIGHT: dict[str, list[Any]] = {
    "environment": [None],
    "base_url": [None],
    "timeout": [1.5, 5],
    "connect_timeout": [1.5, 5],
    "read_timeout": [1.5, 5],
    "tolerance": [1.5, 5],
    "max_retries": [0, 5],
    "concurrency": [5],
    "per_minute": [5],
    "rate_limit": [None],
    "retry_budget": [None, 5],
    "on_attempt": CALLABLES,
    "on_retry": CALLABLES,
    "on_response": CALLABLES,
    "session": [None],
    "proxy": [None],
    "ssl": [None],
    "max_response_bytes": [5],
    "max_bytes": [5],
    "client_id": [CANARY],
    "client_secret": [CANARY],
    "api_key": [CANARY],
    "token_url": [None],
    "password": [None],
    "secrets": [CANARY, CANARY.encode(), [CANARY]],
    "journal": ["", CANARY, f"{CANARY}\n", f"\ud800{CANARY}"],
    "max_failures": [None, 5],
    "stop_on": [[CANARY], {CANARY: CANARY}],
    "trust_clock": [True],
}
"""What of `WRONG` is right for an argument."""

CALLED = {
    "path": "key file|path",
    "text": "PEM|text",
    "jwk": "JWK|jwk",
    "secrets": "secret",
    "algorithm": "signs with",
    "environ": "environ|ANTON_",
}
"""What an error calls an argument, where it is not by its name."""

CASES = [
    pytest.param(make, given, name, value, id=f"{what}-{name}-{number}")
    for what, (make, given) in MAKERS.items()
    for name in inspect.signature(make).parameters
    for number, value in enumerate(WRONG)
    if not any(value is right or value == right for right in RIGHT.get(name, []) if type(value) is type(right))
    if (what, name, value) not in [("from_env", "environ", None), ("WebhookVerifier", "clock", function)]
]


@pytest.fixture(autouse=True)
def _key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("key.pem").touch(mode=0o600)
    Path("key.pem").write_text(KEY.private_pem(), "ascii")


@pytest.mark.fault("H06", "K10")
@pytest.mark.parametrize(("make", "given", "name", "value"), CASES)
def test_a_wrong_argument_is_named_and_not_shown(
    make: Callable[..., object], given: dict[str, Any], name: str, value: object
) -> None:
    with pytest.raises(ConfigurationError, match=CALLED.get(name, name)) as caught:
        make(**{**given, name: value})

    assert name == "path" or CANARY not in f"{caught.value} {caught.value!r} {vars(caught.value)}"


@pytest.mark.parametrize("what", MAKERS)
def test_a_right_argument_is_taken(what: str) -> None:
    make, given = MAKERS[what]
    for name in inspect.signature(make).parameters:
        for value in RIGHT.get(name, []):
            # Whether a journal can be opened is seen when the job is.
            make(**{**given, name: value})


@pytest.mark.fault("H06", "K10")
@pytest.mark.parametrize("name", RequestOptions.__annotations__)
@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__)
def test_a_wrong_option_of_a_call_is_named_and_not_shown(name: str, value: Any) -> None:
    right: dict[str, list[Any]] = {
        "timeout": [1.5, 5],
        "max_retries": [0, 5],
        "idempotency_key": [CANARY],
        "headers": [{CANARY: CANARY}],
    }
    options: Any = {name: value}

    if value is None or any(value == one for one in right[name] if type(value) is type(one)):
        ANTON.transport.prepare(CREATE_PAYOUT, options, body=ORDER)
        return
    with pytest.raises((ConfigurationError, RequestValidationError), match=name) as caught:
        ANTON.transport.prepare(CREATE_PAYOUT, options, body=ORDER)

    assert CANARY not in f"{caught.value} {caught.value!r} {vars(caught.value)}"
