"""A job in a process of its own, with an end that cannot be caught: what `kill -9` and a full disk do to it.

    python -m tests.support.mortal_job JOURNAL ROWS kill STEP        SIGKILL at the STEP-th commit or sending
    python -m tests.support.mortal_job JOURNAL ROWS fill BYTES       no file may grow beyond BYTES

Prints the closing line when it lives to see it; exits with 75 when the job stopped early.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from anton_async import AntonClient
from anton_async.bulk import JobStoppedError, PayoutJob
from anton_async.bulk.sqlite_journal import SqliteJournal
from anton_async.transport import Transport
from tests.support.payroll import rows


class Fate:
    """Counts the steps of the process and ends it at one of them."""

    def __init__(self, step: int) -> None:
        self._left = step

    def pass_step(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any) -> Any:
            self.pass_step()
            result = work(*arguments)
            self.pass_step()
            return result

        return wrapped

    def around_async(self, work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def wrapped(*arguments: Any, **named: Any) -> Any:
            self.pass_step()
            result = await work(*arguments, **named)
            self.pass_step()
            return result

        return wrapped


async def run(journal: Path, count: int) -> int:
    async with AntonClient.from_env() as anton, PayoutJob(anton, journal=journal, concurrency=6) as job:
        try:
            async for _ in job.run(rows(count)):
                pass
        except JobStoppedError as error:
            sys.stderr.write(f"{error}\n")
            return 75
    sys.stdout.write(f"{job.report().closing_line()}\n")
    return 0


def main(journal: str, count: str, end: str, measure: str) -> None:
    if end == "kill":
        fate = Fate(int(measure))
        SqliteJournal._transact = fate.around(SqliteJournal._transact)  # type: ignore[method-assign]  # pyright: ignore[reportPrivateUsage] - where it dies
        Transport.send = fate.around_async(Transport.send)  # type: ignore[assignment,method-assign]  # where it dies
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(measure), int(measure)))
    sys.exit(asyncio.run(run(Path(journal), int(count))))


if __name__ == "__main__":
    main(*sys.argv[1:])
