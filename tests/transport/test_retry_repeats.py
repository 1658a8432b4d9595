from __future__ import annotations

import itertools
from email.utils import formatdate

import pytest

from anton_async import AntonClient, AntonError, Outcome
from tests.conftest import ClientMaker
from tests.support.clock import SteppedClock
from tests.support.examples import ORDER, PAYOUT
from tests.support.raw_server import RawServer, Reply, answer, failure

CREATED = answer(201, {"data": PAYOUT})
DOWN = failure(503, "internal_error")


def nonce_wanted(nonce: str) -> Reply:
    headers = {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": nonce}
    return answer(401, {"error": {"code": "use_dpop_nonce", "message": "no"}}, headers=headers)


def token_ended() -> Reply:
    return failure(401, "invalid_token")


def clock_off(clock: SteppedClock, seconds: float) -> Reply:
    headers = {"Date": formatdate(clock.time() + seconds, usegmt=True), "WWW-Authenticate": "DPoP"}
    return failure(401, "invalid_dpop_proof", headers=headers)


def check_sends(server: RawServer, key: str) -> None:
    assert {request.headers["idempotency-key"] for request in server.requests} == {key}
    assert len({request.body for request in server.requests}) == 1
    assert len({request.proof["jti"] for request in server.requests}) == len(server.requests)


@pytest.mark.fault("E20", "A05")
@pytest.mark.parametrize("order", [*itertools.permutations(["nonce", "token", "clock", "503"])], ids="-".join)
async def test_a_token_a_nonce_the_clock_and_a_failure_are_mended_in_one_call_in_any_order(
    anton: AntonClient, server: RawServer, clock: SteppedClock, order: tuple[str, ...]
) -> None:
    faults = {"nonce": nonce_wanted("n1"), "token": token_ended(), "clock": clock_off(clock, 600), "503": DOWN}
    server.script(*[faults[name] for name in order], CREATED)

    response = await anton.payouts.with_response.create(**ORDER, idempotency_key="k1")

    assert (response.attempts, len(server.requests), len(server.token_calls)) == (5, 5, 2)
    check_sends(server, "k1")


@pytest.mark.fault("E20", "A16", "B14")
@pytest.mark.parametrize("endless", ["nonce", "token", "clock", "all"])
async def test_endless_demands_end_after_a_bounded_number_of_requests(
    make_client: ClientMaker, server: RawServer, clock: SteppedClock, endless: str
) -> None:
    nonces = [nonce_wanted(f"n{number}") for number in range(40)]
    tokens = [token_ended()] * 40
    clocks = [clock_off(clock, 600 * (1 + number)) for number in range(40)]
    mixed = [reply for replies in zip(nonces, tokens, clocks, [DOWN] * 40, strict=True) for reply in replies]
    server.script(*{"nonce": nonces, "token": tokens, "clock": clocks, "all": mixed}[endless])

    async with make_client(max_retries=4) as anton:
        with pytest.raises(AntonError) as caught:
            await anton.payouts.create(**ORDER, idempotency_key="k1")

    # A proof that is refused may be the copy of one that was good; a token that has ended was never good.
    assert caught.value.outcome is (Outcome.REJECTED if endless == "token" else Outcome.UNKNOWN)
    assert len(server.requests) <= 10
    check_sends(server, "k1")
