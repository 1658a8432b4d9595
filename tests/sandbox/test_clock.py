from __future__ import annotations

import pytest

from anton_async.sandbox.clock import SandboxClock
from anton_async.sandbox.timeline import Timeline
from tests.sandbox.wire import Wire
from tests.support.clock import SteppedClock


async def test_an_advanced_world_does_not_lock_the_client_out(wire: Wire) -> None:
    payout = (await wire.pay("k")).data

    wire.sandbox.clock.advance(30 * 24 * 3600)

    assert (await wire.call("GET", f"/v1/payouts/{payout['id']}")).data["status"] == "completed"
    assert wire.sandbox.requests[-1].status == 200


async def test_idempotency_keys_are_forgotten_in_the_sandboxs_own_time(wire: Wire) -> None:
    first = (await wire.pay("k")).data
    wire.sandbox.clock.advance(24 * 3600)

    assert (await wire.pay("k")).data["id"] != first["id"]


async def test_what_is_due_happens_before_advance_returns(wire: Wire) -> None:
    await wire.pay()
    wire.sandbox.clock.advance(5)

    completed = (await wire.events("payout.completed"))[0]["payload"]

    assert completed["completed_at"] == completed["updated_at"]


def test_a_held_clock_moves_only_when_it_is_told_to(clock: SteppedClock) -> None:
    held = SandboxClock(clock)
    start = held.time(), held.monotonic()
    held.hold()
    held.hold()
    clock.step(100)

    assert (held.time(), held.monotonic()) == start
    held.advance(5)
    assert held.time() == start[0] + 5
    held.release()
    clock.step(1)
    assert (held.time(), held.monotonic()) == (start[0] + 6, start[1] + 6)


def test_time_does_not_go_back(clock: SteppedClock) -> None:
    with pytest.raises(ValueError, match="0 seconds or more"):
        SandboxClock(clock).advance(-1)


def test_due_actions_run_in_order_at_their_own_moments(clock: SteppedClock) -> None:
    timeline = Timeline(clock)
    start = timeline.now()
    ran: list[tuple[str, float]] = []

    def note(name: str) -> None:
        ran.append((name, (timeline.now() - start).total_seconds()))

    def chain() -> None:
        note("chain")
        timeline.after(1, lambda: note("link"))

    timeline.after(5, lambda: note("late"))
    timeline.after(2, chain)
    assert timeline.wait() == 2
    clock.step(10)
    timeline.advance()

    assert ran == [("chain", 2), ("link", 3), ("late", 5)]
    assert timeline.wait() is None
    assert (timeline.now() - start).total_seconds() == 10
