"""What a person sees of a payout run, on standard error: a progress bar on a terminal, occasional lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from anton_async.bulk import Accepted, Rejected, Report, Result
from anton_async.errors import AntonError, printable

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
        self._fresh = 0
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
        self._progress.update(self._task, advance=1, counts=self._summary())
        if not self._console.is_terminal and time.monotonic() - self._spoke >= _PAUSE:
            self._spoke = time.monotonic()
            self._say(f"{self._counts.total()} of {self._rows} rows: {self._summary()}")

    def conclude(self, report: Report, ended: AntonError | None) -> None:
        """Stop following, and say how it ended."""
        self._progress.stop()
        fresh, known = self._fresh, self._counts.total() - self._fresh
        seconds = time.monotonic() - self._began
        if known:
            self._say(f"{known} rows were settled by an earlier run, according to the journal.")
        self._say(
            f"{fresh} rows in {seconds:.1f} s, {fresh / max(seconds, 0.001):.0f} a second."
            if fresh
            else "Nothing was sent."
        )
        if report.paid:
            self._say("Paid " + ", ".join(f"{amount:,f} {currency}" for currency, amount in report.paid.items()))
        if report.unknown:
            self._say(
                f"{report.unknown} rows are unknown: run it again within 23 hours to ask again under the same keys."
            )
        if report.pending:
            self._say(f"{report.pending} rows are pending: run it again with the same journal.")
        if ended is not None:
            self._say(f"Stopped: {ended}")

    def _summary(self) -> str:
        rate = self._counts.total() / max(time.monotonic() - self._began, 0.001)
        counts = ", ".join(f"{count} {name}" for name, count in self._counts.items())
        return f"{counts}, {rate:.0f}/s"

    def _say(self, line: str) -> None:
        self._progress.console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def _place(result: Result) -> str:
    return f"line {result.line}, row {result.row_id},"
