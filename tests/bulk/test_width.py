"""A run sends less at once to an API that struggles, and more again when it has recovered."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from anton_async import AntonClient
from anton_async.bulk import Accepted
from anton_async.response import ApiResponse
from anton_async.sandbox import Sandbox
from anton_async.transport import Call
from tests.support.clock import SteppedClock
from tests.support.payroll import pay, rows


class Observer:
    """Stands between a run and its transport: counts the payouts under way, and can let answers take longer."""

    def __init__(self, anton: AntonClient, clock: SteppedClock) -> None:
        self._send = anton.transport.send
        self._clock = clock
        self._on_the_wire = self._under_way = 0
        self.seen: list[int] = []
        self.slow: range = range(0)

    async def send(self, call: Call[object]) -> ApiResponse[object]:
        number = len(self.seen)
        self._under_way += 1
        self.seen.append(self._under_way)
        try:
            return await self._through(call, 20.0 if number in self.slow else 0.05)
        finally:
            self._under_way -= 1

    async def _through(self, call: Call[object], seconds: float) -> ApiResponse[object]:
        self._on_the_wire += 1
        try:
            answer = await self._send(call)
        finally:
            self._on_the_wire -= 1
        while self._on_the_wire:  # noqa: ASYNC110 - turns of the loop, not time; a proof that is on its way must not grow old
            await asyncio.sleep(0)
        self._clock.step(seconds)
        return answer


@pytest.fixture
def observer(anton: AntonClient, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch) -> Observer:
    made = Observer(anton, clock)
    monkeypatch.setattr(anton.transport, "send", made.send)
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

    assert max(observer.seen[:40]) >= 12
    assert max(observer.seen[90:]) <= 4


async def test_a_steady_api_gets_the_full_width(anton: AntonClient, journal: Path, observer: Observer) -> None:
    await pay(anton, journal, rows(200), concurrency=8)

    assert max(observer.seen[-50:]) == 8
