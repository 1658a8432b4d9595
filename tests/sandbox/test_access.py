from __future__ import annotations

import json

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from anton_async.sandbox import Sandbox
from tests.sandbox.conftest import OpenSandbox
from tests.sandbox.wire import Wire

PATH = "/v1/balances"


@pytest.mark.parametrize(
    ("authorization", "code", "message"),
    [
        (None, "unauthorized", "missing Authorization header"),
        ("Basic abc", "unauthorized", "invalid Authorization header format"),
        ("DPoP", "unauthorized", "invalid Authorization header format"),
        ("DPoP ", "unauthorized", "invalid Authorization header format"),
        ("DPoP \u00e9", "unauthorized", "invalid Authorization header format"),
        ("Bearer {token}", "unauthorized", "missing or invalid credentials"),
        ("Bearer {key}", "static_api_keys_disabled", "static API keys are no longer accepted"),
        ("Bearer ak_live_1", "static_api_keys_disabled", "static API keys are no longer accepted"),
        ("DPoP {token}x", "invalid_token", "invalid or expired token"),
        ("DPoP opaque", "invalid_token", "invalid or expired token"),
        ("DPoP {key}", "invalid_token", "invalid or expired token"),
    ],
)
async def test_the_newest_edition_turns_away_other_credentials(
    wire: Wire, authorization: str | None, code: str, message: str
) -> None:
    token = await wire.token()
    headers = {"DPoP": wire.proof("GET", PATH, token=token)}
    if authorization is not None:
        headers["Authorization"] = authorization.format(token=token, key=wire.sandbox.api_key)

    reply = await wire.send("GET", PATH, headers=headers)

    assert reply.status == 401
    assert reply.json == {"error": {"code": code, "message": message}}


@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP"])
async def test_the_scheme_is_read_in_any_case(wire: Wire, scheme: str) -> None:
    token = await wire.token()
    headers = {"Authorization": f"{scheme} {token}", "DPoP": wire.proof("GET", PATH, token=token)}

    reply = await wire.send("GET", PATH, headers=headers)

    assert reply.status == 200


async def test_two_authorization_headers_are_refused(wire: Wire) -> None:
    token = await wire.token()
    pairs = [("Authorization", f"DPoP {token}"), ("Authorization", "DPoP x"), ("DPoP", wire.proof("GET", PATH))]

    reply = await wire.send("GET", PATH, headers=pairs)

    assert reply.code == "unauthorized"


async def test_a_token_ends_at_its_expiry(open_sandbox: OpenSandbox) -> None:
    wire = await open_sandbox(token_lifetime=600)
    first = await wire.call("GET", PATH)
    wire.clock.step(599)
    second = await wire.call("GET", PATH)
    wire.clock.step(1)
    third = await wire.call("GET", PATH)

    assert [first.status, second.status] == [200, 200]
    assert (third.status, third.code) == (401, "invalid_token")
    assert 'error="invalid_token"' in third.headers["WWW-Authenticate"]


async def test_a_token_of_another_sandbox_is_refused(open_sandbox: OpenSandbox, wire: Wire) -> None:
    other = await open_sandbox(private_key_pem=wire.sandbox.private_key_pem)
    token = await other.token()
    headers = {"Authorization": f"DPoP {token}", "DPoP": wire.proof("GET", PATH, token=token)}

    reply = await wire.send("GET", PATH, headers=headers)

    assert reply.code == "invalid_token"


async def test_a_token_with_other_claims_is_refused(wire: Wire) -> None:
    forged = jwt.encode({"alg": "ES256"}, {"sub": "me"}, ECKey.generate_key("P-256"))
    headers = {"Authorization": f"DPoP {forged}", "DPoP": wire.proof("GET", PATH, token=forged)}

    reply = await wire.send("GET", PATH, headers=headers)

    assert reply.code == "invalid_token"


