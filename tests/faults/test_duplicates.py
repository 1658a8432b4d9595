"""A gateway sends a request twice: one copy is executed, and the answer to the other is the one that arrives."""

from __future__ import annotations

import asyncio

import pytest

from anton_async import Outcome
from tests.faults.conftest import Connect
from tests.faults.ledger import Ledger, report
from tests.faults.server import FaultServer, Link, Step, answer_to
from tests.faults.steps import answer, duplicate, lose, repeat_late, serve
from tests.support.examples import ORDER

SEEN = duplicate(401, "invalid_dpop_proof", {"WWW-Authenticate": 'DPoP error="invalid_dpop_proof"'})
NONCE_USED = duplicate(401, "use_dpop_nonce", {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": "n2"})
NONCE_WANTED = answer(401, "use_dpop_nonce", {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": "n1"})
STILL_RUNNING = duplicate(409, "idempotency_in_flight")
NUMERIC = duplicate(409, "409")
UNREADABLE = duplicate(409, None)


@pytest.mark.fault("D07", "E05")
@pytest.mark.parametrize(
    "steps",
    [(SEEN,), (NONCE_WANTED, NONCE_USED), (STILL_RUNNING,), (NUMERIC,), (UNREADABLE,)],
    ids=["proof seen", "nonce used up", "still running", "numeric code", "unreadable"],
)
async def test_the_repeat_under_the_same_key_tells_what_became_of_it(
    connect: Connect, api: FaultServer, ledger: Ledger, steps: tuple[Step, ...]
) -> None:
    api.script((*steps, serve))

    async with connect() as anton:
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.payout is not None
    assert len(ledger.payments) == 1


@pytest.mark.parametrize(
    "then", [(401, "unauthorized"), (403, "forbidden"), (429, "rate_limited"), (401, "invalid_dpop_proof")]
)
@pytest.mark.parametrize("steps", [(SEEN,), (NONCE_WANTED, NONCE_USED)], ids=["proof seen", "nonce used up"])
async def test_a_refusal_of_the_repeat_leaves_it_unknown(
    connect: Connect, api: FaultServer, ledger: Ledger, steps: tuple[Step, ...], then: tuple[int, str]
) -> None:
    api.script((*steps, *[answer(*then)] * 9))

    async with connect(max_retries=1) as anton:
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.outcome is Outcome.UNKNOWN


async def test_a_repeat_that_finds_no_server_leaves_it_unknown(
    connect: Connect, api: FaultServer, ledger: Ledger
) -> None:
    async def last(link: Link) -> None:
        api.stop_listening()
        await SEEN(link)
        await link.end("close")

    api.script(last)

    async with connect(max_retries=1) as anton:
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.outcome is Outcome.UNKNOWN


async def test_a_proof_without_a_nonce_was_refused_for_lacking_one(
    connect: Connect, api: FaultServer, ledger: Ledger
) -> None:
    api.script((NONCE_WANTED, answer(403, "forbidden")))

    async with connect(max_retries=0) as anton:
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.outcome is Outcome.REJECTED


@pytest.mark.fault("E05")
@pytest.mark.parametrize("running", [NUMERIC, UNREADABLE])
async def test_a_409_that_says_nothing_is_unknown_to_the_end(
    connect: Connect, api: FaultServer, ledger: Ledger, running: Step
) -> None:
    api.script((running,) * 3)

    async with connect(max_retries=2) as anton:
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("pause", [0.0, 0.001, 0.004])
async def test_an_answer_that_comes_twice_is_never_taken_for_another_payouts(
    connect: Connect, api: FaultServer, ledger: Ledger, pause: float, concurrency: int
) -> None:
    api.script(*[(serve, repeat_late(pause), slow, slow, slow)] * 8)

    async with connect(concurrency=concurrency) as anton:
        told = await asyncio.gather(
            *(report(anton.payouts.create(**ORDER, idempotency_key=f"k{number}")) for number in range(60))
        )

    for number, one in enumerate(told):
        ledger.check(f"k{number}", one)
    assert len(ledger.payments) == 60


async def test_a_replayed_answer_may_carry_the_id_of_the_first_request(
    connect: Connect, api: FaultServer, ledger: Ledger
) -> None:
    api.script((lose("close"),), (serve,))

    async with connect() as anton:
        first = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))
        second = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ids = {sending.headers["x-request-id"] for sending in ledger.sent("k1")}
    assert first.payout is not None
    assert second.payout is not None
    assert (len(ids), len(ledger.sent("k1"))) == (1, 3)


async def test_each_key_and_each_read_has_an_id_of_its_own(connect: Connect, api: FaultServer, ledger: Ledger) -> None:
    async with connect() as anton:
        await anton.payouts.create(**ORDER, idempotency_key="k1")
        await anton.payouts.create(**ORDER, idempotency_key="k2")
        await anton.balances.retrieve("USD")
        await anton.balances.retrieve("USD", headers={"x-request-id": "mine"})

    ids = [sending.headers["x-request-id"] for sending in ledger.sendings if sending.target != "/oauth/token"]
    assert len({*ids}) == 4
    assert ids[-1] == "mine"


async def slow(link: Link) -> None:
    """Answer a little later than at once."""
    raw = answer_to(link.server.ledger, await link.request())
    await asyncio.sleep(0.01)
    await link.say(raw)
