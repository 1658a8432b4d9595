"""Our proofs before a judge nobody here wrote: the validator of requests_oauth2client."""

from __future__ import annotations

import time

import pytest
from requests_oauth2client.dpop import InvalidDPoPProof, validate_dpop_proof

from anton_async import AntonClient, DPoPKey, OAuthCredentials
from anton_async.auth.keys import Algorithm
from anton_async.auth.proof import ath
from tests.conftest import ClientMaker
from tests.support.clock import SteppedClock
from tests.support.examples import ORDER, PAYOUT
from tests.support.raw_server import RawServer, answer


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(start=time.time())


@pytest.mark.fault("K04")
@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
async def test_token_and_resource_proofs_are_accepted(
    make_client: ClientMaker, server: RawServer, algorithm: Algorithm
) -> None:
    key = DPoPKey.generate(algorithm)
    credentials = OAuthCredentials(client_id="ant_oc_test_1", client_secret="s", key=key)
    server.script(answer(201, {"data": PAYOUT}, headers={"DPoP-Nonce": "n1"}), answer(200, {"data": []}))
    async with make_client(credentials) as anton:
        await anton.payouts.create(**ORDER)
        await anton.balances.list()

    token, create, read = server.token_calls[0], *server.requests
    for request, path, nonce, bound in (
        (token, "/oauth/token", None, None),
        (create, "/v1/payouts", None, "opaque-1"),
        (read, "/v1/balances", "n1", "opaque-1"),
    ):
        proof = validate_dpop_proof(
            request.headers["dpop"],
            htm=request.method,
            htu=server.base_url + path,
            ath=None if bound is None else ath(bound),
            nonce=nonce,
            alg=algorithm,
            algs=[algorithm],
        )
        assert proof.headers["jwk"] == key.public_jwk


async def test_the_judge_refuses_what_is_not_ours(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(200, {"data": []}))
    await anton.balances.list()
    proof = server.requests[0].headers["dpop"]

    with pytest.raises(InvalidDPoPProof):
        validate_dpop_proof(proof, htm="POST", htu=server.base_url + "/v1/balances", alg="ES256", algs=["ES256"])
    with pytest.raises(InvalidDPoPProof):
        validate_dpop_proof(proof[:-4] + "AAAA", htm="GET", htu=server.base_url + "/v1/balances", algs=["ES256"])
