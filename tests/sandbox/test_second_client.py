"""The sandbox seen by `requests_oauth2client`, a client that nobody here wrote."""

from __future__ import annotations

from typing import Any, cast

import pytest
import requests
from joserfc.jwk import ECKey, OKPKey
from requests_oauth2client import DPoPKey, DPoPToken, OAuth2Client, OAuth2ClientCredentialsAuth

from anton_async.sandbox import Sandbox
from tests.sandbox.served import served
from tests.sandbox.wire import SEED, load_key, order

ORDER = cast("dict[str, str]", order())


def session_of(sandbox: Sandbox) -> requests.Session:
    """Return a session that fetches its own token, and renews it."""
    key = load_key(sandbox.private_key_pem)
    algorithm = "ES256" if isinstance(key, ECKey) else "EdDSA"
    client = OAuth2Client(
        f"{sandbox.base_url}/oauth/token",
        client_id=sandbox.client_id,
        client_secret=sandbox.client_secret,
        dpop_alg=algorithm,
        testing=True,  # which lets it talk to http
    )
    session = requests.Session()
    session.auth = OAuth2ClientCredentialsAuth(
        client, dpop=True, dpop_key=DPoPKey(private_key=key.as_dict(private=True), alg=algorithm)
    )
    return session


@pytest.mark.parametrize("kind", ["EC", "OKP"])
@pytest.mark.parametrize("require_nonce", [False, True])
def test_it_gets_a_token_and_pays(kind: str, require_nonce: bool) -> None:
    key = ECKey.generate_key("P-256") if kind == "EC" else OKPKey.generate_key("Ed25519")
    pem = key.as_pem(private=True).decode()

    with served(seed=SEED, private_key_pem=pem, require_nonce=require_nonce) as sandbox, session_of(sandbox) as session:
        url = f"{sandbox.base_url}/v1/payouts"
        made = session.post(url, json=ORDER, headers={"Idempotency-Key": "k"}, timeout=10)
        again = session.post(url, json=ORDER, headers={"Idempotency-Key": "k"}, timeout=10)
        read = session.get(f"{url}/{made.json()['data']['id']}", timeout=10)
        listed = session.get(url, params={"limit": "1", "status": ["completed", "pending_screening"]}, timeout=10)

    assert (made.status_code, again.status_code, read.status_code, listed.status_code) == (201, 201, 200, 200)
    assert again.headers["X-Idempotent-Replayed"] == "true"
    assert [read.json()["data"]["id"]] == [row["id"] for row in listed.json()["data"]] == [made.json()["data"]["id"]]
    assert sandbox.executed == {"k": 1}


def test_it_uploads_a_batch_and_gets_the_errors_it_expects() -> None:
    rows = b"external_ref,dest_amount,dest_currency,method,reference\ncontractor-1042,5.00,USD,ach,R-1\n"

    with served(seed=SEED) as sandbox, session_of(sandbox) as session:
        url = f"{sandbox.base_url}/v1/batches"
        made = session.post(url, files={"file": ("pay.csv", rows)}, headers={"Idempotency-Key": "k"}, timeout=10)
        sandbox.clock.advance(60)
        batch = session.get(f"{url}/{made.json()['data']['id']}", timeout=10).json()["data"]
        unknown = session.get(f"{url}/bat_NONE", timeout=10)
        keyless = session.post(f"{sandbox.base_url}/v1/payouts", json=ORDER, timeout=10)
        token = cast("DPoPToken", cast("Any", session.auth).token)
        stolen = requests.get(url, headers={"Authorization": f"DPoP {token.access_token}"}, timeout=10)

    assert (batch["status"], batch["valid_rows"]) == ("validated", 1)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "batch_not_found")
    assert (keyless.status_code, keyless.json()["error"]["code"]) == (400, "missing_idempotency_key")
    assert (stolen.status_code, stolen.json()["error"]["code"]) == (401, "invalid_dpop_proof")
