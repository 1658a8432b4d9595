from __future__ import annotations

import asyncio
import copy
import datetime as dt
import pickle
from collections.abc import AsyncIterator
from email.utils import formatdate
from typing import Any, cast

import pytest
from yarl import URL

from anton_async import (
    AntonClient,
    AntonError,
    ApiKeyCredentials,
    ConfigurationError,
    DeadlineExceededError,
    Outcome,
    RequestValidationError,
    UnprocessableEntityError,
)
from tests.support.clock import SteppedClock
from tests.support.examples import BALANCE, ORDER, PAYOUT, changed
from tests.support.raw_server import LOST, RawServer, Reply, SeenRequest, answer, failure

KEY = ApiKeyCredentials("ak_test_1")
CREATED = answer(201, {"data": PAYOUT})
DOWN = failure(503, "internal_error")
NOTHING = answer(200, {"data": [], "has_more": False})
HOUR = 3600.0


def listed(*payouts: dict[str, Any]) -> Reply:
    return answer(200, {"data": list(payouts), "has_more": False})


@pytest.fixture
async def anton(server: RawServer, clock: SteppedClock) -> AsyncIterator[AntonClient]:
    async with AntonClient(KEY, base_url=server.base_url, clock=clock, max_retries=0) as client:
        yield client


async def unknown(anton: AntonClient, server: RawServer, **options: Any) -> AntonError:
    """Return the error of a payout whose answer was lost."""
    server.script(LOST)
    with pytest.raises(AntonError) as caught:
        await anton.payouts.create(**ORDER, **options)
    assert caught.value.outcome is Outcome.UNKNOWN
    return caught.value


@pytest.mark.fault("C06")
async def test_settling_sends_the_same_bytes_under_the_same_key(anton: AntonClient, server: RawServer) -> None:
    error = await unknown(anton, server)
    server.script(answer(201, {"data": PAYOUT}, headers={"X-Idempotent-Replayed": "true"}))

    payout = await anton.payouts.settle(error)

    first, second = server.requests
    assert payout.id == PAYOUT["id"]
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == error.idempotency_key
    assert (first.method, first.target, first.body) == (second.method, second.target, second.body)


async def test_settling_tells_that_no_payout_was_made(anton: AntonClient, server: RawServer) -> None:
    error = await unknown(anton, server)
    server.script(failure(422, "insufficient_balance"))

    with pytest.raises(UnprocessableEntityError) as caught:
        await anton.payouts.settle(error)

    assert caught.value.outcome is Outcome.REJECTED
    assert len(server.requests) == 2


@pytest.mark.parametrize("still", [DOWN, LOST, failure(401, "unauthorized"), failure(429, "rate_limit_exceeded")])
async def test_what_stays_unknown_can_be_settled_later(anton: AntonClient, server: RawServer, still: Reply) -> None:
    error = await unknown(anton, server, idempotency_key="k1")
    server.script(still, NOTHING, CREATED)

    with pytest.raises(AntonError) as caught:
        await anton.payouts.settle(error)
    payout = await anton.payouts.settle(caught.value)

    assert (caught.value.outcome, caught.value.idempotency_key) == (Outcome.UNKNOWN, "k1")
    assert payout.id == PAYOUT["id"]
    assert [request.headers.get("idempotency-key") for request in server.requests] == ["k1", "k1", None, "k1"]


async def test_an_api_that_cannot_be_reached_leaves_it_unknown(anton: AntonClient, server: RawServer) -> None:
    error = await unknown(anton, server)
    server.close()

    with pytest.raises(AntonError) as caught:
        await anton.payouts.settle(error)

    assert caught.value.outcome is Outcome.UNKNOWN
    assert "unknown" in str(caught.value)


async def test_a_payout_that_the_repeat_does_not_tell_of_is_looked_up(anton: AntonClient, server: RawServer) -> None:
    error = await unknown(anton, server)
    other = changed(PAYOUT, id="pay_2", dest_amount="7.00", source_amount="8.00")
    server.script(DOWN, listed(other, PAYOUT, changed(PAYOUT, id="pay_3", batch_id="bat_1")))

    payout = await anton.payouts.settle(error)

    assert payout.id == PAYOUT["id"]
    assert server.requests[-1].target.startswith("/v1/payouts?limit=100&reference=S-1&created_after=20")


@pytest.mark.fault("F10")
async def test_after_the_life_of_its_key_a_payout_is_only_looked_up(
    anton: AntonClient, server: RawServer, clock: SteppedClock
) -> None:
    error = await unknown(anton, server)
    clock.step(23 * HOUR)
    server.script(listed(PAYOUT))

    payout = await anton.payouts.settle(error)

    assert payout.id == PAYOUT["id"]
    assert [request.method for request in server.requests] == ["POST", "GET"]


