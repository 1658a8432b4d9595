"""The client against an API in which other people's code judges proofs and tokens, over real HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from anton_async import AntonClient, AuthenticationError, DPoPKey, OAuthCredentials
from anton_async.auth.keys import Algorithm
from tests.peers.judged_api import JudgedApi
from tests.support.clock import SteppedClock
from tests.support.examples import ORDER, changed

CLIENT_ID = "ant_oc_test_:+ %/=&~é\"'"
CLIENT_SECRET = "s: + % / = & ~ é \" '"


@pytest.fixture(params=[False, True], ids=["plain", "nonces"])
async def api(request: pytest.FixtureRequest) -> AsyncIterator[JudgedApi]:
    async with JudgedApi(CLIENT_ID, CLIENT_SECRET, asks_nonces=request.param) as running:
        yield running


def client(
    api: JudgedApi, *, algorithm: Algorithm = "ES256", secret: str = CLIENT_SECRET, wrong_by: float = 0
) -> AntonClient:
    credentials = OAuthCredentials(client_id=CLIENT_ID, client_secret=secret, key=DPoPKey.generate(algorithm))
    return AntonClient(credentials, base_url=api.base_url, clock=SteppedClock(start=time.time() + wrong_by))


@pytest.mark.fault("A02", "A10", "B18", "K04")
@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
async def test_it_takes_our_calls(api: JudgedApi, algorithm: Algorithm) -> None:
    api.algorithm = algorithm

    async with client(api, algorithm=algorithm) as anton:
        made = await anton.payouts.create(**ORDER, idempotency_key="k1")
        read = await anton.payouts.retrieve("pay_1")

    assert (made.reference, read.id, api.created) == (ORDER["reference"], "pay_1", ["k1"])
    assert [reason.endswith("nonce") for reason in api.refused] == ([True] if api.asks_nonces else [])


@pytest.mark.fault("A04", "A15")
async def test_it_takes_fifty_at_once(api: JudgedApi) -> None:
    orders = [changed(ORDER, reference=f"S-{number}") for number in range(50)]

    async with client(api) as anton:
        made = await asyncio.gather(*(anton.payouts.create(**order) for order in orders))

    assert [payout.reference for payout in made] == [order["reference"] for order in orders]
    assert len(set(api.created)) == len(api.created) == 50
    assert all(reason.endswith("nonce") for reason in api.refused)


@pytest.mark.fault("A26", "A27")
@pytest.mark.parametrize("seconds", [-3600, 3600])
async def test_a_wrong_clock_is_corrected_once(api: JudgedApi, seconds: int) -> None:
    async with client(api, wrong_by=seconds) as anton:
        await anton.payouts.create(**ORDER, max_retries=0)
        await anton.payouts.create(**ORDER, max_retries=0)

    assert len(api.refused) == 1


@pytest.mark.fault("B07")
async def test_it_refuses_another_secret(api: JudgedApi) -> None:
    async with client(api, secret="another") as anton:
        with pytest.raises(AuthenticationError) as caught:
            await anton.payouts.create(**ORDER)

    assert (caught.value.code, api.created) == ("invalid_client", [])
