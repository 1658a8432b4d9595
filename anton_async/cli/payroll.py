"""Paying a file with something to look at: what `anton payouts run`, `settle` and the demo do.

Standard output gets the closing line and nothing else, so that it can be piped; all the rest goes to standard error.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Generator
from contextlib import aclosing, contextmanager
from difflib import get_close_matches
from pathlib import Path

import click

from anton_async.bulk import JobStoppedError, PayoutJob, Report, Result, read_rows
from anton_async.bulk.check import find_flaws
from anton_async.bulk.failures import KNOWN_CODES
from anton_async.bulk.layout import Layout
from anton_async.bulk.report import counted
from anton_async.bulk.report_file import ReportFile, check_apart, check_place, write_accepted, write_rejected
from anton_async.bulk.row_file import Format, columns_of
from anton_async.bulk.sqlite_journal import read_journal
from anton_async.cli.display import Display, Gauges
from anton_async.client import AntonClient
from anton_async.errors import AntonError, AuthenticationError, ConfigurationError, TokenError, printable

_AS_IT_IS = Layout()

_BESIDE_JOURNAL = ("-wal", "-shm", ".lock", ".new")

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
    accepted_path: Path | None = None,
    rejected_path: Path | None = None,
    follow: bool = False,
    as_json: bool = False,
    strict: bool = False,
    grace: float = 5.0,
    max_failures: int | None = None,
    stop_on: Collection[str] = (),
    trust_clock: bool = False,
    form: Format | None = None,
    layout: Layout = _AS_IT_IS,
    watch: Callable[[Result], None] = lambda _: None,
    conclude: Callable[[Report], None] = lambda _: None,
) -> int:
    """Pay a file of rows, show how it goes, and end with the closing line on standard output.

    SIGINT or SIGTERM ends it early: no further row leaves, those under way have `grace` seconds to be answered, and
    what is not stays SENT in the journal. A second signal ends the wait.

    Args:
        anton: an open client.
        file: CSV, JSON Lines or XLSX.
        journal: the job's journal.
        concurrency: payouts under way at once.
        report_path: where to write a report, `.json` or `.csv`.
        accepted_path: where to write a CSV of accepted rows with payout ids.
        rejected_path: where to write the rejected rows, as the file has them, to be mended and run again.
        follow: whether to wait, after a run that was not stopped, until each payout is in a terminal state.
        as_json: whether standard error gets JSON objects instead of sentences.
        strict: whether rejected rows make the exit code 1.
        grace: seconds that payouts under way have after a signal, 0 or more.
        max_failures: as in `PayoutJob`.
        stop_on: as in `PayoutJob`.
        trust_clock: as in `PayoutJob`.
        form: as in `read_rows`.
        layout: as in `read_rows`.
        watch: called with each result.
        conclude: called with the final report, before the closing line.

    Returns:
        The exit code: 0 all settled, 1 rejected rows with `strict`, 2 the input or the configuration is wrong, 3 some
        rows are unknown, 75 stopped early.

    Raises:
        ConfigurationError: the file, the journal or the report's place cannot be used; nothing was sent.
    """
    check_apart(
        {"the input": file, **_journal_files(journal)},
        {"--report": report_path, "--accepted": accepted_path, "--rejected": rejected_path},
    )
    report_file = None if report_path is None else ReportFile(report_path)
    for path in (accepted_path, rejected_path):
        if path is not None:
            check_place(path)
    rows = sum(1 for _ in read_rows(file, form, layout=layout))  # refuses what is no table before anything is sent
    async with PayoutJob(
        anton,
        journal=journal,
        concurrency=concurrency,
        max_failures=max_failures,
        stop_on=stop_on,
        trust_clock=trust_clock,
    ) as job:
        # Handled to the end: a signal that comes while the report is written changes nothing any more.
        with Display(rows, _gauges(anton, job), as_json=as_json) as display, _on_signals(job, display, grace):
            if rows == 0:
                display.warn(f"{file.name} names columns but has no rows: there is nothing to pay.")
            for code in stop_on:
                if code not in KNOWN_CODES:
                    near = ", ".join(get_close_matches(code, KNOWN_CODES, cutoff=0.5))
                    display.warn(f"no error code known here is {code}{f'; near it: {near}' if near else ''}.")
            ended = await _show(job.run(read_rows(file, form, layout=layout)), display, watch)
            if isinstance(ended, ConfigurationError) and not job.sent:
                raise ended  # the journal may be of another input: its books are none of this run
            report = job.report()
            if isinstance(ended, JobStoppedError) and report.accepted + report.rejected == rows:
                ended = None  # the signal came so late that there is nothing left to resume
            display.conclude(report, ended, sent=job.sent)
            await _write(report_file, job, report)
            if accepted_path is not None:
                await write_accepted(accepted_path, job.accepted())
            if rejected_path is not None and not isinstance(ended, ConfigurationError):  # else it may be another input
                again = read_rows(file, form, layout=layout)
                repeated = await write_rejected(rejected_path, columns_of(file, form), again, job.problems())
                if repeated:
                    display.note(
                        f"{counted(repeated, 'repeated row')} left out: the file has another row with the same row_id."
                        " Only for a payment of its own, write it into a file by hand, under a row_id of its own."
                    )
        if follow and ended is None:
            await _follow_payouts(job, display)
    conclude(report)
    click.echo(report.closing_line())
    return _exit_code(report, ended, strict=strict)


def check_file(file: Path, form: Format | None, layout: Layout) -> int:
    """Read a whole file, print what is wrong with each row that could not be paid, and send nothing.

    Returns:
        The exit code: 0 when all rows are good, else 2.

    Raises:
        ConfigurationError: the file is no table of payouts.
    """
    rows = bad = 0
    for flaw in find_flaws(read_rows(file, form, layout=layout), layout):
        rows += 1
        if flaw is not None:
            bad += 1
            column = "" if flaw.column is None else f", column {flaw.column}"
            given = "" if flaw.given is None else f" (given: {flaw.given})"
            click.echo(printable(f"line {flaw.line}, row {flaw.row_id}{column}: {flaw.reason}{given}", 2000))
    click.echo(f"rows {rows} | good {rows - bad} | bad {bad}")
    click.echo("Nothing was sent.", err=True)
    return EXIT_USAGE if bad else 0


async def settle_journal(
    anton: AntonClient,
    journal: Path,
    *,
    concurrency: int = 64,
    grace: float = 5.0,
    trust_clock: bool = False,
    as_json: bool = False,
) -> int:
    """Find out what became of the rows that may have left, show how it goes, and end with the closing line.

    Args:
        anton: an open client.
        journal: the job's journal.
        concurrency: payouts under way at once.
        grace: as in `pay_file`.
        trust_clock: as in `PayoutJob`.
        as_json: as in `pay_file`.

    Returns:
        The exit code: 0 all settled, 2 the configuration is wrong, 3 some rows are unknown, 75 stopped early or rows
        that never left are pending.

    Raises:
        ConfigurationError: there is no such journal, or it cannot be used; nothing was sent.
    """
    _, before = read_journal(journal)
    async with PayoutJob(anton, journal=journal, concurrency=concurrency, trust_clock=trust_clock) as job:
        rows = before.unknown + before.pending
        with Display(rows, _gauges(anton, job), as_json=as_json) as display, _on_signals(job, display, grace):
            ended = await _show(job.settle(), display, lambda _: None)
            if isinstance(ended, ConfigurationError) and not job.sent:
                raise ended
            report = job.report()
            display.conclude(report, ended, sent=job.sent)
            if ended is None and report.pending:
                display.warn("what is pending never left: run the job again with its file to pay it.")
    click.echo(report.closing_line())
    code = _exit_code(report, ended, strict=False)
    return EXIT_STOPPED if report.pending and code in {0, EXIT_UNKNOWN} else code


def _journal_files(journal: Path) -> dict[str, Path]:
    """Return a journal and what SQLite and the lock put beside it, by what messages call them."""
    beside = {f"the journal's {end}": journal.with_name(f"{journal.name}{end}") for end in _BESIDE_JOURNAL}
    return {"the journal": journal, **beside}


def _gauges(anton: AntonClient, job: PayoutJob) -> Gauges:
    return Gauges(report=job.report, quota=anton.transport.quota)


async def _follow_payouts(job: PayoutJob, display: Display) -> None:
    """Show how the accepted payouts end, until all have or somebody interrupts it."""
    accepted = job.report().accepted
    statuses: Counter[str] = Counter()

    async def watch() -> None:
        async for payout in job.follow():
            statuses[payout.status] += 1
            display.ended(payout, done=statuses.total(), of=accepted)

    task = asyncio.create_task(watch(), name="anton-follow")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        await asyncio.wait([task])
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    display.followed(statuses, of=accepted)
    if not task.cancelled() and (error := task.exception()) is not None:
        display.warn(f"following the payouts ended early: {error}")


async def _show(
    results: AsyncGenerator[Result, None], display: Display, watch: Callable[[Result], None]
) -> AntonError | None:
    """Show all `results`; return what has ended them early."""
    progress = asyncio.create_task(display.tell_progress(), name="anton-progress")
    try:
        async with aclosing(results):
            async for result in results:
                display.show(result)
                watch(result)
    except AntonError as error:
        return error
    finally:
        progress.cancel()
        await asyncio.wait([progress])
    return None


async def _write(report_file: ReportFile | None, job: PayoutJob, report: Report) -> None:
    if report_file is None:
        return
    with report_file.writing(report) as add:
        async for problem in job.problems():
            add(problem)


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
def _on_signals(job: PayoutJob, display: Display, grace: float) -> Generator[None, None, None]:
    """Stop `job` with `grace` on the first SIGINT or SIGTERM and with none on the second; a third is not ours."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    patience = [0.0, grace]

    def restore() -> None:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)

    def received() -> None:
        if grace_left := patience.pop():
            display.stopping(grace_left)
        job.stop(grace=grace_left)
        if not patience:
            restore()

    for number in before:
        loop.add_signal_handler(number, received)
    try:
        yield
    finally:
        restore()
