from __future__ import annotations

import asyncio
import inspect
import logging
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import pytest

import anton_async
from anton_async import (
    AntonClient,
    ApiKeyCredentials,
    ConfigurationError,
    DeadlineExceededError,
    RequestValidationError,
)
from tests.conftest import ClientMaker
from tests.support.clock import SteppedClock
from tests.support.examples import BALANCE, ORDER, PAYOUT
from tests.support.raw_server import RawServer, Reply, answer, failure


def test_every_public_name_exists_and_no_other() -> None:
    found = {name for name in anton_async.__all__ if hasattr(anton_async, name)}

    assert found == set(anton_async.__all__)
    assert anton_async.__all__ == sorted(anton_async.__all__)


@pytest.mark.fault("I01")
def test_no_signature_shows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTON_CLIENT_SECRET", "hidden")

    assert "hidden" not in str(inspect.signature(AntonClient.from_env))
    assert "environ(" not in str(inspect.signature(AntonClient.from_env))


@pytest.mark.fault("K12")
async def test_a_client_that_is_not_open_says_so(make_client: ClientMaker, server: RawServer) -> None:
    client = make_client()

    with pytest.raises(ConfigurationError, match="async with"):
        await client.balances.list()

    assert server.connections == 0


@pytest.mark.fault("K12", "B21")
async def test_a_closed_client_says_so_and_closes_twice(make_client: ClientMaker) -> None:
    client = make_client()
    async with client:
        pass

    await client.close()

    with pytest.raises(ConfigurationError, match="not open"):
        await client.balances.list()
    with pytest.raises(ConfigurationError, match="closed"):
        await client.open()


@pytest.mark.fault("B22", "L07")
async def test_a_client_is_for_one_event_loop(make_client: ClientMaker, server: RawServer) -> None:
    async with make_client() as anton:

        def elsewhere() -> str:
            with pytest.raises(ConfigurationError) as caught:
                asyncio.run(anton.payouts.create(**ORDER))
            return str(caught.value)

        assert "another event loop" in await asyncio.to_thread(elsewhere)

    assert (server.requests, server.token_calls) == ([], [])


@pytest.mark.fault("B22", "L07")
async def test_a_client_is_for_one_process(make_client: ClientMaker, server: RawServer) -> None:
    async with make_client() as anton:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("os.getpid", lambda: -1)
            with pytest.raises(ConfigurationError, match="fork"):
                await anton.payouts.create(**ORDER)

    assert server.connections == 0


@pytest.mark.fault("K12")
async def test_opening_twice_at_once_makes_one_session(make_client: ClientMaker) -> None:
    client = make_client()

    await asyncio.gather(client.open(), client.open())

    await client.close()


@pytest.mark.fault("L05")
async def test_two_clients_share_nothing(make_client: ClientMaker, server: RawServer) -> None:
    server.script(*[answer(200, {"data": []})] * 2)

    async with make_client() as one, make_client() as two:
        await one.balances.list()
        await two.balances.list()

    assert len(server.token_calls) == 2


@pytest.mark.fault("K11")
async def test_a_session_of_the_users_is_used_made_harmless_and_left_open(
    server: RawServer, clock: SteppedClock
) -> None:
    server.script(failure(404, "balance_not_found"), answer(200, {"data": BALANCE}))

    async with aiohttp.ClientSession(raise_for_status=True, auto_decompress=True) as session:
        async with AntonClient(
            ApiKeyCredentials("ak_test_1"), base_url=server.base_url, session=session, clock=clock
        ) as anton:
            with pytest.raises(anton_async.NotFoundError):
                await anton.balances.retrieve("XXX")
            await anton.balances.retrieve("USD")

        assert not session.closed


@pytest.mark.fault("K11")
async def test_a_closed_session_is_refused(server: RawServer) -> None:
    async with aiohttp.ClientSession() as session:
        pass

    with pytest.raises(ConfigurationError, match="closed"):
        await AntonClient(ApiKeyCredentials("ak_test_1"), base_url=server.base_url, session=session).open()


