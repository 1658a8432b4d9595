"""Payouts that a job made are followed to their end: by what webhooks tell, and by the list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import cast

import pytest

from anton_async import AntonClient, OAuthCredentials
from anton_async.bulk import PayoutJob
from anton_async.models import PayoutEventData
from anton_async.sandbox import Sandbox
from anton_async.webhooks import Event, UnknownEvent
from tests.support.payroll import CLIENT_ID, SEED, pay, rows

ENDED: list[str] = ["completed"] * 3


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(seed=SEED, client_id=CLIENT_ID, settle=1) as running:
        running.clock.hold()
        yield running


@pytest.fixture
async def anton(sandbox: Sandbox, credentials: OAuthCredentials) -> AsyncIterator[AntonClient]:
    async with AntonClient(credentials, base_url=sandbox.base_url) as client:
        yield client


async def read(sandbox: Sandbox, times: int) -> None:
    """Wait until the list was read so often."""
    while lists(sandbox) < times:  # noqa: ASYNC110 - the sandbox is asked, and tells nobody
        await asyncio.sleep(0.01)


def lists(sandbox: Sandbox) -> int:
    return sum(request.operation_id == "listPayouts" for request in sandbox.requests)


async def told(queue: asyncio.Queue[Event]) -> AsyncIterator[Event]:
    while True:
        yield await queue.get()


def about(payout_id: str, status: str) -> Event:
    data = PayoutEventData(id=payout_id, status=status, source_amount=None)
    return UnknownEvent(id=f"evt_{payout_id}_{status}", type="payout.moved", data=data)


async def test_events_tell_the_end_without_reading_the_list_again(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    paid = await pay(anton, journal, rows(3))
    queue: asyncio.Queue[Event] = asyncio.Queue()

    async with PayoutJob(anton, journal=journal) as job:
        following = asyncio.create_task(ends(job, told(queue)))
        await read(sandbox, 1)
        sandbox.clock.advance(60)
        for result in paid.values():
            payout_id = getattr(result, "payout_id", "")
            others = [about("pay_of_another_job", "completed"), about(payout_id, "processing")]
            for event in (*others, about(payout_id, "completed"), about(payout_id, "completed")):
                queue.put_nowait(event)
        ended = await asyncio.wait_for(following, 20)

    assert ended == ENDED
    assert lists(sandbox) == 1


async def test_the_list_tells_what_no_event_did(
    anton: AntonClient, sandbox: Sandbox, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anton_async.bulk.follow._PAUSE_WITH_EVENTS", 0.05)
    await pay(anton, journal, rows(3))

    async with PayoutJob(anton, journal=journal) as job:
        following = asyncio.create_task(ends(job, told(asyncio.Queue())))
        await read(sandbox, 2)
        sandbox.clock.advance(60)
        ended = await asyncio.wait_for(following, 20)

    assert ended == ENDED


async def test_events_that_end_leave_the_list(
    anton: AntonClient, sandbox: Sandbox, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none() -> AsyncIterator[Event]:
        for event in cast("list[Event]", []):
            yield event

    monkeypatch.setattr("anton_async.bulk.follow._PAUSE_WITH_EVENTS", 0.05)
    await pay(anton, journal, rows(3))
    sandbox.clock.advance(60)

    async with PayoutJob(anton, journal=journal) as job:
        assert await ends(job, none()) == ENDED


async def test_whoever_leaves_early_leaves_nothing_behind(anton: AntonClient, sandbox: Sandbox, journal: Path) -> None:
    await pay(anton, journal, rows(3))
    tasks = asyncio.all_tasks()

    async with PayoutJob(anton, journal=journal) as job:
        following = asyncio.create_task(ends(job, told(asyncio.Queue())))
        await read(sandbox, 1)
        following.cancel()
        await asyncio.wait({following})
        left = asyncio.all_tasks() - tasks

    assert following.cancelled()
    assert not [task for task in left if "follow" in repr(task) or "sleep" in repr(task)]


async def ends(job: PayoutJob, events: AsyncIterator[Event]) -> list[str]:
    async with aclosing(job.follow(events)) as following:
        return [payout.status async for payout in following]
