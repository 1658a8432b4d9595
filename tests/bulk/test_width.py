"""A run sends less at once to an API that struggles, and more again when it has recovered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from yarl import URL

from anton_async import AntonClient, OAuthCredentials, RateLimit
from anton_async.bulk import Accepted
from anton_async.resources.operations import CREATE_PAYOUT
from anton_async.sandbox import Sandbox
from anton_async.transport.wire import Wire, WireAnswer
from tests.support.clock import SteppedClock
from tests.support.payroll import pay, rows


class Observer:
    """Stands on the wire: counts the payouts under way, and can let answers take longer."""

    def __init__(self, send: Callable[..., Awaitable[WireAnswer]], clock: SteppedClock) -> None:
        self._send = send
        self._clock = clock
        self._on_the_wire = self._under_way = 0
        self.seen: list[int] = []
        self.slow: range = range(0)

    async def send(self, wire: Wire, method: str, url: URL, **request: Any) -> WireAnswer:
        if url.path != CREATE_PAYOUT.path:
            return await self._send(wire, method, url, **request)
        number = len(self.seen)
        self._under_way += 1
        self.seen.append(self._under_way)
        try:
            self._on_the_wire += 1
            try:
                answer = await self._send(wire, method, url, **request)
            finally:
                self._on_the_wire -= 1
            while self._on_the_wire:  # noqa: ASYNC110 - turns of the loop, not time; a proof under way must not age
                await asyncio.sleep(0)
            self._clock.step(20.0 if number in self.slow else 0.05)
            return answer
        finally:
            self._under_way -= 1


@pytest.fixture
def observer(clock: SteppedClock, monkeypatch: pytest.MonkeyPatch) -> Observer:
    made = Observer(Wire.send, clock)

    async def send(wire: Wire, method: str, url: URL, **request: Any) -> WireAnswer:
        return await made.send(wire, method, url, **request)

    monkeypatch.setattr(Wire, "send", send)
    return made


@pytest.mark.fault("F20")
async def test_fewer_payouts_are_under_way_while_the_api_takes_20_seconds_and_more_again_afterwards(
    anton: AntonClient, sandbox: Sandbox, journal: Path, observer: Observer
) -> None:
    observer.slow = range(60, 140)

    results = await pay(anton, journal, rows(400), concurrency=16)

    assert all(isinstance(result, Accepted) for result in results.values())
    assert max(observer.seen[:60]) == 16
    assert max(observer.seen[120:140]) <= 2
    assert max(observer.seen[350:]) >= 8
    assert set(sandbox.executed.values()) == {1}


@pytest.mark.fault("F20")
async def test_fewer_payouts_are_under_way_while_answers_are_lost(
    anton: AntonClient, sandbox: Sandbox, journal: Path, observer: Observer
) -> None:
    sandbox.on("createPayout").delay(0, times=40).drop_response(times=600)

    await pay(anton, journal, rows(110), concurrency=16)

    assert max(observer.seen[:40]) >= 6
    assert max(observer.seen[300:640]) <= 4


async def test_a_steady_api_gets_the_full_width(anton: AntonClient, journal: Path, observer: Observer) -> None:
    await pay(anton, journal, rows(200), concurrency=8)

    assert max(observer.seen) == 8
    assert max(observer.seen[-50:]) >= 6  # narrowed once it would be 4; how fast rows are fed may leave one out


@pytest.mark.fault("F20")
async def test_waiting_for_the_quota_narrows_nothing(
    sandbox: Sandbox, credentials: OAuthCredentials, clock: SteppedClock, journal: Path, observer: Observer
) -> None:
    async with AntonClient(
        credentials, base_url=sandbox.base_url, clock=clock, rate_limit=RateLimit(per_minute=40)
    ) as anton:
        await pay(anton, journal, rows(400), concurrency=16)

    assert sum(clock.pauses) > 400
    assert max(observer.seen[-60:]) >= 6
