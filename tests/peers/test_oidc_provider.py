"""The client against oidc-provider, an authorization server and a guard of resources that nobody here wrote."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import aiohttp
import pytest
from yarl import URL

from anton_async import AntonClient, AuthenticationError, DPoPKey, OAuthCredentials
from anton_async.auth.keys import Algorithm
from anton_async.auth.proof import Prover
from tests.peers.conftest import CLIENT_ID, CLIENT_SECRET, Mode, Peer
from tests.support.clock import SteppedClock
from tests.support.examples import ORDER

StartPeer = Callable[[Mode], Peer]


def client(
    peer: Peer, *, algorithm: Algorithm = "ES256", secret: str = CLIENT_SECRET, clock: SteppedClock | None = None
) -> AntonClient:
    credentials = OAuthCredentials(
        client_id=CLIENT_ID, client_secret=secret, key=DPoPKey.generate(algorithm), token_url=peer.token_url
    )
    return AntonClient(credentials, base_url=peer.base_url, clock=clock or SteppedClock(start=time.time()))


async def create(anton: AntonClient, *, max_retries: int = 4) -> dict[str, str]:
    return await anton.request("POST", "/v1/payouts", response_type=dict[str, str], body=ORDER, max_retries=max_retries)


@pytest.mark.fault("A11", "A12", "B05", "B18")
@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
@pytest.mark.parametrize("mode", ["nonces", "plain"])
async def test_it_takes_our_token_calls_and_our_calls(peer: StartPeer, mode: Mode, algorithm: Algorithm) -> None:
    async with client(peer(mode), algorithm=algorithm) as anton:
        created = await create(anton)
        listed = await anton.balances.list()

    assert created["reference"] == ORDER["reference"]
    assert listed == []


@pytest.mark.parametrize("mode", ["nonces", "plain"])
async def test_it_takes_many_at_once(peer: StartPeer, mode: Mode) -> None:
    async with client(peer(mode)) as anton:
        answers = await asyncio.gather(*(create(anton) for _ in range(40)))

    assert [answer["id"] for answer in answers] == ["pay_1"] * 40


@pytest.mark.fault("B13")
@pytest.mark.parametrize("mode", ["nonces", "plain"])
async def test_a_revoked_token_is_replaced(peer: StartPeer, mode: Mode) -> None:
    async with client(peer(mode)) as anton:
        await create(anton)
        await anton.request("POST", "/test/revoke", response_type=dict[str, str])
        answers = await asyncio.gather(*(create(anton, max_retries=0) for _ in range(10)))

    assert len(answers) == 10


@pytest.mark.fault("A26", "A27")
@pytest.mark.parametrize("seconds", [-3600, 3600])
@pytest.mark.parametrize("mode", ["nonces", "plain"])
async def test_a_wrong_clock_is_corrected(peer: StartPeer, mode: Mode, seconds: int) -> None:
    async with client(peer(mode), clock=SteppedClock(start=time.time() + seconds)) as anton:
        created = await create(anton, max_retries=0)

    assert created["id"] == "pay_1"


@pytest.mark.fault("B07")
async def test_it_refuses_another_secret(peer: StartPeer) -> None:
    async with client(peer("plain"), secret="another") as anton:
        with pytest.raises(AuthenticationError) as caught:
            await create(anton)

    assert caught.value.code == "invalid_client"


async def test_it_refuses_a_proof_that_was_seen_before(peer: StartPeer) -> None:
    running, key = peer("plain"), DPoPKey.generate()
    prover = Prover(key)
    credentials = OAuthCredentials(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, key=key)
    balances = URL(f"{running.base_url}/v1/balances")

    async with aiohttp.ClientSession() as session:
        asked = {"Authorization": credentials.basic(), "DPoP": prover.prove("POST", URL(running.token_url))}
        form = {"grant_type": "client_credentials"}
        async with session.post(running.token_url, data=form, headers=asked) as answer:
            token = (await answer.json())["access_token"]
        proven = {"Authorization": f"DPoP {token}", "DPoP": prover.prove("GET", balances, token)}
        async with session.get(balances, headers=proven) as first, session.get(balances, headers=proven) as second:
            assert (first.status, second.status) == (200, 401)
            assert 'error="invalid_token"' in second.headers["WWW-Authenticate"]
