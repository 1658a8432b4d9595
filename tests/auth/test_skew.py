"""Clocks that are off, and refused proofs, through the client."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass, field
from email.utils import format_datetime

import pytest

from anton_async import AntonClient, AuthenticationError, DPoPKey, OAuthCredentials
from tests.conftest import ClientMaker
from tests.support.clock import SteppedClock
from tests.support.examples import ORDER, PAYOUT
from tests.support.raw_server import RawServer, Reply, SeenRequest, answer

CREATED = answer(201, {"data": PAYOUT})
REFUSED = {"error": {"code": "invalid_dpop_proof", "message": "invalid DPoP proof"}}


def http_date(moment: float) -> str:
    return format_datetime(dt.datetime.fromtimestamp(moment, dt.UTC), usegmt=True)


@dataclass
class PunctualServer(RawServer):
    """Takes proofs that are at most 60 seconds off its own clock, which is `ahead` of the client's."""

    clock: SteppedClock = field(default_factory=SteppedClock)
    ahead: float = 0.0
    token_calls_too: bool = False

    def _reply_to(self, request: SeenRequest) -> Reply:
        token_call = request.target == "/oauth/token"
        now = self.clock.now + self.ahead
        date = {"Date": http_date(now)}
        punctual = abs(request.proof["iat"] - now) <= 60
        if token_call:
            if self.token_calls_too and not punctual:
                self.token_calls.append(request)
                return answer(400, {"error": "invalid_dpop_proof"}, headers=date)
            return super()._reply_to(request)
        self.requests.append(request)
        return answer(201, {"data": PAYOUT}, headers=date) if punctual else answer(401, REFUSED, headers=date)


@pytest.mark.fault("A26", "A27")
@pytest.mark.parametrize("token_calls_too", [False, True])
@pytest.mark.parametrize("ahead", [600, -600], ids=["our clock is slow", "our clock is fast"])
async def test_a_clock_that_is_off_is_corrected_once_and_stays_corrected(
    credentials: OAuthCredentials, clock: SteppedClock, ahead: float, token_calls_too: bool
) -> None:
    async with (
        PunctualServer(clock=clock, ahead=ahead, token_calls_too=token_calls_too) as server,
        AntonClient(credentials, base_url=server.base_url, clock=clock) as anton,
    ):
        for _ in range(3):
            await anton.payouts.create(**ORDER)
            clock.step(120)

        assert len(server.requests) == (3 if token_calls_too else 4)
        assert len(server.token_calls) == (2 if token_calls_too else 1)
        assert len({request.proof["jti"] for request in server.requests}) == len(server.requests)
        assert len({request.headers["idempotency-key"] for request in server.requests}) == 3
        assert clock.pauses == []


@pytest.mark.fault("A26", "A27")
async def test_a_hundred_calls_learn_the_time_together(credentials: OAuthCredentials, clock: SteppedClock) -> None:
    async with (
        PunctualServer(clock=clock, ahead=600) as server,
        AntonClient(credentials, base_url=server.base_url, clock=clock) as anton,
    ):
        await asyncio.gather(*(anton.payouts.create(**ORDER) for _ in range(100)))

        assert len(server.requests) <= 200
        assert len(server.token_calls) == 1


@pytest.mark.fault("A30")
async def test_a_wall_clock_that_steps_back_moves_iat_and_not_the_token(
    credentials: OAuthCredentials, clock: SteppedClock
) -> None:
    async with (
        PunctualServer(clock=clock) as server,
        AntonClient(credentials, base_url=server.base_url, clock=clock) as anton,
    ):
        await anton.payouts.create(**ORDER)
        clock.now -= 3600  # the machine's clock, and the server's with it
        await anton.payouts.create(**ORDER)
        clock.now -= 3600  # the machine's clock alone
        server.ahead = 3600
        await anton.payouts.create(**ORDER)

        iats = [round((request.proof["iat"] - clock.now) / 3600) for request in server.requests]
        assert iats == [2, 1, 0, 1]
        clock.step(0.85 * 28800)
        await anton.payouts.create(**ORDER)
        assert len(server.token_calls) == 1, "renewed early, in the first 85 % of its life"
        clock.step(0.15 * 28800)
        await anton.payouts.create(**ORDER)
        assert len(server.token_calls) == 2, "renewed late, after its life"


