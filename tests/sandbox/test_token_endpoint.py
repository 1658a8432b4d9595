from __future__ import annotations

import base64
from urllib.parse import quote_plus

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey

from tests.sandbox.conftest import OpenSandbox
from tests.sandbox.wire import Wire

FORM = "application/x-www-form-urlencoded"


async def test_basic_credentials_and_a_proof_get_a_token(wire: Wire) -> None:
    reply = await wire.ask_token()

    assert reply.status == 200
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.json["token_type"] == "DPoP"
    assert reply.json["expires_in"] == 28_800
    assert reply.json["scope"] == "payouts intelligence"


async def test_form_credentials_are_taken_too(wire: Wire) -> None:
    form = (
        f"grant_type=client_credentials&client_id={wire.sandbox.client_id}&client_secret={wire.sandbox.client_secret}"
    )
    headers = {"Content-Type": FORM, "DPoP": wire.proof("POST", "/oauth/token")}

    reply = await wire.send("POST", "/oauth/token", headers=headers, data=form)

    assert reply.status == 200


async def test_the_token_is_signed_by_the_key_set_and_bound_to_the_key(wire: Wire) -> None:
    token = await wire.token()
    key_set = await wire.send("GET", "/.well-known/jwks.json")

    decoded = jwt.decode(token, ECKey.import_key(key_set.json["keys"][0]), algorithms=["ES256"])

    assert decoded.header["kid"] == key_set.json["keys"][0]["kid"]
    assert decoded.claims["cnf"] == {"jkt": wire.key.thumbprint()}
    assert decoded.claims["sub"] == wire.sandbox.client_id
    assert decoded.claims["scope"] == "payouts intelligence"
    assert decoded.claims["exp"] - decoded.claims["iat"] == 28_800


async def test_both_halves_of_basic_are_form_encoded(open_sandbox: OpenSandbox) -> None:
    wire = await open_sandbox(client_id="shop: 7+%", client_secret='s:e c/r=e&t~"é')
    basic = f"{quote_plus(wire.sandbox.client_id)}:{quote_plus(wire.sandbox.client_secret)}"

    reply = await wire.ask_token(basic=basic)

    assert reply.status == 200


async def test_an_ed25519_client_gets_a_token_with_eddsa_proofs(open_sandbox: OpenSandbox) -> None:
    key = OKPKey.generate_key("Ed25519")
    wire = await open_sandbox(private_key_pem=key.as_pem(private=True).decode())

    reply = await wire.ask_token()
    payout = await wire.pay()

    assert (reply.status, payout.status) == (200, 201)


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ("grant_type=password", 400, "unsupported_grant_type"),
        ("grant_type=client_credentials&grant_type=client_credentials", 400, "invalid_request"),
        ("grant_type=client_credentials&client_secret=twice", 400, "invalid_request"),
        ("scope=payouts", 400, "invalid_request"),
        ("grant_type=", 400, "invalid_request"),
        ("%%%", 400, "invalid_request"),
        ("", 400, "invalid_request"),
        ("grant_type=client_credentials&scope=payouts", 200, None),
    ],
)
async def test_the_form_is_checked(wire: Wire, form: str, status: int, code: str | None) -> None:
    reply = await wire.ask_token(form=form)

    assert reply.status == status
    assert reply.json.get("error") == code


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "multipart/form-data"])
async def test_only_a_form_is_taken(wire: Wire, content_type: str) -> None:
    headers = {"Content-Type": content_type, "DPoP": wire.proof("POST", "/oauth/token")}

    reply = await wire.send("POST", "/oauth/token", headers=headers, data="grant_type=client_credentials")

    assert (reply.status, reply.code) == (400, "invalid_request")


async def test_a_missing_proof_is_an_invalid_request(wire: Wire) -> None:
    basic = base64.b64encode(f"{wire.sandbox.client_id}:{wire.sandbox.client_secret}".encode()).decode()
    headers = {"Content-Type": FORM, "Authorization": f"Basic {basic}"}

    reply = await wire.send("POST", "/oauth/token", headers=headers, data="grant_type=client_credentials")

    assert (reply.status, reply.code) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("basic", "status"),
    [
        ("ant_oc_test_00000000000000000000000000000000:secret", 401),
        ("{id}:wrong", 401),
        ("{id}", 401),
        (":", 401),
        ("ant_oc_live_00000000000000000000000000000000:secret", 403),
    ],
)
async def test_a_wrong_client_is_refused_in_the_flat_form(wire: Wire, basic: str, status: int) -> None:
    reply = await wire.ask_token(basic=basic.format(id=wire.sandbox.client_id))

    assert reply.status == status
    assert reply.json["error"] == "invalid_client"
    assert set(reply.json) == {"error", "error_description"}
    assert wire.sandbox.client_secret not in str(reply)


@pytest.mark.parametrize("authorization", ["Bearer abc", "Basic !!!", "Basic", "DPoP x"])
async def test_an_unreadable_authorization_is_an_invalid_client(wire: Wire, authorization: str) -> None:
    headers = {"Content-Type": FORM, "Authorization": authorization, "DPoP": wire.proof("POST", "/oauth/token")}

    reply = await wire.send("POST", "/oauth/token", headers=headers, data="grant_type=client_credentials")

    assert (reply.status, reply.code) == (401, "invalid_client")
    assert reply.headers["WWW-Authenticate"].startswith("Basic")


async def test_a_bad_proof_is_refused_with_400(wire: Wire) -> None:
    reply = await wire.ask_token(proof=wire.proof("GET", "/oauth/token"))

    assert (reply.status, reply.json["error"]) == (400, "invalid_dpop_proof")


async def test_a_proof_with_ath_is_refused_at_the_token_endpoint(wire: Wire) -> None:
    reply = await wire.ask_token(proof=wire.proof("POST", "/oauth/token", token="any"))

    assert (reply.status, reply.json["error"]) == (400, "invalid_dpop_proof")


async def test_the_token_endpoint_is_outside_the_quota(open_sandbox: OpenSandbox) -> None:
    wire = await open_sandbox(rate_limit_per_minute=1)

    replies = [await wire.ask_token() for _ in range(3)]

    assert [reply.status for reply in replies] == [200, 200, 200]
    assert replies[-1].headers["X-RateLimit-Remaining"] == "1"


@pytest.mark.parametrize("path", ["/.well-known/jwks.json", "/v1/.well-known/jwks.json"])
@pytest.mark.parametrize("edition", ["newest", "earlier"])
async def test_the_key_set_is_public_at_both_paths(open_sandbox: OpenSandbox, path: str, edition: str) -> None:
    wire = await open_sandbox(edition=edition)

    reply = await wire.send("GET", path)

    assert reply.status == 200
    assert reply.headers["Cache-Control"] == "public, max-age=300"
    assert [set(key) for key in reply.json["keys"]] == [{"kty", "crv", "x", "y", "alg", "use", "kid"}]
