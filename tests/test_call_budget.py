"""What a call may cost: a doubling of the work that the SDK adds to the bare libraries is caught here.

Two measures, against the floor of `benchmarks/floor.py` in the same process: function calls, which are counted and so
do not depend on the machine, and CPU time, in turns and with a wide margin, for what is done inside one function call.
The figures themselves are in docs/performance.md.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from types import FrameType

import aiohttp
import pytest

from benchmarks.anton import calls, client
from benchmarks.floor import post
from benchmarks.responder import responding

Call = Callable[[], Awaitable[object]]

FUNCTION_CALLS = 2.1
"""Measured 1.3 times the floor's."""
CPU = 2.0
"""Measured 1.1 times the floor's."""


@pytest.fixture
async def subjects() -> AsyncIterator[tuple[Call, Call]]:
    """Yield the floor and `payouts.create`, both warm."""
    with responding() as url:
        async with client(url) as anton, aiohttp.ClientSession() as session:
            floor, create = post(session, f"{url}/v1/payouts"), calls(anton)["create"]
            for call in (floor, create):
                await repeat(call, 5)
            yield floor, create


async def repeat(call: Call, times: int) -> None:
    for _ in range(times):
        await call()


async def function_calls(call: Call) -> int:
    count = 0

    def counted(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        del frame, argument
        count += event in {"call", "c_call"}

    sys.setprofile(counted)
    try:
        await repeat(call, 20)
    finally:
        sys.setprofile(None)
    return count


async def test_a_call_makes_no_more_function_calls_than_its_budget(subjects: tuple[Call, Call]) -> None:
    floor, create = subjects

    ratio = await function_calls(create) / await function_calls(floor)

    assert ratio < FUNCTION_CALLS, f"payouts.create makes {ratio:.2f} times the floor's function calls"


async def test_a_call_takes_no_more_cpu_than_its_budget(subjects: tuple[Call, Call]) -> None:
    spent: dict[Call, list[float]] = {call: [] for call in subjects}

    for _ in range(9):
        for call, times in spent.items():
            begun = time.process_time()
            await repeat(call, 25)
            times.append(time.process_time() - begun)

    floor, create = (statistics.median(spent[call]) for call in subjects)
    assert create < CPU * floor, f"payouts.create takes {create / floor:.2f} times the floor's CPU"
