"""Paying a file with something to look at: what `anton payouts run` and the demo do.

Standard output gets the closing line and nothing else, so that it can be piped; all the rest goes to standard error.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Generator
from contextlib import aclosing, contextmanager
from pathlib import Path

import click

from anton_async.bulk import JobStoppedError, PayoutJob, Report, Result, read_csv
from anton_async.bulk.report import ReportFile
from anton_async.bulk.rows import count_csv
from anton_async.cli.display import Display
from anton_async.client import AntonClient
from anton_async.errors import AntonError, AuthenticationError, ConfigurationError, TokenError

EXIT_REJECTED = 1
EXIT_USAGE = 2
EXIT_UNKNOWN = 3
EXIT_STOPPED = 75  # EX_TEMPFAIL of sysexits.h: try again later


async def pay_file(
    anton: AntonClient,
    file: Path,
    *,
    journal: Path,
    concurrency: int = 64,
    report_path: Path | None = None,
    strict: bool = False,
    grace: float = 5.0,
    watch: Callable[[Result], None] = lambda _: None,
    conclude: Callable[[Report], None] = lambda _: None,
) -> int:
    """Pay a CSV file, show how it goes, and end with the closing line on standard output.

    SIGINT or SIGTERM ends it early: no further row leaves, those under way have `grace` seconds to be answered, and
    what is not stays SENT in the journal. A second signal ends the wait.

    Args:
        anton: an open client.
        file: the CSV file.
        journal: the job's journal.
        concurrency: payouts under way at once.
        report_path: where to write a report, `.json` or `.csv`.
        strict: whether rejected rows make the exit code 1.
        grace: seconds that payouts under way have after a signal, 0 or more.
        watch: called with each result.
        conclude: called with the final report, before the closing line.

    Returns:
        The exit code: 0 all settled, 1 rejected rows with `strict`, 2 the input or the configuration is wrong, 3 some
        rows are unknown, 75 stopped early.

    Raises:
        ConfigurationError: the file, the journal or the report's place cannot be used; nothing was sent.
    """
    report_file = None if report_path is None else ReportFile(report_path)
    rows = count_csv(file)
    ended: AntonError | None = None
    async with PayoutJob(anton, journal=journal, concurrency=concurrency) as job:

        def interrupt(patience: float) -> None:
            if patience:
                display.stopping(patience)
            job.stop(grace=patience)

        # Handled to the end: a signal that comes while the report is written changes nothing any more.
        with _on_signals(interrupt, grace), Display(rows) as display:
            if rows == 0:
                display.warn(f"{file.name} names columns but has no rows: there is nothing to pay.")
            try:
                async with aclosing(job.run(read_csv(file))) as results:
                    async for result in results:
                        display.show(result)
                        watch(result)
            except AntonError as error:
                ended = error
            report = job.report()
            if isinstance(ended, JobStoppedError) and report.accepted + report.rejected == rows:
                ended = None  # the signal came so late that there is nothing left to resume
            display.conclude(report, ended, sent=job.sent)
            if report_file is not None:
                with report_file.writing(report) as add:
                    async for problem in job.problems():
                        add(problem)
    conclude(report)
    click.echo(report.closing_line())
    return _exit_code(report, ended, strict=strict)


def _exit_code(report: Report, ended: AntonError | None, *, strict: bool) -> int:
    credentials_never_worked = isinstance(ended, AuthenticationError | TokenError) and not report.accepted
    if isinstance(ended, ConfigurationError) or credentials_never_worked:
        return EXIT_USAGE
    if ended is not None:
        return EXIT_STOPPED
    if report.unknown:
        return EXIT_UNKNOWN
    return EXIT_REJECTED if strict and report.rejected else 0


@contextmanager
def _on_signals(interrupt: Callable[[float], None], grace: float) -> Generator[None, None, None]:
    """Call `interrupt` with `grace` on the first SIGINT or SIGTERM and with 0 on the second; a third is not ours."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    patience = [0.0, grace]

    def restore() -> None:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)

    def received() -> None:
        interrupt(patience.pop())
        if not patience:
            restore()

    for number in before:
        loop.add_signal_handler(number, received)
    try:
        yield
    finally:
        restore()
