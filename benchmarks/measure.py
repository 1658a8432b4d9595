"""What a subject process measures and prints; standard library only, since other SDKs' environments run it too.

CPU time is the process's own, user and system, threads included: the load of the machine changes it far less than the
time on the wall.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import time
from collections.abc import Awaitable, Callable

Call = Callable[[], Awaitable[object]]


def arguments() -> argparse.Namespace:
    """Read what a subject is told: its name, where the responder is, how many calls, how many at once."""
    parser = argparse.ArgumentParser()
    parser.add_argument("subject")
    parser.add_argument("--url", default="")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--width", type=int, default=1, help="calls under way at once")
    return parser.parse_args()


async def measure(call: Call, *, calls: int, width: int, warm: int = 100) -> None:
    """Make `calls` calls, `width` at once, after `warm` others, and print what they cost."""
    await _repeat(call, max(warm, 2 * width), width)
    gc.collect()
    resident = memory()
    cpu, wall = time.process_time(), time.perf_counter()
    await _repeat(call, calls, width)
    report(
        cpu=(time.process_time() - cpu) / calls * 1e6,
        rate=calls / (time.perf_counter() - wall),
        peak=peak_memory(),
        grown=memory() - resident,
    )


async def _repeat(call: Call, calls: int, width: int) -> None:
    left = iter(range(calls))

    async def worker() -> None:
        for _ in left:
            await call()

    await asyncio.gather(*(worker() for _ in range(width)))


def memory() -> float:
    """Return the resident memory of this process in MiB."""
    with open("/proc/self/statm") as file:  # noqa: PTH123 - pathlib would be imported for this alone
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def peak_memory() -> float:
    """Return the most memory this process had resident, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(**figures: float) -> None:
    """Print the figures for the process that started this one."""
    print(json.dumps(figures))
