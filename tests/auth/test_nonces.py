"""Nonces, through the client: asked for, learnt, kept apart, and good for one request only."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import pytest

from anton_async import AntonClient, AuthenticationError, DPoPKey, OAuthCredentials
from tests.conftest import ClientMaker
from tests.support.clock import SteppedClock
from tests.support.examples import BALANCE, ORDER, PAYOUT
from tests.support.raw_server import LOST, RawServer, Reply, SeenRequest, answer

CREATED = answer(201, {"data": PAYOUT})
FOUND = answer(200, {"data": BALANCE})
CHALLENGE = 'DPoP error="use_dpop_nonce"'


def nonce_wanted(nonce: str | None, status: int = 401, challenge: str = CHALLENGE) -> Reply:
    headers = {"WWW-Authenticate": challenge, **({"DPoP-Nonce": nonce} if nonce else {})}
    return answer(status, {"error": "use_dpop_nonce"}, headers=headers)


def nonces(requests: list[SeenRequest]) -> list[str | None]:
    return [request.proof.get("nonce") for request in requests]


@pytest.mark.fault("A11")
async def test_a_nonce_asked_for_by_the_token_endpoint_is_given(anton: AntonClient, server: RawServer) -> None:
    server.token_replies.append(nonce_wanted("n1", 400))
    server.script(CREATED)

    payout = await anton.payouts.with_response.create(**ORDER)

    first, second = server.token_calls
    assert nonces([first, second]) == [None, "n1"]
    assert first.proof["jti"] != second.proof["jti"]
    assert (payout.attempts, len(server.requests)) == (1, 1)


@pytest.mark.fault("A12")
@pytest.mark.parametrize(
    "refusal",
    [
        nonce_wanted("n1"),
        nonce_wanted("n1", challenge='Bearer realm="a, DPoP error=x", DPoP error="use_dpop_nonce"'),
        answer(401, {"error": {"code": "use_dpop_nonce", "message": "nonce"}}, headers={"DPoP-Nonce": "n1"}),
    ],
    ids=["challenge", "two challenges", "body alone"],
)
async def test_a_nonce_asked_for_on_a_mutation_is_given_under_the_same_key(
    anton: AntonClient, server: RawServer, refusal: Reply
) -> None:
    server.script(refusal, CREATED)

    await anton.payouts.create(**ORDER)

    first, second = server.requests
    assert nonces(server.requests) == [None, "n1"]
    assert first.proof["jti"] != second.proof["jti"]
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert (first.body, len(server.token_calls)) == (second.body, 1)


@pytest.mark.fault("A23", "A24")
@pytest.mark.parametrize(
    ("challenge", "sends"),
    [
        ('Bearer realm="a, DPoP error=x", DPoP error="use_dpop_nonce"', 2),
        ('Bearer realm="a"\r\nWWW-Authenticate: DPoP error="use_dpop_nonce"', 2),
        ("dpop error=use_dpop_nonce", 2),
        ('DPoP unknown="1", error="use_dpop_nonce", other=2', 2),
        ('DPoP error="use_dpop_nonce', 1),
        ('Bearer error="use_dpop_nonce"', 1),
    ],
)
async def test_challenges_are_read_whatever_stands_beside_them(
    anton: AntonClient, server: RawServer, challenge: str, sends: int
) -> None:
    refusal = answer(401, {"error": {"message": "no"}}, headers={"WWW-Authenticate": challenge, "DPoP-Nonce": "n1"})
    server.script(refusal, *[FOUND] * (sends - 1))

    if sends == 1:
        with pytest.raises(AuthenticationError):
            await anton.balances.retrieve("USD")
    else:
        await anton.balances.retrieve("USD")

    assert nonces(server.requests) == [None, "n1"][:sends]


@pytest.mark.fault("A13")
async def test_a_challenge_without_a_nonce_does_not_loop(anton: AntonClient, server: RawServer) -> None:
    server.script(nonce_wanted(None))

    with pytest.raises(AuthenticationError) as caught:
        await anton.payouts.create(**ORDER)

    assert (caught.value.code, len(server.requests)) == ("use_dpop_nonce", 1)


@pytest.mark.fault("A14")
async def test_a_challenge_with_the_nonce_just_used_does_not_loop(anton: AntonClient, server: RawServer) -> None:
    server.script(*[nonce_wanted("n1")] * 2)

    with pytest.raises(AuthenticationError):
        await anton.payouts.create(**ORDER)

    assert nonces(server.requests) == [None, "n1"]


@pytest.mark.fault("A16")
async def test_endless_challenges_end(anton: AntonClient, server: RawServer) -> None:
    server.script(*[nonce_wanted(f"n{number}") for number in range(20)])

    with pytest.raises(AuthenticationError) as caught:
        await anton.payouts.create(**ORDER)

    assert (caught.value.code, len(server.requests)) == ("use_dpop_nonce", 4)


@pytest.mark.fault("A13", "A16")
@pytest.mark.parametrize(("given", "sends"), [([None], 1), ([f"n{i}" for i in range(20)], 4)], ids=["none", "endless"])
async def test_challenges_of_the_token_endpoint_end_too(
    anton: AntonClient, server: RawServer, given: list[str | None], sends: int
) -> None:
    server.token_replies.extend(nonce_wanted(nonce, 400) for nonce in given)

    with pytest.raises(AuthenticationError) as caught:
        await anton.payouts.create(**ORDER)

    assert (caught.value.code, len(server.token_calls), server.requests) == ("use_dpop_nonce", sends, [])


@pytest.mark.fault("A17")
@pytest.mark.parametrize("status", [200, 201, 204, 404, 429, 500])
async def test_a_nonce_on_any_answer_is_used_next(make_client: ClientMaker, server: RawServer, status: int) -> None:
    body = {200: {"data": BALANCE}, 201: {"data": BALANCE}, 204: None}.get(status, {"error": {"message": "no"}})
    server.script(answer(status, body, headers={"DPoP-Nonce": "next"}), FOUND)

    async with make_client(max_retries=0) as anton:
        await asyncio.gather(anton.balances.retrieve("USD"), return_exceptions=True)
        await anton.balances.retrieve("USD")

    assert nonces(server.requests) == [None, "next"]


@pytest.mark.fault("A18", "A19")
async def test_nonces_of_two_origins_are_kept_apart(
    make_client: ClientMaker, server: RawServer, dpop_key: DPoPKey
) -> None:
    async with RawServer() as issuer:
        ended = {"access_token": "ended", "token_type": "DPoP", "expires_in": 3600}
        issuer.token_replies.append(answer(200, ended, headers={"DPoP-Nonce": "issuers"}))
        server.script(answer(401, {"error": {"code": "invalid_token"}}, headers={"DPoP-Nonce": "apis"}), FOUND)
        credentials = OAuthCredentials(
            client_id="ant_oc_test_1", client_secret="s", key=dpop_key, token_url=f"{issuer.base_url}/oauth/token"
        )

        async with make_client(credentials) as anton:
            await anton.balances.retrieve("USD")

        assert nonces(server.requests) == [None, "apis"]
        assert nonces(issuer.token_calls) == [None, "issuers"]


@pytest.mark.fault("A20", "A21")
@pytest.mark.parametrize(
    "value", ["", "a b", 'a"b', "a\\b", "a\x01b", "\xe9", "x" * 8000, "n2\r\nDPoP-Nonce: n3"], ids=lambda text: text[:6]
)
async def test_a_malformed_or_doubled_nonce_breaks_nothing(
    make_client: ClientMaker, server: RawServer, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    caplog.set_level(logging.WARNING, "anton_async")
    good = answer(200, {"data": BALANCE}, headers={"DPoP-Nonce": "n1"})
    head, _, body = good.raw.partition(b"DPoP-Nonce: n1")
    bad = Reply(head + b"DPoP-Nonce: " + value.encode("latin-1") + body)
    server.script(good, bad, bad, FOUND)

    async with make_client(max_retries=0) as anton:
        for _ in range(4):
            await anton.balances.retrieve("USD")

    assert nonces(server.requests) == [None, "n1", "n1", "n1"]
    assert all(value not in record.getMessage() for record in caplog.records if value)
    assert [record.name for record in caplog.records] == ["anton_async.auth"]


@dataclass
class OneUseServer(RawServer):
    """Takes each nonce once: only the newest (`newest`), or any that was handed out (`any`).

    Attributes:
        kind: which nonces are good.
        silent: whether only refusals bring a nonce.
        lose: the numbers of the executions whose answers are lost.
        executed: idempotency keys, in order.
    """

    kind: Literal["newest", "any"] = "newest"
    silent: bool = False
    lose: frozenset[int] = frozenset()
    executed: list[str] = field(default_factory=list[str])
    good: set[str] = field(default_factory=set[str])
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def _reply_to(self, request: SeenRequest) -> Reply:
        if request.target == "/oauth/token":
            return super()._reply_to(request)
        self.requests.append(request)
        known = request.proof.get("nonce") in self.good
        self.good.discard(str(request.proof.get("nonce")))
        nonce = f"n{next(self.numbers)}"
        if not known or not self.silent:
            self.good = {nonce} if self.kind == "newest" else self.good | {nonce}
        if not known:
            return nonce_wanted(nonce)
        key = request.headers["idempotency-key"]
        if key not in self.executed:
            self.executed.append(key)
            if len(self.executed) in self.lose:
                return LOST
        return answer(201, {"data": PAYOUT}, headers={} if self.silent else {"DPoP-Nonce": nonce})


async def pay(server: RawServer, credentials: OAuthCredentials, clock: SteppedClock, count: int = 50) -> None:
    async with AntonClient(credentials, base_url=server.base_url, clock=clock) as anton:
        await asyncio.gather(*(anton.payouts.create(**ORDER, idempotency_key=f"k{i}") for i in range(count)))


@pytest.mark.fault("A15")
@pytest.mark.parametrize("silent", [False, True], ids=["every answer", "refusals only"])
@pytest.mark.parametrize("kind", ["newest", "any"])
async def test_fifty_calls_get_through_though_each_nonce_is_good_once(
    credentials: OAuthCredentials, clock: SteppedClock, kind: Literal["newest", "any"], silent: bool
) -> None:
    async with OneUseServer(kind=kind, silent=silent) as server:
        await pay(server, credentials, clock)

    assert sorted(server.executed) == sorted(f"k{i}" for i in range(50))
    assert len(server.requests) <= 5 * 50
    assert len({request.proof["jti"] for request in server.requests}) == len(server.requests)
    assert len({(request.headers["idempotency-key"], request.body) for request in server.requests}) == 50


@pytest.mark.fault("A15")
async def test_once_nonces_are_known_to_be_good_once_a_call_costs_one_request(
    credentials: OAuthCredentials, clock: SteppedClock
) -> None:
    async with (
        OneUseServer() as server,
        AntonClient(credentials, base_url=server.base_url, clock=clock) as anton,
    ):
        await asyncio.gather(*(anton.payouts.create(**ORDER) for _ in range(20)))
        before = len(server.requests)
        await asyncio.gather(*(anton.payouts.create(**ORDER) for _ in range(20)))

        assert len(server.requests) - before == 20

        clock.step(301)  # time to see whether they still are: side by side again
        await asyncio.gather(*(anton.payouts.create(**ORDER) for _ in range(20)))
        assert len(server.executed) == 60


@pytest.mark.fault("A15")
async def test_a_lost_answer_does_not_stop_those_that_wait_for_its_nonce(
    credentials: OAuthCredentials, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anton_async.auth.nonces._PATIENCE", 0.05)

    async with OneUseServer(lose=frozenset({5, 12})) as server:
        await pay(server, credentials, clock, count=20)

    assert sorted(server.executed) == sorted(f"k{i}" for i in range(20))
    assert len(server.requests) <= 4 * 20


@pytest.mark.fault("A15")
async def test_a_cancelled_call_does_not_stop_those_that_wait_for_its_nonce(
    credentials: OAuthCredentials, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anton_async.auth.nonces._PATIENCE", 0.05)

    async with (
        OneUseServer() as server,
        AntonClient(credentials, base_url=server.base_url, clock=clock) as anton,
    ):
        await asyncio.gather(*(anton.payouts.create(**ORDER) for _ in range(10)))
        calls = [asyncio.create_task(anton.payouts.create(**ORDER)) for _ in range(10)]
        for _ in range(10):
            await asyncio.sleep(0)
        for call in calls[::2]:
            call.cancel()
        done = await asyncio.gather(*calls, return_exceptions=True)

    assert [result for result in done[1::2] if isinstance(result, BaseException)] == []
    assert any(isinstance(result, asyncio.CancelledError) for result in done[::2])


@dataclass
class ChangingServer(RawServer):
    """Takes the current nonce any number of times."""

    current: str = "n1"

    def _reply_to(self, request: SeenRequest) -> Reply:
        if request.target == "/oauth/token":
            return super()._reply_to(request)
        self.requests.append(request)
        return CREATED if request.proof.get("nonce") == self.current else nonce_wanted(self.current)


async def test_a_nonce_that_changes_now_and_then_keeps_calls_side_by_side(
    credentials: OAuthCredentials, clock: SteppedClock
) -> None:
    async with (
        ChangingServer() as server,
        AntonClient(credentials, base_url=server.base_url, clock=clock) as anton,
    ):
        for number in range(1, 4):
            server.current = f"n{number}"
            await asyncio.gather(*(anton.payouts.create(**ORDER) for _ in range(20)))

        assert Counter(nonces(server.requests)) == {None: 20, "n1": 40, "n2": 40, "n3": 20}
        assert server.connections >= 20
