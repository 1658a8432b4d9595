"""Hundreds of calls, cancelled at every moment of their lives, leave nothing behind."""

from __future__ import annotations

import asyncio
import random

import pytest

from anton_async import AntonClient, DPoPKey, OAuthCredentials
from anton_async.models import CreatedPayout
from tests.stateful.oracle import CALL_HEADER, Oracle
from tests.stateful.virtual_time import VirtualClock, VirtualTimeLoop
from tests.support.examples import ORDER, changed

SLOTS = 8


async def create(anton: AntonClient, number: int) -> CreatedPayout:
    return await anton.payouts.create(
        **changed(ORDER, reference=f"S-{number}"), idempotency_key=f"key-{number}", headers={CALL_HEADER: str(number)}
    )


async def cancel_many(oracle: Oracle, dpop_key: DPoPKey) -> list[CreatedPayout]:
    """Cancel most of 500 calls and return the payouts of those made afterwards."""
    chance = random.Random(4)  # noqa: S311 - no secret
    await oracle.open()
    credentials = OAuthCredentials(client_id="ant_oc_test_1", client_secret="s", key=dpop_key)
    clock = VirtualClock(asyncio.get_running_loop())
    url = f"http://127.0.0.1:{oracle.port}"
    async with AntonClient(credentials, base_url=url, concurrency=SLOTS, rate_limit=None, clock=clock) as anton:
        calls: list[asyncio.Task[CreatedPayout]] = []
        for number in range(500):
            calls.append(asyncio.create_task(create(anton, number)))
            for _ in range(chance.randrange(6)):
                await asyncio.sleep(0)
            chance.choice(calls[-2 * SLOTS :]).cancel()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(end, CreatedPayout | asyncio.CancelledError) for end in ends)
        assert {type(end) for end in ends} == {CreatedPayout, asyncio.CancelledError}
        after = await asyncio.gather(*(create(anton, 500 + number) for number in range(SLOTS)))
    await asyncio.sleep(1)
    assert oracle.connections == 0, "a socket was left open"
    await oracle.close()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}, "a task was left behind"
    return after


@pytest.mark.fault("L02")
def test_five_hundred_cancelled_calls_leave_no_task_socket_or_slot_behind(dpop_key: DPoPKey) -> None:
    oracle = Oracle()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        after = runner.run(cancel_many(oracle, dpop_key))

    assert len(after) == SLOTS
    keys = [execution.key for execution in oracle.executions]
    assert len(keys) == len(set(keys))
    assert {f"key-{number}" for number in range(500, 500 + SLOTS)} <= set(keys)
    assert oracle.complaints == []
