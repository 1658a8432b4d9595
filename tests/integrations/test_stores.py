"""The stores of docs/webhooks.md that processes share, on real servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from redis.asyncio import Redis

from anton_async.webhooks import Event, EventStore, WebhookRouter, WebhookVerifier
from tests.integrations import databases
from tests.integrations.deliveries import SECRET, Seen, delivery, make_router
from tests.integrations.test_docs import WEBHOOKS, run


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with databases.postgres() as url:
        yield url


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    with databases.redis() as path:
        yield path


@dataclass
class Shared:
    """Stores of several processes; `end_leases` is what an hour does."""

    make: Callable[[], EventStore]
    end_leases: Callable[[], Awaitable[object]]


@asynccontextmanager
async def in_postgres(url: str) -> AsyncGenerator[Shared, None]:
    names = run(WEBHOOKS[2])
    asyncpg: Any = pytest.importorskip("asyncpg")  # it has no types
    async with asyncpg.create_pool(url, min_size=1) as pool:
        await pool.execute(names["TABLE"])
        await pool.execute("truncate anton_events")
        yield Shared(
            lambda: names["PostgresEventStore"](pool),
            lambda: pool.execute("update anton_events set taken = taken - interval '1 hour'"),
        )


@asynccontextmanager
async def in_redis(path: str) -> AsyncGenerator[Shared, None]:
    names = run(WEBHOOKS[3])
    client: Any = Redis(unix_socket_path=path)
    async with client:
        await client.flushall()
        leases = names["LEASES"]
        yield Shared(
            lambda: names["RedisEventStore"](client),
            lambda: client.zunionstore(leases, {leases: 1 - 3600 / time.time()}),
        )


@pytest.fixture(params=["postgres", "redis"])
async def shared(request: pytest.FixtureRequest) -> AsyncGenerator[Shared, None]:
    stores = in_postgres if request.param == "postgres" else in_redis
    async with stores(request.getfixturevalue(request.param)) as opened:
        yield opened


async def test_an_event_is_lent_to_one_until_it_is_done(shared: Shared) -> None:
    store, other = shared.make(), shared.make()

    assert [await store.add("evt_1", b"one"), await other.add("evt_1", b"one")] == [True, False]
    assert await other.pending() == []
    await store.done("evt_1")
    await shared.end_leases()
    assert [await store.add("evt_1", b"one"), await other.pending()] == [False, []]


async def test_what_was_left_behind_is_taken_over_oldest_first(shared: Shared) -> None:
    store, other = shared.make(), shared.make()
    for number in (3, 1, 2):
        await store.add(f"evt_{number}", b"%d" % number)
    await shared.end_leases()

    assert await other.pending() == [b"3", b"1", b"2"]
    assert await store.pending() == []
    await shared.end_leases()
    assert await store.add("evt_3", b"3")
    assert await other.pending() == [b"1", b"2"]


async def test_many_that_take_over_at_once_get_different_events(shared: Shared) -> None:
    for number in range(50):
        await shared.make().add(f"evt_{number}", b"%d" % number)
    await shared.end_leases()

    found = await asyncio.gather(*[shared.make().pending() for _ in range(8)])

    assert sorted(int(body) for bodies in found for body in bodies) == [*range(50)]


@pytest.mark.fault("G15")
async def test_the_same_delivery_to_two_processes_at_once_is_handled_once(shared: Shared) -> None:
    seen = Seen()

    async with make_router(seen, shared.make()) as one, make_router(seen, shared.make()) as two:
        deliveries = [delivery(number) for number in range(10) for _ in range(3)]
        taken = await asyncio.gather(*[each.receive(*sent) for sent in deliveries for each in (one, two)])

    assert sorted(seen.events) == sorted(f"evt_{number}" for number in range(10))
    assert taken.count(True) == 10


async def test_an_event_that_a_crash_left_behind_is_handled_by_another(shared: Shared) -> None:
    reached, seen = asyncio.Event(), Seen()

    async def hangs(event: Event) -> None:
        reached.set()
        await asyncio.Event().wait()

    async with WebhookRouter(WebhookVerifier(SECRET), fallback=hangs, store=shared.make(), grace=0.01) as crashing:
        await crashing.receive(*delivery())
        await reached.wait()
    async with make_router(seen, shared.make()) as too_early:
        assert not await too_early.receive(*delivery())
    await shared.end_leases()
    async with make_router(seen, shared.make()):
        pass

    assert seen.events == ["evt_1"]