@pytest.mark.fault("A28")
@pytest.mark.parametrize(
    "dates",
    [
        [],
        ["soon"],
        ["Mon, 01 Jan 0001 00:00:00 GMT"],
        ["Fri, 31 Dec 9999 23:59:59 GMT"],
        ["Thu, 04 Jul 2019 17:50:18"],
        ["Thu, 04 Jul 2019 17:50:18 -0000"],
        ["Thu, 99 Jul 2019 17:50:18 GMT"],
        ["twice", "twice"],
    ],
    ids=str,
)
async def test_a_date_that_says_nothing_is_ignored(
    make_client: ClientMaker, server: RawServer, clock: SteppedClock, dates: list[str]
) -> None:
    later = http_date(clock.now + 600)
    lines = "".join(f"Date: {later if date == 'twice' else date}\r\n" for date in dates)
    refusal = answer(401, REFUSED)
    head, _, body = refusal.raw.partition(b"\r\n\r\n")
    server.script(*[Reply(head + b"\r\n" + lines.encode() + b"\r\n" + body)] * 2)

    async with make_client() as anton:
        with pytest.raises(AuthenticationError) as caught:
            await anton.payouts.create(**ORDER)

    assert caught.value.code == "invalid_dpop_proof"
    assert [request.proof["iat"] for request in server.requests] == [int(clock.now)] * 2
    assert len(server.token_calls) == 2, "a refused proof may mean a bad token: one new one, once"


@pytest.mark.fault("A29")
async def test_the_date_of_a_slow_answer_is_not_used(make_client: ClientMaker, clock: SteppedClock) -> None:
    @dataclass
    class SlowServer(RawServer):
        def _reply_to(self, request: SeenRequest) -> Reply:
            if request.target != "/oauth/token":
                clock.step(30)
            return super()._reply_to(request)

    async with SlowServer() as server:
        credentials = OAuthCredentials(client_id="ant_oc_test_1", client_secret="s", key=DPoPKey.generate())
        server.script(*[answer(401, REFUSED, headers={"Date": http_date(clock.now + 600)})] * 2)
        async with AntonClient(credentials, base_url=server.base_url, clock=clock) as anton:
            with pytest.raises(AuthenticationError):
                await anton.payouts.create(**ORDER)

        first, second = (request.proof["iat"] for request in server.requests)
        assert second - first == 30


@pytest.mark.fault("A25")
@pytest.mark.parametrize("at_token_endpoint", [False, True])
async def test_algorithms_that_are_not_ours_are_named_and_nothing_is_repeated(
    anton: AntonClient, server: RawServer, at_token_endpoint: bool
) -> None:
    challenge = {"WWW-Authenticate": 'DPoP error="invalid_dpop_proof", algs="RS256 PS256"', "X-Request-ID": "r1"}
    if at_token_endpoint:
        server.token_replies.append(answer(400, {"error": "invalid_dpop_proof"}, headers=challenge))
    else:
        server.script(answer(401, REFUSED, headers=challenge))

    with pytest.raises(AuthenticationError, match=r"RS256 PS256.*ES256") as caught:
        await anton.payouts.create(**ORDER)

    assert (caught.value.code, caught.value.request_id) == ("invalid_dpop_proof", "r1")
    assert (len(server.token_calls), len(server.requests)) == (1, 0 if at_token_endpoint else 1)


@pytest.mark.fault("A25")
async def test_algorithms_with_ours_among_them_are_no_reason_to_stop(anton: AntonClient, server: RawServer) -> None:
    challenge = {"WWW-Authenticate": 'DPoP error="invalid_dpop_proof", algs="PS256 ES256"'}
    server.script(answer(401, REFUSED, headers=challenge), CREATED)

    await anton.payouts.create(**ORDER)

    assert len(server.requests) == 2