@pytest.mark.fault("F10", "F11")
@pytest.mark.parametrize("wall", [23 * HOUR, -1000 * HOUR], ids=["went on", "was set back"])
@pytest.mark.parametrize(
    ("found", "why"),
    [
        (NOTHING, "no payout like it was found"),
        (DOWN, "looking it up failed with ServerError"),
        (listed(PAYOUT, changed(PAYOUT, id="pay_2")), "2 payouts like it were found"),
        (listed(changed(PAYOUT, reference="S-2")), "no payout like it was found"),
    ],
    ids=["nothing", "no answer", "two alike", "another"],
)
async def test_what_is_not_found_after_that_stays_unknown_and_is_never_sent(
    anton: AntonClient, server: RawServer, clock: SteppedClock, found: Reply, *, why: str, wall: float
) -> None:
    error = await unknown(anton, server, idempotency_key="k1")
    clock.ticks += 23 * HOUR
    clock.now += wall
    server.script(found)

    with pytest.raises(DeadlineExceededError, match="may have forgotten the idempotency key") as caught:
        await anton.payouts.settle(error)

    assert (caught.value.outcome, caught.value.idempotency_key) == (Outcome.UNKNOWN, "k1")
    assert why in str(caught.value)
    assert [request.method for request in server.requests] == ["POST", "GET"]


def asked_since(request: SeenRequest) -> float:
    return dt.datetime.fromisoformat(URL(request.target).query["created_after"]).timestamp()


@pytest.mark.parametrize("moved", [0.0, -1000 * HOUR], ids=["steady", "wall clock set back"])
async def test_what_was_made_well_before_is_not_looked_at(
    anton: AntonClient, server: RawServer, clock: SteppedClock, moved: float
) -> None:
    error = await unknown(anton, server)
    clock.step(60)
    clock.now += moved
    server.script(DOWN, NOTHING)

    with pytest.raises(AntonError):
        await anton.payouts.settle(error)

    assert asked_since(server.requests[-1]) == pytest.approx(clock.now - 65)


@pytest.mark.parametrize(("ahead", "counts"), [(600, True), (-600, False), (86400, False), (-5e9, False)])
async def test_the_look_up_begins_later_where_the_servers_clock_is_ahead_and_never_earlier(
    anton: AntonClient, server: RawServer, clock: SteppedClock, ahead: float, counts: bool
) -> None:
    error = await unknown(anton, server)
    theirs = formatdate(clock.now + ahead, usegmt=True)
    found = answer(200, {"data": [PAYOUT], "has_more": False}, headers={"Date": theirs})
    server.script(DOWN, found, found)

    payout = await anton.payouts.settle(error)

    assert payout.id == PAYOUT["id"]
    assert len(server.requests) == 3 + counts
    assert asked_since(server.requests[-1]) == pytest.approx(clock.now - 5 + ahead * counts, abs=1)


async def test_a_reference_that_too_many_share_leaves_it_unknown(anton: AntonClient, server: RawServer) -> None:
    error = await unknown(anton, server)
    server.script(DOWN, answer(200, {"data": [PAYOUT], "has_more": True, "next_cursor": "c"}))

    with pytest.raises(AntonError, match="more payouts share its reference") as caught:
        await anton.payouts.settle(error)

    assert caught.value.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(("later", "outcome"), [(60, Outcome.UNKNOWN), (200, Outcome.REJECTED)])
async def test_a_refusal_that_leaves_the_key_free_counts_when_nothing_can_be_on_its_way_any_more(
    anton: AntonClient, server: RawServer, clock: SteppedClock, later: float, outcome: Outcome
) -> None:
    error = await unknown(anton, server)
    clock.step(later)
    server.script(failure(422, "payout_rejected"), NOTHING)

    with pytest.raises(AntonError) as caught:
        await anton.payouts.settle(error)

    assert caught.value.outcome is outcome


async def test_an_error_of_another_kind_of_call_is_refused(anton: AntonClient, server: RawServer) -> None:
    server.script(LOST)
    with pytest.raises(AntonError) as caught:
        await anton.request("POST", "/v1/new", response_type=cast("type[int]", int | str))

    with pytest.raises(RequestValidationError):
        await anton.payouts.settle(caught.value)


