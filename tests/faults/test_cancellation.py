"""A call that is cancelled, wherever it is, is not sent again and leaves no task, socket or slot behind."""

from __future__ import annotations

import asyncio
import random

import aiohttp
import pytest

from anton_async import AntonClient, DeadlineExceededError, Outcome
from tests.faults.conftest import Connect
from tests.faults.ledger import Ledger, Report, report
from tests.faults.server import FaultServer, Script
from tests.faults.steps import answer, break_at_once, drip, drop, lose, serve, spoil
from tests.support.examples import ORDER

MOODS: dict[str, tuple[Script, ...]] = {
    "served": (serve,),
    "lost, then served": (lose("close"), serve),
    "refused, then served": ((answer(503, "unavailable"), serve),),
    "dripping": (drip(0, 200),),
    "closed at once": (break_at_once("close"), serve),
    "half an answer": (spoil(lambda raw: raw[:-9], "hang"),),
    "paused": (answer(429, "rate_limited", {"Retry-After": "1"}), serve),
}


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def quiet(server: FaultServer, connections: int) -> bool:
    """Return whether the server has at most so many connections open, once the news has reached it."""
    for _ in range(100):
        if server.open <= connections:
            return True
        await asyncio.sleep(0.001)
    return False


@pytest.mark.fault("C22", "L03")
@pytest.mark.parametrize("mood", MOODS)
async def test_cancelled_after_any_number_of_turns(
    connect: Connect, api: FaultServer, issuer: FaultServer, ledger: Ledger, mood: str
) -> None:
    tasks = asyncio.all_tasks()
    finished = 0

    for number in range(120):
        key = f"k{number}"
        api.script(*MOODS[mood])
        connector = aiohttp.TCPConnector(limit=1)
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            connect(session=session, concurrency=1, connect_timeout=0.5, read_timeout=0.5) as anton,
        ):
            call = asyncio.create_task(anton.payouts.create(**ORDER, idempotency_key=key))
            await turns(number)
            call.cancel()
            done = not isinstance((await asyncio.gather(call, return_exceptions=True))[0], asyncio.CancelledError)
            sent = len(ledger.sent(key))
            api.unscript()
            told = await report(anton.payouts.create(**ORDER, idempotency_key=key))

        ledger.check(key, told)
        assert told.payout is not None, f"cancelled after {number} turns: {told.error}"
        assert len(ledger.sent(key)) <= sent + 2, "the cancelled call went on"
        assert await quiet(api, 0)
        assert await quiet(issuer, 0)
        left = {task for task in asyncio.all_tasks() - tasks if "FaultServer" not in repr(task)}
        assert left == set(), f"cancelled after {number} turns"
        finished += done
        if finished == 3:
            return
    assert mood == "half an answer", "the call never got as far as its end"


@pytest.mark.fault("L02")
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_five_hundred_calls_with_random_cancels(
    connect: Connect, api: FaultServer, ledger: Ledger, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    moods = [serve, serve, serve, lose("close"), lose("reset"), drop("close"), break_at_once("close")]
    api.script(*[tuple(chance.choices(moods, k=4)) for _ in range(200)])
    tasks = asyncio.all_tasks()
    keys = [f"k{number}" for number in range(500)]
    told: dict[str, Report] = {}

    async def pay(anton: AntonClient, key: str) -> None:
        told[key] = await report(anton.payouts.create(**ORDER, idempotency_key=key, max_retries=9))

    connector = aiohttp.TCPConnector(limit=8)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        connect(session=session, concurrency=8, rate_limit=None) as anton,
    ):
        calls = {key: asyncio.create_task(pay(anton, key)) for key in keys}
        for key in chance.sample(keys, 250):
            await turns(chance.randrange(12))
            calls[key].cancel()
        ended = await asyncio.gather(*calls.values(), return_exceptions=True)
        api.unscript()
        many = [report(anton.payouts.create(**ORDER, idempotency_key=f"after{number}")) for number in range(8)]
        after = await asyncio.wait_for(asyncio.gather(*many), 5)

    assert {type(end) for end in ended} <= {type(None), asyncio.CancelledError}
    assert len(told) + sum(isinstance(end, asyncio.CancelledError) for end in ended) == 500
    for key, each in told.items():
        ledger.check(key, each)
    for number, each in enumerate(after):
        ledger.check(f"after{number}", each)
        assert each.payout is not None
    assert await quiet(api, 0)
    assert {task for task in asyncio.all_tasks() - tasks if "FaultServer" not in repr(task)} == set()


@pytest.mark.fault("L03")
@pytest.mark.parametrize("how", ["timeout", "wait_for", "TaskGroup"])
async def test_ended_from_outside_it_behaves_as_cancelled(
    anton: AntonClient, api: FaultServer, ledger: Ledger, how: str
) -> None:
    api.script(lose("hang"))
    seen: list[BaseException] = []

    async def pay() -> None:
        try:
            await anton.payouts.create(**ORDER, idempotency_key="k1")
        except BaseException as error:
            seen.append(error)
            raise

    async def fail() -> None:
        await api.asked.wait()
        raise RuntimeError("a sibling failed")

    async def pay_in_time() -> None:
        async with asyncio.timeout(0.05):
            await pay()

    async def pay_in_a_group() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(pay())
            group.create_task(fail())

    ways = {"timeout": pay_in_time, "wait_for": lambda: asyncio.wait_for(pay(), 0.05), "TaskGroup": pay_in_a_group}
    with pytest.raises((TimeoutError, ExceptionGroup)):
        await ways[how]()
    told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    assert [type(error) for error in seen] == [asyncio.CancelledError]
    ledger.check("k1", told)
    assert told.payout is not None
    assert (len(ledger.sent("k1")), len(ledger.payments)) == (2, 1)


@pytest.mark.fault("L03", "C23")
async def test_our_own_deadline_is_not_taken_for_a_cancellation(
    anton: AntonClient, api: FaultServer, ledger: Ledger
) -> None:
    api.script(lose("hang"))

    async with asyncio.timeout(5) as outer:
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1", timeout=0.05))

    ledger.check("k1", told)
    assert isinstance(told.error, DeadlineExceededError)
    assert told.outcome is Outcome.UNKNOWN
    assert not outer.expired()


@pytest.mark.fault("C22")
async def test_cancelled_while_waiting_for_a_place_it_gives_the_place_to_the_next(
    connect: Connect, api: FaultServer, ledger: Ledger
) -> None:
    gate = asyncio.Event()

    async def wait_and_serve(link: object) -> None:
        await gate.wait()

    api.script((wait_and_serve, serve))
    async with connect(concurrency=1) as anton:
        first = asyncio.create_task(report(anton.payouts.create(**ORDER, idempotency_key="k1")))
        waiting = asyncio.create_task(anton.payouts.create(**ORDER, idempotency_key="k2"))
        third = asyncio.create_task(report(anton.payouts.create(**ORDER, idempotency_key="k3")))
        await turns(20)
        waiting.cancel()
        gate.set()
        for key, call in (("k1", first), ("k3", third)):
            ledger.check(key, await asyncio.wait_for(call, 2))

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert sorted(ledger.payments) == ["k1", "k3"]
