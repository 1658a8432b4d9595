from __future__ import annotations

import asyncio
import base64
import json
from collections import Counter
from dataclasses import dataclass, field

import pytest

from anton_async import (
    AntonClient,
    ApiKeyCredentials,
    AuthenticationError,
    OAuthCredentials,
    Outcome,
    PermissionDeniedError,
    RateLimitError,
    TokenError,
)
from tests.conftest import ClientMaker
from tests.support.clock import SteppedClock
from tests.support.examples import ORDER, PAYOUT
from tests.support.raw_server import RawServer, Reply, SeenRequest, answer, failure

CREATED = answer(201, {"data": PAYOUT})


async def test_the_token_call_is_a_form_with_basic_credentials_and_a_proof_without_ath(
    anton: AntonClient, server: RawServer
) -> None:
    server.script(CREATED)
    await anton.payouts.create(**ORDER)

    call = server.token_calls[0]
    pair = base64.b64decode(call.headers["authorization"].removeprefix("Basic ")).decode()
    assert (call.method, call.body) == ("POST", b"grant_type=client_credentials")
    assert call.headers["content-type"] == "application/x-www-form-urlencoded"
    assert pair == "ant_oc_test_" + "0" * 32 + ":ant_ocs_test_" + "1" * 48
    assert set(call.proof) == {"jti", "htm", "htu", "iat"}
    assert call.proof["htu"] == f"{server.base_url}/oauth/token"


@pytest.mark.fault("A10", "A08")
async def test_a_call_carries_the_token_and_a_proof_that_names_it(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(200, {"data": [], "has_more": False}))

    await anton.payouts.list(reference="a b&c=d+é", limit=1)

    request = server.requests[0]
    assert request.headers["authorization"] == "DPoP opaque-1"
    assert request.proof["ath"] == "VCpU86aYg8AEiFKVbnOVkuulDDORdWbP5bIBKIPDl5k"  # of opaque-1
    assert request.proof["htu"] == server.base_url + request.target.partition("?")[0]
    assert (request.proof["htm"], request.method) == ("GET", "GET")


async def test_one_token_serves_many_calls(anton: AntonClient, server: RawServer) -> None:
    server.script(*[CREATED] * 20)

    await asyncio.gather(*(anton.payouts.create(**ORDER) for _ in range(20)))

    assert len(server.token_calls) == 1
    assert len({request.proof["jti"] for request in server.requests}) == 20


class RevokingServer(RawServer):
    """Refuses the first token."""

    def _reply_to(self, request: SeenRequest) -> Reply:
        if request.target == "/oauth/token":
            return super()._reply_to(request)
        self.requests.append(request)
        return failure(401, "invalid_token") if request.headers["authorization"] == "DPoP opaque-1" else CREATED


@dataclass
class LateServer(RevokingServer):
    """Refuses the first token at once, but others only when somebody got through with another token."""

    refused: int = 0
    accepted: asyncio.Event = field(default_factory=asyncio.Event)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            method, target, _ = first.split(" ")
            reply = self._reply_to(SeenRequest(method, target, headers, body, connection))
            if headers["authorization"] == "DPoP opaque-1":
                self.refused += 1
                if self.refused > 1:
                    await self.accepted.wait()
            writer.write(reply.raw)
            await writer.drain()
            if headers["authorization"] == "DPoP opaque-2":
                self.accepted.set()


@pytest.mark.fault("B13")
async def test_a_hundred_refused_tokens_cost_one_mint(credentials: OAuthCredentials, clock: SteppedClock) -> None:
    async with (
        RevokingServer() as server,
        AntonClient(credentials, base_url=server.base_url, clock=clock) as anton,
    ):
        await asyncio.gather(*(anton.payouts.create(**ORDER) for _ in range(100)))

        assert len(server.token_calls) == 2
        assert len(server.requests) == 200
        assert set(Counter(request.headers["idempotency-key"] for request in server.requests).values()) == {2}
        assert len({request.proof["jti"] for request in server.requests}) == 200


@pytest.mark.fault("B15")
async def test_a_late_refusal_of_an_old_token_costs_no_mint(credentials: OAuthCredentials, clock: SteppedClock) -> None:
    async with (
        LateServer() as server,
        AntonClient(credentials, base_url=server.base_url, clock=clock) as anton,
    ):
        await asyncio.gather(*(anton.payouts.create(**ORDER) for _ in range(10)))

        assert (server.refused, len(server.requests)) == (10, 20)
        assert len(server.token_calls) == 2


@pytest.mark.fault("B14")
async def test_a_second_refusal_is_raised(anton: AntonClient, server: RawServer) -> None:
    server.script(*[failure(401, "invalid_token")] * 2)

    with pytest.raises(AuthenticationError) as caught:
        await anton.payouts.create(**ORDER)

    assert (caught.value.code, caught.value.attempts) == ("invalid_token", 2)
    assert (len(server.requests), len(server.token_calls)) == (2, 2)


@pytest.mark.fault("B07")
@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize("code", ["invalid_client", "unauthorized_client", "invalid_scope"])
async def test_refused_credentials_are_an_authentication_error_without_the_secret(
    anton: AntonClient, server: RawServer, status: int, code: str
) -> None:
    server.token_replies.append(answer(status, {"error": code, "error_description": "nope"}))

    with pytest.raises(AuthenticationError, match="nope") as caught:
        await anton.payouts.create(**ORDER)

    assert (caught.value.status, caught.value.code, caught.value.outcome) == (status, code, Outcome.NOT_SENT)
    assert (len(server.token_calls), server.requests) == (1, [])
    assert "1" * 48 not in str(caught.value)


