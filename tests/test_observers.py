"""Observers follow whole calls, in the order of context managers, and can harm none."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from yarl import URL

from anton_async import AntonClient, AntonError, ApiKeyCredentials, CallEvent
from anton_async.operation import Operation
from tests.support.clock import SteppedClock
from tests.support.examples import ORDER, PAYOUT
from tests.support.raw_server import LOST, RawServer, answer, failure

CREATED = answer(201, {"data": PAYOUT}, headers={"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "7"})


class Follower:
    """Notes what it is told, beside what the others noted."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name = name
        self.notes = notes
        self.ends: list[CallEvent] = []

    def begin(self, operation: Operation[Any], base_url: URL) -> Follower:
        self.notes.append(f"{self.name} begin {operation.name} at {base_url.host}")
        return self

    def attempt(self, event: CallEvent) -> None:
        self.notes.append(f"{self.name} attempt {event.attempt}")

    def response(self, event: CallEvent) -> None:
        self.notes.append(f"{self.name} response {event.error or event.status}")

    def retry(self, event: CallEvent) -> None:
        self.notes.append(f"{self.name} retry {event.error}")

    def end(self, event: CallEvent) -> None:
        self.notes.append(f"{self.name} end {event.error or event.status}")
        self.ends.append(event)


@pytest.fixture
async def anton(server: RawServer, clock: SteppedClock) -> AsyncGenerator[AntonClient, None]:
    async with AntonClient(ApiKeyCredentials("ak_test_" + "5" * 32), base_url=server.base_url, clock=clock) as client:
        yield client


async def test_an_observer_is_told_of_a_call_from_its_beginning_to_its_end(
    server: RawServer, anton: AntonClient
) -> None:
    server.script(LOST, CREATED)
    follower = Follower("a", [])

    anton.observe(follower)
    await anton.payouts.create(**ORDER)

    assert follower.notes == [
        "a begin payouts.create at 127.0.0.1",
        "a attempt 1",
        "a response ResponseLostError",
        "a retry ResponseLostError",
        "a attempt 2",
        "a response 201",
        "a end 201",
    ]
    (end,) = follower.ends
    assert (end.outcome, end.attempt, end.quota, end.quota_left) == (None, 2, 100, 7)


async def test_observers_enclose_each_other(server: RawServer, anton: AntonClient) -> None:
    server.script(CREATED)
    notes = list[str]()

    anton.observe(Follower("inner", notes)).observe(Follower("outer", notes))
    await anton.payouts.create(**ORDER)

    order = [note.split()[:2] for note in notes]
    assert order == [
        *(["outer", "begin"], ["inner", "begin"], ["outer", "attempt"], ["inner", "attempt"]),
        *(["inner", "response"], ["outer", "response"], ["inner", "end"], ["outer", "end"]),
    ]


async def test_a_call_that_never_left_has_an_end_as_well(anton: AntonClient) -> None:
    follower = Follower("a", [])
    anton.observe(follower)
    await anton.close()

    with pytest.raises(AntonError):
        await anton.payouts.create(**ORDER)

    assert follower.notes == ["a begin payouts.create at 127.0.0.1", "a end ConfigurationError"]


@pytest.mark.fault("L08")
@pytest.mark.parametrize("moment", ["begin", "attempt", "response", "retry", "end"])
async def test_an_observer_that_raises_harms_nothing_and_is_told_of_once(
    server: RawServer, anton: AntonClient, caplog: pytest.LogCaptureFixture, moment: str
) -> None:
    server.script(LOST, CREATED, LOST, CREATED, failure(422, "insufficient_balance"))

    def breaks(*arguments: object) -> None:
        raise RuntimeError(f"secret of the observer: {arguments}")

    broken = Follower("broken", [])
    setattr(broken, moment, breaks)
    anton.observe(broken)
    for _ in range(2):
        assert (await anton.payouts.create(**ORDER)).id == PAYOUT["id"]
    with pytest.raises(AntonError, match="insufficient_balance"):
        await anton.payouts.create(**ORDER)

    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == [f"the Follower.{moment} observer raised RuntimeError; this is said once"]