async def test_the_life_of_a_key_begins_with_its_first_sending(server: RawServer, clock: SteppedClock) -> None:
    server.script(*[DOWN] * 5)
    async with AntonClient(KEY, base_url=server.base_url, clock=clock, max_retries=4) as anton:
        with pytest.raises(AntonError) as caught:
            await anton.payouts.create(**ORDER)
        retried_for = sum(clock.pauses)
        clock.step(23 * HOUR - retried_for)
        server.script(listed(PAYOUT))

        await anton.payouts.settle(caught.value)

    assert server.requests[-1].method == "GET"


async def test_an_unknown_cancellation_is_settled_by_its_repeat(anton: AntonClient, server: RawServer) -> None:
    server.script(LOST)
    with pytest.raises(AntonError) as caught:
        await anton.payouts.cancel("pay_1")
    server.script(answer(200, {"data": changed(PAYOUT, status="cancelled")}))

    payout = await anton.payouts.settle(caught.value)

    assert payout.status == "cancelled"
    assert [request.target for request in server.requests] == ["/v1/payouts/pay_1/cancel"] * 2


@pytest.mark.fault("L03")
async def test_a_call_that_was_cancelled_from_outside_can_be_settled(
    anton: AntonClient, server: RawServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(Reply(b"", "hang"), CREATED)
    paying = asyncio.create_task(anton.payouts.create(**ORDER, idempotency_key="k1"))
    await server.asked.wait()
    paying.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await paying

    payout = await anton.payouts.settle(caught.value)

    assert payout.id == PAYOUT["id"]
    assert "outcome is unknown; idempotency key k1" in caplog.text
    assert server.requests[0].body == server.requests[1].body


@pytest.mark.fault("L03")
async def test_a_call_that_a_timeout_of_the_callers_ended_can_be_settled(anton: AntonClient, server: RawServer) -> None:
    server.script(Reply(b"", "hang"), CREATED)
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.1):
            await anton.payouts.create(**ORDER)

    assert (await anton.payouts.settle(caught.value)).id == PAYOUT["id"]


async def test_another_client_of_the_same_merchant_may_settle(
    anton: AntonClient, server: RawServer, clock: SteppedClock
) -> None:
    error = await unknown(anton, server)
    await anton.close()
    server.script(CREATED)

    async with AntonClient(KEY, base_url=server.base_url, clock=clock) as successor:
        assert (await successor.payouts.settle(error)).id == PAYOUT["id"]


async def test_a_client_of_somebody_else_may_not(anton: AntonClient, server: RawServer, clock: SteppedClock) -> None:
    error = await unknown(anton, server)
    stranger = ApiKeyCredentials("ak_test_2")

    async with AntonClient(stranger, base_url=server.base_url, clock=clock) as other:
        with pytest.raises(ConfigurationError, match="another client id") as caught:
            await other.payouts.settle(error)

    assert (len(server.requests), caught.value.outcome) == (1, Outcome.UNKNOWN)


async def test_a_closed_client_settles_nothing_and_says_that_it_is_still_unknown(
    anton: AntonClient, server: RawServer
) -> None:
    error = await unknown(anton, server)
    await anton.close()

    with pytest.raises(ConfigurationError, match="not open") as caught:
        await anton.payouts.settle(error)

    assert caught.value.outcome is Outcome.UNKNOWN


async def test_an_error_that_is_settled_already_is_refused(anton: AntonClient, server: RawServer) -> None:
    server.script(failure(422, "insufficient_balance"), LOST)
    with pytest.raises(AntonError) as rejected:
        await anton.payouts.create(**ORDER)
    with pytest.raises(AntonError) as read:
        await anton.balances.retrieve(BALANCE["currency"])

    for error in (rejected.value, read.value, TimeoutError()):
        with pytest.raises(RequestValidationError, match="error: carries no payout"):
            await anton.payouts.settle(error)

    assert len(server.requests) == 2


@pytest.mark.fault("I07", "I02")
async def test_an_error_shows_and_pickles_nothing_of_the_request(anton: AntonClient, server: RawServer) -> None:
    error = await unknown(anton, server, idempotency_key="k1")

    thawed = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own pickle

    shown = f"{error} {error!r} {error.args!r} {vars(error)!r}"
    for private in (ORDER["beneficiary_id"], ORDER["reference"], "source_amount", "ak_test_1"):
        assert private not in shown
        assert private.encode() not in pickle.dumps(error)
    assert (type(thawed), str(thawed), thawed.outcome) == (type(error), str(error), Outcome.UNKNOWN)
    with pytest.raises(RequestValidationError, match="repeat the same arguments under the same idempotency_key"):
        await anton.payouts.settle(thawed)
    server.script(CREATED)
    assert (await anton.payouts.settle(copy.copy(error))).id == PAYOUT["id"]
