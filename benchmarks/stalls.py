"""How long the event loop is held up: at opening, by the first call, in steady work, and by a large upload.

A heartbeat asks for every millisecond. What the process computes between two beats, on the loop or in a thread that
held the interpreter meanwhile, the loop was blocked for; it is told in CPU time, since on a busy machine the time on
the wall tells of other processes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.anton import calls, client
from benchmarks.measure import arguments, report

BEAT = 0.001  # seconds
UPLOAD = b"row_id,reference\n" + b"1,INV-1\n" * (30 * 2**20 // 8)


@asynccontextmanager
async def heartbeat(figures: dict[str, float], name: str) -> AsyncIterator[None]:
    """Enter into `figures` the longest time, in milliseconds, for which the loop was held up within the block."""
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        while True:
            begun = time.process_time()
            await asyncio.sleep(BEAT)
            longest = max(longest, time.process_time() - begun)

    task = asyncio.create_task(beat())
    await asyncio.sleep(10 * BEAT)
    longest = 0.0
    try:
        yield
        await asyncio.sleep(2 * BEAT)
    finally:
        task.cancel()
        figures[name] = longest * 1000


async def main() -> None:
    """Measure one client's life."""
    wanted, figures = arguments(), dict[str, float]()
    async with heartbeat(figures, "idle"):
        await asyncio.sleep(0.3)
    anton = client(wanted.url)
    secure = client("https://127.0.0.1:1")
    async with heartbeat(figures, "open_tls"):
        await secure.open()
    await secure.close()
    async with heartbeat(figures, "open"):
        await anton.open()
    async with heartbeat(figures, "warm_up"):
        await anton.warm_up()
    create, list_page = calls(anton)["create"], calls(anton)["list"]
    async with heartbeat(figures, "first_call"):
        begun = time.perf_counter()
        await create()
        figures["first_latency"] = (time.perf_counter() - begun) * 1000
    begun = time.perf_counter()
    await create()
    figures["second_latency"] = (time.perf_counter() - begun) * 1000
    await list_page()
    async with heartbeat(figures, "steady"):
        for _ in range(20):
            await asyncio.gather(*(create() for _ in range(10)), list_page())
    for name in ("first_upload", "upload"):
        async with heartbeat(figures, name):
            await anton.batches.upload(file=UPLOAD, file_name="payroll.csv")
    await anton.close()
    report(**figures)


if __name__ == "__main__":
    asyncio.run(main())
