"""What a person sees of a payout run, on standard error: a progress bar on a terminal, occasional lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from anton_async.bulk import Accepted, Rejected, Report, Result, Unknown
from anton_async.bulk.report import counted
from anton_async.errors import AntonError, AuthenticationError, printable

_PAUSE = 5.0  # seconds between two lines where there is no terminal


class Display:
    """Follows one run.

    Args:
        rows: how many rows the input has.
        console: where to write; left out, standard error.
    """

    def __init__(self, rows: int, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._rows = rows
        self._counts: Counter[str] = Counter(ok=0, rejected=0, unknown=0)
        self._fresh = self._settled_before = 0
        self._began = self._spoke = time.monotonic()
        self._progress = Progress(
            BarColumn(bar_width=20),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[counts]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task("rows", total=rows, counts="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, result: Result) -> None:
        """Count one result; one that needs a person gets a line."""
        if isinstance(result, Accepted):
            self._counts["ok"] += 1
        elif isinstance(result, Rejected):
            self._counts["rejected"] += 1
            field = f"{result.field}: " if result.field else ""
            self._say(f"{_place(result)} rejected: {field}{result.reason} [{result.code or 'no code'}]")
        else:
            self._counts["unknown"] += 1
            self._say(f"{_place(result)} unknown: {result.reason} (key {result.idempotency_key})")
        self._fresh += not result.from_journal
        self._settled_before += result.from_journal and not isinstance(result, Unknown)
        self._progress.update(self._task, advance=1, counts=self._summary())
        if not self._console.is_terminal and time.monotonic() - self._spoke >= _PAUSE:
            self._spoke = time.monotonic()
            self._say(f"{self._counts.total()} of {counted(self._rows, 'row')}: {self._summary()}")

    def stopping(self, grace: float) -> None:
        """Say that no further row leaves."""
        self._say(f"Interrupted: payouts under way have {grace:g} s to be answered; a second signal ends it at once.")

    def conclude(self, report: Report, ended: AntonError | None, *, sent: int) -> None:
        """Stop following, and say how it ended: what happened first, and at the end the one thing to do now.

        Args:
            report: what the journal knows.
            ended: what has ended the run early.
            sent: how many rows this run has marked SENT.
        """
        self._progress.stop()
        seconds = time.monotonic() - self._began
        if self._settled_before:
            were = "was" if self._settled_before == 1 else "were"
            self._say(
                f"{counted(self._settled_before, 'row')} {were} settled by an earlier run, according to the journal."
            )
        if self._fresh:
            rate = self._fresh / max(seconds, 0.001)
            self._say(f"{counted(self._fresh, 'row')} in {seconds:.1f} s, {rate:.0f} a second.")
        if not sent:
            self._say("Nothing was sent.")
        elif not self._fresh:
            self._say(f"{counted(sent, 'row')} had begun to leave, none was answered.")
        if report.paid:
            self._say("Paid " + ", ".join(f"{amount:,f} {currency}" for currency, amount in report.paid.items()))
        if report.pending:
            self._say(f"{counted(report.pending, 'row')} {'is' if report.pending == 1 else 'are'} pending.")
        if report.unknown:
            unknown = f"{counted(report.unknown, 'row')} {'is' if report.unknown == 1 else 'are'} unknown"
            self._say(
                f"{unknown}: run it again within 23 hours to ask again under the same keys,"
                " or later to have them looked up; `anton payouts settle` does so without the file."
                if ended is None
                else f"{unknown}; the API remembers their keys for 23 hours."
            )
        if isinstance(ended, AuthenticationError):
            self._say(
                f"Stopped: the credentials were refused ({ended}). Check ANTON_CLIENT_ID, ANTON_CLIENT_SECRET and the"
                " DPoP key, then run the same command again."
            )
        elif ended is not None:
            self._say(f"Stopped: {str(ended).removesuffix('.')}.")

    def warn(self, sentence: str) -> None:
        """Say something that is no error but hardly what was meant."""
        self._say(f"Warning: {sentence}")

    def _summary(self) -> str:
        rate = self._counts.total() / max(time.monotonic() - self._began, 0.001)
        counts = ", ".join(f"{count} {name}" for name, count in self._counts.items())
        return f"{counts}, {rate:.0f}/s"

    def _say(self, line: str) -> None:
        self._progress.console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def _place(result: Result) -> str:
    return f"line {result.line}, row {result.row_id},"
