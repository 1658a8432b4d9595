"""How much of the merchant's rolling-minute quota a payout job uses, and how often it asks for too much.

    python -m benchmarks.bulk_pace [--per-minute 20000] [--minutes 3]

A local Anton, in a process of its own, has the quota; the job has more rows than it can pay in the time. The first
minute is left out: a burst fills the window in it. Afterwards each minute is counted by the answers' arrival.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from anton_async import AntonClient, OAuthCredentials, RateLimit
from anton_async.auth.keys import DPoPKey
from anton_async.bulk import JobStoppedError, PayoutJob
from anton_async.hooks import CallEvent
from anton_async.sandbox import Sandbox

SEED = {
    "balances": {"USD": "1000000000.00"},
    "beneficiaries": [{"id": "ben_A"}],
    "instruments": [{"id": "ins_USD", "beneficiary_id": "ben_A", "currency": "USD"}],
}
WIDTH = 64


def rows() -> Iterator[dict[str, object]]:
    """Yield rows without end."""
    for number in itertools.count(1):
        yield {
            "row_id": f"row-{number}",
            "beneficiary_id": "ben_A",
            "instrument_id": "ins_USD",
            "source_amount": "10.00",
            "dest_amount": "10.00",
            "dest_currency": "USD",
            "method": "ach",
            "purpose": "salary",
            "reference": f"S-{number}",
        }


def serve(per_minute: int, pipe: Connection) -> None:
    """Be the other process."""

    async def run() -> None:
        async with Sandbox(seed=SEED, rate_limit_per_minute=per_minute, settle=None) as sandbox:
            pipe.send((sandbox.base_url, sandbox.client_id, sandbox.client_secret, sandbox.private_key_pem))
            await asyncio.to_thread(pipe.recv)

    asyncio.run(run())


async def pay(per_minute: int, minutes: int, pipe: Connection) -> list[tuple[float, int | None]]:
    """Run a job for so many minutes after the first; return when each answer came, and its status."""
    url, client_id, secret, pem = pipe.recv()
    answers: list[tuple[float, int | None]] = []

    def note(event: CallEvent) -> None:
        if event.operation == "createPayout":
            answers.append((time.monotonic(), event.status))

    credentials = OAuthCredentials(client_id=client_id, client_secret=secret, key=DPoPKey.from_pem(pem))
    with tempfile.TemporaryDirectory() as folder:
        async with (
            AntonClient(credentials, base_url=url, rate_limit=RateLimit(per_minute=per_minute), on_response=note) as it,
            PayoutJob(it, journal=Path(folder) / "pace.db", concurrency=WIDTH) as job,
        ):
            asyncio.get_running_loop().call_later(60 * (minutes + 1) + 1, job.stop)
            try:
                async for _ in job.run(rows()):
                    pass
            except JobStoppedError:
                pass
    return answers


def main() -> None:
    """Measure, and print a line a minute."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--per-minute", type=int, default=20_000)
    parser.add_argument("--minutes", type=int, default=3)
    wanted = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(wanted.per_minute, theirs), daemon=True)
    server.start()
    answers = asyncio.run(pay(wanted.per_minute, wanted.minutes, ours))
    ours.send(None)
    server.join()
    began = answers[0][0]
    for minute in range(wanted.minutes + 1):
        statuses = [status for at, status in answers if 60 * minute <= at - began < 60 * (minute + 1)]
        good, refused = statuses.count(201), statuses.count(429)
        print(
            f"minute {minute + 1}{' (burst)' if minute == 0 else ''}: {good} paid, {good / wanted.per_minute:.2%} of"
            f" the quota; {refused} refused with 429, {1000 * refused / max(1, len(statuses)):.2f} in 1,000"
        )


if __name__ == "__main__":
    main()
