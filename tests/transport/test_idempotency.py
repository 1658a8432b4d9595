from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from anton_async import (
    AntonClient,
    ConflictError,
    Outcome,
    RequestValidationError,
    ServerError,
    UnprocessableEntityError,
)
from anton_async.transport.idempotency import new_key
from tests.conftest import ClientMaker
from tests.support.examples import BALANCE, ORDER, PAYOUT
from tests.support.raw_server import LOST, RawServer, answer, failure

CREATED = answer(201, {"data": PAYOUT})


@pytest.mark.fault("E01")
async def test_one_random_key_serves_all_attempts_and_is_told(anton: AntonClient, server: RawServer) -> None:
    server.script(LOST, failure(503, "internal_error"), CREATED)

    response = await anton.payouts.with_response.create(**ORDER)

    keys = {request.headers["idempotency-key"] for request in server.requests}
    assert keys == {response.idempotency_key}
    assert response.attempts == 3


@pytest.mark.fault("E01")
async def test_the_random_key_is_told_by_the_error(make_client: ClientMaker, server: RawServer) -> None:
    server.script(*[failure(503, "x")] * 3)

    async with make_client(max_retries=2) as anton:
        with pytest.raises(ServerError) as caught:
            await anton.payouts.create(**ORDER)

    assert {request.headers["idempotency-key"] for request in server.requests} == {caught.value.idempotency_key}
    assert len(server.requests) == 3


def test_a_random_key_is_a_uuid_of_version_4() -> None:
    keys = [new_key() for _ in range(1000)]

    found = [uuid.UUID(key) for key in keys]

    assert [str(one) for one in found] == keys
    assert {(one.version, one.variant) for one in found} == {(4, uuid.RFC_4122)}
    assert len(set(keys)) == 1000
    for place in {*range(36)} - {8, 13, 14, 18, 23}:
        assert len({key[place] for key in keys}) == (4 if place == 19 else 16)


async def test_two_calls_have_two_keys(anton: AntonClient, server: RawServer) -> None:
    server.script(CREATED, CREATED)

    await anton.payouts.create(**ORDER)
    await anton.payouts.create(**ORDER)

    assert len({request.headers["idempotency-key"] for request in server.requests}) == 2


async def test_a_given_key_is_sent_and_carried_by_the_error(anton: AntonClient, server: RawServer) -> None:
    server.script(failure(422, "insufficient_balance"))

    with pytest.raises(UnprocessableEntityError) as caught:
        await anton.payouts.create(**ORDER, idempotency_key="inv-1042")

    assert server.requests[0].headers["idempotency-key"] == "inv-1042"
    assert (caught.value.idempotency_key, caught.value.code) == ("inv-1042", "insufficient_balance")


@pytest.mark.fault("E02")
@pytest.mark.parametrize(
    "key",
    ["", " a", "a ", "x" * 256, "a\rb", "a\nb", "a\x00b", "a\x7fb", "é", "\ud800", b"bytes", 7],
)
async def test_a_key_the_api_cannot_take_is_refused_without_repeating_it(
    anton: AntonClient, server: RawServer, key: Any
) -> None:
    with pytest.raises(RequestValidationError, match="idempotency_key") as caught:
        await anton.payouts.create(**ORDER, idempotency_key=key)

    assert server.requests == []
    assert not isinstance(key, str) or len(key.strip()) < 3 or key not in str(caught.value)


@pytest.mark.fault("E03")
async def test_a_key_on_a_read_is_refused(anton: AntonClient, server: RawServer) -> None:
    with pytest.raises(RequestValidationError, match="does not take one"):
        await anton.balances.retrieve("USD", idempotency_key="k")

    assert server.requests == []


@pytest.mark.fault("E04", "A05")
@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 429])
async def test_a_passing_failure_is_repeated_with_the_same_key_bytes_and_a_fresh_proof(
    anton: AntonClient, server: RawServer, status: int
) -> None:
    server.script(failure(status, "x"), CREATED)

    await anton.payouts.create(**ORDER)

    first, second = server.requests
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body
    assert first.proof["jti"] != second.proof["jti"]
    assert second.proof["iat"] >= first.proof["iat"]


