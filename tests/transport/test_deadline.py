from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from weakref import WeakSet

import pytest

from anton_async.transport.deadline import Deadlines

SOON = 0.01
LONG = 60.0


def cancelling() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_block_that_takes_too_long_ends_in_a_timeout() -> None:
    with pytest.raises(TimeoutError), Deadlines().within(SOON) as deadline:
        await asyncio.sleep(LONG)

    assert deadline.expired
    assert cancelling() == 0


async def test_a_block_that_ends_in_time_is_not_heard_of_again() -> None:
    deadlines = Deadlines()

    with deadlines.within(SOON) as deadline:
        await asyncio.sleep(0)
    await asyncio.sleep(3 * SOON)

    assert not deadline.expired
    assert cancelling() == 0


async def test_what_the_block_raises_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError), Deadlines().within(LONG):
        raise ZeroDivisionError


async def test_a_failure_after_the_time_was_over_comes_out_and_leaves_no_cancellation_behind() -> None:
    async def fail_late() -> None:
        try:
            await asyncio.sleep(LONG)
        except asyncio.CancelledError:
            raise ZeroDivisionError from None

    with pytest.raises(ZeroDivisionError), Deadlines().within(SOON):
        await fail_late()

    assert cancelling() == 0
    await turns()


@pytest.mark.parametrize("first", ["the deadline", "somebody"])
async def test_a_cancellation_from_outside_wins_over_the_deadline(first: str) -> None:
    entered = asyncio.Event()
    deadlines = Deadlines()

    async def wait() -> None:
        with deadlines.within(LONG):
            entered.set()
            await asyncio.sleep(LONG)

    task = asyncio.create_task(wait())
    await entered.wait()
    if first == "the deadline":
        deadlines.end_all()
        await asyncio.sleep(0)
    task.cancel()
    deadlines.end_all()

    await asyncio.wait([task])

    assert task.cancelled()


async def test_an_inner_block_ends_alone() -> None:
    deadlines = Deadlines()

    with deadlines.within(LONG) as outer:
        with pytest.raises(TimeoutError), deadlines.within(SOON):
            await asyncio.sleep(LONG)
        await turns()

    assert not outer.expired


async def test_the_end_of_an_outer_block_is_no_timeout_of_the_inner_one() -> None:
    deadlines = Deadlines()
    inner = deadlines.within(LONG)

    async def wait_inside() -> None:
        with pytest.raises(asyncio.CancelledError) as cancelled, inner:
            await asyncio.sleep(LONG)
        raise cancelled.value

    with pytest.raises(TimeoutError), deadlines.within(SOON):
        await wait_inside()

    assert not inner.expired
    assert cancelling() == 0


async def test_it_goes_together_with_a_timeout_of_asyncio() -> None:
    ours = Deadlines().within(LONG)

    async def wait() -> None:
        async with asyncio.timeout(SOON):
            with ours:
                await asyncio.sleep(LONG)

    with pytest.raises(TimeoutError):
        await wait()

    assert not ours.expired
    assert cancelling() == 0


async def test_the_end_can_be_moved() -> None:
    deadlines = Deadlines()

    async def wait(first: float, moved: float, seconds: float) -> None:
        with deadlines.within(first) as deadline:
            deadline.move(moved)
            await asyncio.sleep(seconds)

    await wait(SOON, LONG, 3 * SOON)
    with pytest.raises(TimeoutError):
        await wait(LONG, SOON, LONG)


async def test_a_block_that_was_ended_cannot_be_given_more_time() -> None:
    deadline = Deadlines().within(SOON)

    async def ask_for_more() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            deadline.move(LONG)

    with pytest.raises(TimeoutError), deadline:
        await ask_for_more()


async def test_a_block_that_was_told_to_end_cannot_be_given_more_time() -> None:
    async def wait() -> None:
        with Deadlines().within(LONG) as deadline:
            deadline.end()
            deadline.move(LONG)
            await asyncio.sleep(SOON)

    with pytest.raises(TimeoutError):
        await wait()