@pytest.mark.fault("B08")
async def test_the_token_endpoint_may_use_the_api_envelope(anton: AntonClient, server: RawServer) -> None:
    server.token_replies.append(failure(401, "unauthorized", "who are you"))

    with pytest.raises(AuthenticationError, match="who are you") as caught:
        await anton.payouts.create(**ORDER)

    assert caught.value.code == "unauthorized"


async def test_the_wrong_environment_is_an_authentication_error(anton: AntonClient, server: RawServer) -> None:
    server.token_replies.append(answer(403, {"error": "invalid_client"}))

    with pytest.raises(AuthenticationError) as caught:
        await anton.payouts.create(**ORDER)

    assert caught.value.status == 403


@pytest.mark.fault("B09")
@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_token_endpoint_is_waited_for(
    anton: AntonClient, server: RawServer, clock: SteppedClock, status: int
) -> None:
    server.token_replies.append(answer(status, {"error": "server_error"}, headers={"Retry-After": "7"}))
    server.script(CREATED)

    await anton.payouts.create(**ORDER)

    assert len(clock.pauses) == 1
    assert 7 <= clock.pauses[0] <= 7.5


@pytest.mark.fault("B20")
async def test_a_token_call_that_hangs_does_not_hold_up_the_next_one(
    make_client: ClientMaker, server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anton_async.transport.authentication._MINT_TIMEOUT", 0.05)
    server.token_replies.append(Reply(b"HTTP/1.1 200 X\r\n", "hang"))
    server.script(CREATED)

    async with make_client() as anton:
        await anton.payouts.create(**ORDER)

    assert len(server.token_calls) == 2


@pytest.mark.fault("B04")
async def test_a_token_for_another_key_is_never_used(anton: AntonClient, server: RawServer) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"cnf": {"jkt": "other"}}).encode()).rstrip(b"=").decode()
    token = {"access_token": f"e30.{claims}.c2ln", "token_type": "DPoP", "expires_in": 3600}
    server.token_replies.append(answer(200, token))

    with pytest.raises(TokenError, match="another key"):
        await anton.payouts.create(**ORDER)

    assert server.requests == []


@pytest.mark.fault("B16")
async def test_a_token_that_ends_while_a_call_waits_is_renewed_before_it_leaves(
    anton: AntonClient, server: RawServer, clock: SteppedClock
) -> None:
    lifetime = {"access_token": "short", "token_type": "DPoP", "expires_in": 30}
    server.token_replies.append(answer(200, lifetime))
    server.script(answer(429, {"error": {"message": "slow"}}, headers={"Retry-After": "40"}), CREATED)

    await anton.payouts.create(**ORDER)

    assert [request.headers["authorization"] for request in server.requests] == ["DPoP short", "DPoP opaque-2"]


async def test_an_api_key_goes_as_bearer_without_proof_or_token_call(
    make_client: ClientMaker, server: RawServer
) -> None:
    server.script(answer(201, PAYOUT))

    async with make_client(ApiKeyCredentials("ak_test_123")) as anton:
        payout = await anton.payouts.create(**ORDER)

    assert payout.id == PAYOUT["id"]
    assert server.requests[0].headers["authorization"] == "Bearer ak_test_123"
    assert "dpop" not in server.requests[0].headers
    assert server.token_calls == []


async def test_a_refused_api_key_is_told_once(make_client: ClientMaker, server: RawServer) -> None:
    server.script(failure(401, "static_api_keys_disabled"))

    async with make_client(ApiKeyCredentials("ak_test_123")) as anton:
        with pytest.raises(AuthenticationError) as caught:
            await anton.payouts.create(**ORDER)

    assert (caught.value.code, len(server.requests)) == ("static_api_keys_disabled", 1)


async def test_the_key_set_needs_no_credentials_and_is_found_at_either_path(
    anton: AntonClient, server: RawServer
) -> None:
    jwk = {"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "alg": "ES256", "use": "sig", "kid": "k1"}
    server.script(answer(404, {"error": {"message": "not here"}}), answer(200, {"keys": [jwk]}))

    key_set = await anton.oauth.key_set()

    assert [key.kid for key in key_set.keys] == ["k1"]
    assert [request.target for request in server.requests] == ["/.well-known/jwks.json", "/v1/.well-known/jwks.json"]
    assert "authorization" not in server.requests[0].headers
    assert server.token_calls == []


@pytest.mark.parametrize(
    ("status", "kind"), [(403, PermissionDeniedError), (429, RateLimitError)], ids=["forbidden", "limited"]
)
async def test_warming_up_fetches_the_token_only(
    make_client: ClientMaker, server: RawServer, status: int, kind: type[Exception]
) -> None:
    server.script(*[failure(status, "x")] * 5)

    async with make_client(max_retries=0) as anton:
        await anton.warm_up()
        assert (len(server.token_calls), server.requests) == (1, [])
        with pytest.raises(kind):
            await anton.balances.list()

    assert len(server.token_calls) == 1