@pytest.mark.fault("E05")
async def test_a_request_still_in_flight_is_waited_for(anton: AntonClient, server: RawServer) -> None:
    server.script(*[failure(409, "idempotency_in_flight")] * 3, CREATED)

    payout = await anton.payouts.create(**ORDER)

    assert payout.id == PAYOUT["id"]
    assert len(server.requests) == 4
    assert len({(request.headers["idempotency-key"], request.body) for request in server.requests}) == 1


@pytest.mark.fault("E05")
async def test_a_request_in_flight_to_the_end_has_an_unknown_outcome(
    make_client: ClientMaker, server: RawServer
) -> None:
    server.script(*[failure(409, "idempotency_in_flight")] * 2)

    async with make_client(max_retries=1) as anton:
        with pytest.raises(ConflictError) as caught:
            await anton.payouts.create(**ORDER)

    assert caught.value.outcome is Outcome.UNKNOWN


@pytest.mark.fault("E06")
async def test_a_conflict_is_raised_at_once_under_its_key(anton: AntonClient, server: RawServer) -> None:
    server.script(failure(409, "idempotency_conflict"))

    with pytest.raises(ConflictError) as caught:
        await anton.payouts.create(**ORDER, idempotency_key="k1")

    assert (caught.value.outcome, caught.value.idempotency_key) == (Outcome.REJECTED, "k1")
    assert len(server.requests) == 1


@pytest.mark.fault("E07")
@pytest.mark.parametrize("code", ["payout_on_hold", "duplicate_file", "a_newer_code"])
async def test_another_conflict_on_the_first_send_is_raised_at_once(
    anton: AntonClient, server: RawServer, code: str
) -> None:
    server.script(failure(409, code))

    with pytest.raises(ConflictError) as caught:
        await anton.payouts.create(**ORDER)

    assert (caught.value.outcome, caught.value.attempts) == (Outcome.REJECTED, 1)
    assert len(server.requests) == 1


@pytest.mark.fault("E07")
@pytest.mark.parametrize("code", ["idempotency_conflict", "payout_on_hold", "a_newer_code"])
async def test_a_conflict_on_a_repeat_leaves_the_outcome_unknown(
    anton: AntonClient, server: RawServer, code: str
) -> None:
    server.script(LOST, failure(409, code))

    with pytest.raises(ConflictError) as caught:
        await anton.payouts.create(**ORDER)

    assert caught.value.outcome is Outcome.UNKNOWN
    assert len(server.requests) == 2


@pytest.mark.fault("E09")
@pytest.mark.parametrize(("headers", "replayed"), [({"X-Idempotent-Replayed": "true"}, True), ({}, False)])
async def test_a_replayed_answer_is_marked(
    anton: AntonClient, server: RawServer, headers: dict[str, str], replayed: bool
) -> None:
    server.script(answer(201, {"data": PAYOUT}, headers=headers))

    response = await anton.payouts.with_response.create(**ORDER)

    assert response.idempotent_replayed is replayed


@pytest.mark.fault("E19")
async def test_changing_the_arguments_while_the_call_runs_changes_nothing(
    anton: AntonClient, server: RawServer
) -> None:
    labels = {"team": "a"}
    server.script(failure(503, "x"), CREATED)
    call = anton.payouts.create(**ORDER, metadata=labels)

    async def spoil() -> None:
        labels["team"] = "b"

    await asyncio.gather(call, spoil())

    assert [request.json["metadata"] for request in server.requests] == [{"team": "a"}] * 2


async def test_reads_carry_no_key(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(200, {"data": BALANCE}))

    response = await anton.balances.with_response.retrieve("USD")

    assert "idempotency-key" not in server.requests[0].headers
    assert response.idempotency_key is None