class TestEarlierEdition:
    @pytest.fixture
    async def wire(self, open_sandbox: OpenSandbox) -> Wire:
        return await open_sandbox(edition="earlier")

    async def test_a_static_key_needs_no_proof(self, wire: Wire) -> None:
        reply = await wire.send("GET", PATH, headers={"Authorization": f"Bearer {wire.sandbox.api_key}"})

        assert reply.status == 200

    async def test_tokens_with_proofs_work_too(self, wire: Wire) -> None:
        assert (await wire.call("GET", PATH)).status == 200

    @pytest.mark.parametrize(
        ("authorization", "status", "code"),
        [
            ("Bearer ak_test_unknown", 401, "invalid_api_key"),
            ("Bearer ak_live_unknown", 403, "key_environment_mismatch"),
            ("Bearer other", 401, "unauthorized"),
        ],
    )
    async def test_other_keys_are_refused(self, wire: Wire, authorization: str, status: int, code: str) -> None:
        reply = await wire.send("GET", PATH, headers={"Authorization": authorization})

        assert (reply.status, reply.code) == (status, code)

    async def test_single_objects_are_bare(self, wire: Wire) -> None:
        body = {"method": "crypto", "instrument_id": "ins_JANEUSDC", "source_currency": "USDC", "dest_currency": "USDC"}
        payout = await wire.pay(**body)
        balance = await wire.call("GET", "/v1/balances/USD")
        page = await wire.call("GET", "/v1/payouts")

        assert payout.json["method"] == "on_chain"
        assert "on_hold" not in payout.json
        assert balance.json["currency"] == "USD"
        assert page.data[0]["method"] == "on_chain"

    async def test_on_chain_is_taken_as_a_method(self, wire: Wire) -> None:
        body = {"method": "on_chain", "instrument_id": "ins_JANEUSDC", "source_currency": "USDC"}

        payout = await wire.pay(**body, dest_currency="USDC")

        assert (payout.status, payout.json["method"]) == (201, "on_chain")

    async def test_beneficiaries_are_rated_by_trust(self, wire: Wire) -> None:
        await wire.pay()

        reply = await wire.call("GET", "/v1/beneficiaries/ben_JANE")

        assert (reply.json["trust_score"], reply.json["trust_tier"]) == (0.88, "HIGH")
        assert "risk_score" not in reply.json

    async def test_a_payout_under_review_can_be_cancelled(self, open_sandbox: OpenSandbox) -> None:
        payout = {"id": "pay_HELD", "beneficiary_id": "ben_1", "instrument_id": "ins_1", "status": "manual_review"}
        wire = await open_sandbox(edition="earlier", seed={"payouts": [payout]})

        reply = await wire.call("POST", "/v1/payouts/pay_HELD/cancel", key="k")

        assert (reply.status, reply.json["status"]) == (200, "cancelled")


async def test_on_chain_is_refused_by_the_newest_edition(wire: Wire) -> None:
    reply = await wire.pay(method="on_chain")

    assert reply.status == 422
    assert json.dumps(reply.json).count('"method"') == 1


BLOCKED = {"insufficient_scope": "scopes", "capability_required": "capabilities"}


@pytest.mark.parametrize("code", sorted(BLOCKED))
@pytest.mark.parametrize("held", ["payouts", "intelligence"])
async def test_each_surface_needs_its_capability_and_scope(open_sandbox: OpenSandbox, code: str, held: str) -> None:
    wire = await open_sandbox(**{BLOCKED[code]: [held]})
    surfaces = {"payouts": "/v1/payouts", "intelligence": "/v1/intelligence/reviews", "any": "/v1/webhooks"}

    replies = {name: await wire.call("GET", path) for name, path in surfaces.items()}

    refused = {name: reply.code for name, reply in replies.items() if reply.status == 403}
    assert refused == {name: code for name in ("payouts", "intelligence") if name != held}
    granted = "payouts intelligence" if BLOCKED[code] == "capabilities" else held
    assert (await wire.ask_token()).json["scope"] == granted


async def test_the_missing_capability_is_named_before_the_missing_scope(open_sandbox: OpenSandbox) -> None:
    wire = await open_sandbox(capabilities=["intelligence"], scopes=["intelligence"])

    reply = await wire.call("POST", "/v1/payouts", body={}, key="k")

    assert (reply.status, reply.code) == (403, "capability_required")


def test_an_unknown_scope_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="payouts and intelligence"):
        Sandbox(scopes=["payout"])
