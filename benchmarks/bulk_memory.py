"""How much memory a payout job of a million rows takes: paying them, and resuming a journal that has them all.

    python -m benchmarks.bulk_memory [--rows 1000000] [--seconds 480]

Each measurement has a process of its own; what an empty job takes there is subtracted. Paying ends after `--seconds`
with as many rows as were done; resuming reads a journal that was filled with ACCEPTED rows beforehand.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from anton_async import AntonClient
from anton_async.bulk import JobStoppedError, PayoutJob, PayoutRow
from anton_async.bulk.entry import seal
from benchmarks.anton import client
from benchmarks.bulk_pace import rows
from benchmarks.measure import memory, peak_memory, report
from benchmarks.responder import responding


async def run(anton: AntonClient, journal: Path, count: int, seconds: float) -> int:
    """Pay `count` rows or for `seconds`; return how many are settled."""
    async with PayoutJob(anton, journal=journal) as job:
        timer = asyncio.get_running_loop().call_later(seconds, job.stop)
        try:
            async for _ in job.run(islice(rows(), count)):
                pass
        except JobStoppedError:
            pass
        timer.cancel()
        return job.report().accepted


async def subject(url: str, journal: Path, count: int, seconds: float) -> None:
    """Measure in this process, and print it."""
    async with client(url) as anton:
        await run(anton, journal.with_name(f"empty-{journal.name}"), 0, seconds)
        empty, began = memory(), time.perf_counter()
        done = await run(anton, journal, count, seconds)
    report(rows=done, grown=peak_memory() - empty, seconds=time.perf_counter() - began)


def fill(journal: Path, count: int) -> None:
    """Make a journal whose one row says that it was accepted into one with `count` such rows."""
    database = sqlite3.connect(journal)
    names = [name for _, name, *_ in database.execute("PRAGMA table_info(row)")]
    first = dict(zip(names, database.execute("SELECT * FROM row").fetchone(), strict=True))

    def filled() -> Iterator[list[object]]:
        for position, given in enumerate(islice(rows(), 1, count), 2):
            row = PayoutRow.of(given, position=position)
            key, body = f"key-{position}", msgspec.json.encode(row.fields)
            changed = {
                "position": position,
                "line": position,
                "row_id": row.row_id,
                "content": row.content_hash(),
                "key": key,
                "body": body,
                "body_hash": seal(key, body),
            }
            yield [{**first, **changed}[name] for name in names]

    with database:
        database.executemany(f"INSERT INTO row VALUES ({', '.join('?' * len(names))})", filled())  # noqa: S608 - question marks alone
    database.close()


def measure(url: str, journal: Path, count: int, seconds: float, what: str) -> None:
    """Measure in a process of its own, and print a line."""
    command = [sys.executable, "-m", "benchmarks.bulk_memory", "--subject", url, "--journal", str(journal)]
    command += ["--rows", str(count), "--seconds", str(seconds)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(
        f"{what}: {found['rows']:,.0f} rows in {found['seconds']:.0f} s ({found['rows'] / found['seconds']:,.0f} a"
        f" second), {found['grown']:.1f} MiB above an empty job",
        flush=True,
    )


def main() -> None:
    """Measure both, or be the process that is measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=480)
    parser.add_argument("--subject", help=argparse.SUPPRESS)
    parser.add_argument("--journal", type=Path, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.subject:
        asyncio.run(subject(wanted.subject, wanted.journal, wanted.rows, wanted.seconds))
        return
    with tempfile.TemporaryDirectory() as folder, responding() as url:
        full = Path(folder) / "full.db"
        asyncio.run(_pay_one(url, full))
        fill(full, wanted.rows)
        print(f"a journal of {wanted.rows:,} rows takes {full.stat().st_size / 2**20:,.0f} MiB", flush=True)
        measure(url, full, wanted.rows, 3600, "resuming")
        measure(url, Path(folder) / "new.db", wanted.rows, wanted.seconds, "paying")


async def _pay_one(url: str, journal: Path) -> None:
    async with client(url) as anton:
        await run(anton, journal, 1, 60)


if __name__ == "__main__":
    main()