@pytest.mark.fault("K11")
async def test_a_session_that_sets_our_headers_is_refused(server: RawServer) -> None:
    async with aiohttp.ClientSession(headers={"Idempotency-Key": "fixed"}) as session:
        client = AntonClient(ApiKeyCredentials("ak_test_1"), base_url=server.base_url, session=session)
        with pytest.raises(ConfigurationError, match="idempotency-key"):
            await client.open()


@pytest.mark.fault("C15", "K11")
async def test_a_stray_answer_in_a_foreign_pool_is_nobodys_answer(server: RawServer, clock: SteppedClock) -> None:
    server.script(answer(201, {"data": PAYOUT}), answer(201, {"data": PAYOUT}))

    async with (
        aiohttp.ClientSession() as session,
        AntonClient(ApiKeyCredentials("ak_test_1"), base_url=server.base_url, session=session, clock=clock) as anton,
    ):
        await anton.payouts.create(**ORDER)
        await server.speak_unasked(answer(201, {"data": {**PAYOUT, "id": "pay_stray"}}).raw, "keep")
        payout = await anton.payouts.create(**ORDER)

    assert payout.id == PAYOUT["id"]


@pytest.mark.fault("K09")
async def test_proxy_variables_are_not_read(
    make_client: ClientMaker, server: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    server.script(answer(200, {"data": []}))

    async with make_client() as anton:
        assert await anton.balances.list() == []


async def test_with_response_tells_everything_around_the_data(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(201, {"data": PAYOUT}, headers={"X-Request-ID": "r1", "X-Other": "o"}))

    response = await anton.payouts.with_response.create(**ORDER, idempotency_key="k1")

    assert response.data.id == PAYOUT["id"]
    assert (response.status, response.request_id, response.idempotency_key, response.attempts) == (201, "r1", "k1", 1)
    assert (response.headers["x-other"], response.idempotent_replayed) == ("o", False)
    assert msgspec.json.decode(response.body) == {"data": PAYOUT}


class Thing(msgspec.Struct):
    id: str
    price: Decimal


class Other(msgspec.Struct):
    name: str


async def test_an_unknown_endpoint_gets_everything_a_known_one_gets(anton: AntonClient, server: RawServer) -> None:
    server.script(failure(503, "x"), answer(200, {"data": {"id": "t", "price": "1.50"}}))

    thing = await anton.request(
        "post",
        "/v1/new-thing",
        response_type=Thing,
        query={"a": "b c"},
        body={"price": Decimal("1E+1"), "of": [Decimal("0.1")]},
    )

    first, second = server.requests
    assert (thing.id, thing.price) == ("t", Decimal("1.50"))
    assert (first.method, first.target) == ("POST", "/v1/new-thing?a=b+c")
    assert first.json == {"price": "10", "of": ["0.1"]}
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.proof["htu"].endswith("/v1/new-thing")


@pytest.mark.parametrize(("kind", "body"), [(list[int], [1]), (list[int], {"data": [1]}), (dict[str, int], {"a": 1})])
async def test_an_unknown_endpoint_may_answer_anything(
    anton: AntonClient, server: RawServer, kind: type[object], body: object
) -> None:
    server.script(answer(200, body))

    assert await anton.request("GET", "/v1/new-thing", response_type=kind) in ([1], {"a": 1})


async def test_an_unknown_endpoint_may_answer_nothing(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(204))

    await anton.request("DELETE", "/v1/new-thing", response_type=type(None))

    assert server.requests[0].method == "DELETE"


@pytest.mark.parametrize("method", ["", "CONNECT", "GET /v1/x"])
async def test_an_unknown_method_is_refused(anton: AntonClient, server: RawServer, method: str) -> None:
    with pytest.raises(RequestValidationError, match="method"):
        await anton.request(method, "/v1/x", response_type=dict[str, object])

    assert server.requests == []


async def test_a_type_that_nothing_decodes_into_is_refused_before_sending(
    anton: AntonClient, server: RawServer
) -> None:
    with pytest.raises(ConfigurationError, match="response_type"):
        await anton.request("POST", "/v1/x", response_type=Thing | Other)  # type: ignore[arg-type]  # the point

    assert server.requests == []


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"method": 5}, "method"),
        ({"method": b"GET"}, "method"),
        ({"path": None}, "path"),
        ({"path": b"/v1/x"}, "path"),
        ({"query": 5}, "query"),
        ({"query": "a=b"}, "query"),
        ({"query": [("a", "b")]}, "query"),
        ({"query": {"limit": 5}}, "query"),
        ({"query": {5: "limit"}}, "query"),
        ({"body": object()}, "body"),
        ({"headers": {"X-A": 5}}, "headers"),
        ({"idempotency_key": 5}, "idempotency_key"),
        ({"response_type": [dict]}, "response_type"),
        ({"response_type": "dict"}, "response_type"),
        ({"response_type": msgspec.defstruct("Lost", [("place", "Nowhere")])}, "response_type"),
        ({"timeout": 10**5000}, "timeout"),
    ],
)
async def test_an_unknown_endpoint_asked_with_wrong_types_names_what_is_wrong(
    anton: AntonClient, server: RawServer, given: dict[str, Any], named: str
) -> None:
    asked: dict[str, Any] = {"method": "POST", "path": "/v1/x", "response_type": dict[str, object], **given}

    with pytest.raises((RequestValidationError, ConfigurationError), match=f"^{named}"):
        await anton.request(**asked)

    assert server.requests == []