async def test_what_has_arrived_while_the_loop_was_busy_counts() -> None:
    loop = asyncio.get_running_loop()
    answered, answer = socket.socketpair()
    answered.setblocking(False)

    def be_busy() -> None:
        answer.send(b"payout")
        time.sleep(3 * SOON)

    with answered, answer, Deadlines().within(SOON) as deadline:
        loop.call_soon(be_busy)
        arrived = await loop.sock_recv(answered, 10)
        deadline.move(LONG)
        await turns()

    assert arrived == b"payout"


async def test_one_that_cannot_be_cancelled_keeps_nobody_else_from_ending() -> None:
    class Stubborn(asyncio.Future[None]):
        def cancel(self, msg: object = None) -> bool:
            raise ZeroDivisionError

    loop, deadlines, told = asyncio.get_running_loop(), Deadlines(), list[str]()
    loop.set_exception_handler(lambda _, context: told.append(type(context.get("exception")).__name__))
    stubborn = Stubborn()

    async def wait(forever: asyncio.Future[None]) -> None:
        with deadlines.within(SOON):
            await forever

    waiting = [asyncio.create_task(wait(one)) for one in [stubborn, *(loop.create_future() for _ in range(5))]]
    ended = await asyncio.wait_for(asyncio.gather(*waiting[1:], return_exceptions=True), 5)
    stubborn.set_result(None)
    with suppress(TimeoutError):
        await waiting[0]

    assert [type(error) for error in ended] == [TimeoutError] * 5
    assert told == ["ZeroDivisionError"]


async def test_no_timer_stays_after_closing() -> None:
    loop = asyncio.get_running_loop()
    timers: WeakSet[asyncio.TimerHandle] = WeakSet()
    at_first = Deadlines()
    original = loop.call_at

    def call_at(when: float, callback: Callable[..., object], *arguments: Any) -> asyncio.TimerHandle:
        timer = original(when, callback, *arguments)
        timers.add(timer)
        return timer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "call_at", call_at, raising=False)
        with at_first.within(LONG):
            at_first.close()
            assert [timer for timer in timers if not timer.cancelled()] != []
        idle = Deadlines()
        with idle.within(LONG):
            pass
        idle.close()

    assert [timer for timer in timers if not timer.cancelled()] == []


async def test_a_block_that_is_over_before_it_could_be_ended_is_let_go() -> None:
    with Deadlines().within(LONG) as deadline:
        deadline.end()

    await turns()

    assert not deadline.expired
    assert cancelling() == 0


async def test_every_block_ends_in_its_time_whichever_the_timer_was_set_for() -> None:
    deadlines, loop = Deadlines(), asyncio.get_running_loop()
    chance = random.Random(7)  # noqa: S311 - no secret
    late: list[float] = []

    async def wait(seconds: float, *, leaves: bool) -> None:
        begun = loop.time()
        try:
            with deadlines.within(seconds):
                await asyncio.sleep(0 if leaves else LONG)
        except TimeoutError:
            late.append(loop.time() - begun - seconds)

    async with asyncio.TaskGroup() as group:
        for _ in range(300):
            group.create_task(wait(chance.uniform(0, 0.1), leaves=chance.random() < 0.5))

    assert len(late) > 100
    assert min(late) > -0.002
    assert max(late) < 5


async def test_all_blocks_can_be_ended_at_once() -> None:
    deadlines = Deadlines()

    async def wait() -> None:
        with deadlines.within(LONG):
            await asyncio.sleep(LONG)

    tasks = [asyncio.create_task(wait()) for _ in range(10)]
    await turns()
    deadlines.end_all()
    ended = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(error) for error in ended] == [TimeoutError] * 10


async def test_outside_of_a_task_there_is_nothing_to_end() -> None:
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[None] = loop.create_future()

    def enter() -> None:
        try:
            with Deadlines().within(LONG):
                outcome.set_result(None)
        except RuntimeError as error:
            outcome.set_exception(error)

    loop.call_soon(enter)

    with pytest.raises(RuntimeError, match="awaited in a task"):
        await outcome
