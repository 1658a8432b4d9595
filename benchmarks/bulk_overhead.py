"""What a payout costs more in a job than as a plain `create`: the journal and the bookkeeping, in CPU time.

    python -m benchmarks.bulk_overhead [--calls 5000] [--rounds 3]

Both make the same payouts at the same width against the same responder, each in a process of its own, in turns.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from anton_async import AntonClient
from anton_async.bulk import PayoutJob
from benchmarks.anton import client
from benchmarks.bulk_pace import rows
from benchmarks.measure import report
from benchmarks.responder import responding

WIDTH = 64
WARM = 200


async def by_hand(anton: AntonClient, given: Iterator[dict[str, object]]) -> None:
    """Pay rows by the plain call."""

    async def worker() -> None:
        for row in given:
            order: dict[str, Any] = {name: value for name, value in row.items() if name != "row_id"}
            await anton.payouts.create(**order)

    await asyncio.gather(*(worker() for _ in range(WIDTH)))


async def by_job(anton: AntonClient, given: Iterator[dict[str, object]]) -> None:
    """Pay rows by a job."""
    with tempfile.TemporaryDirectory() as folder:
        async with PayoutJob(anton, journal=Path(folder) / "job.db", concurrency=WIDTH) as job:
            async for _ in job.run(given):
                pass


async def subject(name: str, url: str, *, calls: int) -> None:
    """Measure in this process, threads included, and print it."""
    pay = by_job if name == "job" else by_hand
    async with client(url) as anton:
        await pay(anton, islice(rows(), WARM))
        gc.collect()
        cpu = time.process_time()
        await pay(anton, islice(rows(), calls))
        report(cpu=(time.process_time() - cpu) / calls * 1e6)


def main() -> None:
    """Measure both, or be the process that is measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--subject", nargs=2, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.subject:
        name, url = wanted.subject
        asyncio.run(subject(name, url, calls=wanted.calls))
        return
    found: dict[str, list[float]] = {"create": [], "job": []}
    with responding() as url:
        for _ in range(wanted.rounds):
            for name, costs in found.items():
                command = [sys.executable, "-m", "benchmarks.bulk_overhead", "--subject", name, url]
                command += ["--calls", str(wanted.calls)]
                printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                costs.append(json.loads(printed)["cpu"])
    create, job = (statistics.median(costs) for costs in found.values())
    print(f"create {create:.0f} us, in a job {job:.0f} us of CPU a payout: {job / create - 1:+.0%}")


if __name__ == "__main__":
    main()