async def test_an_unknown_endpoint_is_read_as_a_plain_dict(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(200, {"a": 1}))

    assert await anton.request("GET", "/v1/new-thing", response_type=dict[str, int]) == {"a": 1}


@pytest.mark.fault("H01")
@pytest.mark.parametrize(
    "path", ["", "v1/x", "//evil.example/", "/v1/../x", "/v1/%2e%2e/x", "/v1/x?y", "/v1/x#y", "/v1/é", "/v1/\r\n"]
)
async def test_an_unknown_endpoint_stays_below_the_base_url(anton: AntonClient, server: RawServer, path: str) -> None:
    with pytest.raises(RequestValidationError, match="path"):
        await anton.request("GET", path, response_type=dict[str, object])

    assert server.requests == []


async def test_a_body_that_is_no_json_is_refused(anton: AntonClient, server: RawServer) -> None:
    for body in ({"a": object()}, {"a": "\ud800"}):
        with pytest.raises(RequestValidationError, match="JSON"):
            await anton.request("POST", "/v1/x", response_type=dict[str, object], body=body)

    assert server.requests == []


def payout(status: str) -> Reply:
    return answer(200, {"data": {**PAYOUT, "status": status}})


async def test_waiting_ends_at_a_terminal_state(anton: AntonClient, server: RawServer, clock: SteppedClock) -> None:
    server.script(payout("pending_screening"), payout("screening_failed"), payout("something_new"), payout("completed"))

    done = await anton.payouts.wait("pay_1", timeout=300)

    assert (done.status, len(server.requests)) == ("completed", 4)
    assert clock.pauses == sorted(clock.pauses)


async def test_waiting_ends_in_time(anton: AntonClient, server: RawServer, clock: SteppedClock) -> None:
    server.script(*[payout("sent")] * 50)
    started = clock.monotonic()

    with pytest.raises(DeadlineExceededError, match="Still sent"):
        await anton.payouts.wait("pay_1", timeout=100)

    assert 99 < clock.monotonic() - started < 101


@pytest.mark.fault("I04")
async def test_logs_at_debug_hold_neither_secret_nor_body(
    anton: AntonClient, server: RawServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script(failure(503, "x"), answer(201, {"data": PAYOUT}))

    await anton.payouts.create(**ORDER)

    proof = server.requests[0].headers["dpop"]
    assert "POST /v1/payouts" in caplog.text
    for secret in ("1" * 48, "opaque-1", proof, "Basic ", ORDER["reference"], ORDER["beneficiary_id"]):
        assert secret not in caplog.text
