"""What is seen of a payout run, on standard error: a progress bar on a terminal, occasional lines or JSON elsewhere."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column

from anton_async.bulk import Accepted, Group, Rejected, Report, Result, Unknown
from anton_async.bulk.report import counted
from anton_async.bulk.report_file import shown, totals
from anton_async.errors import AntonError, AuthenticationError, ConnectionError, printable
from anton_async.models import Payout

_PAUSE = 5.0  # seconds between two lines where there is no terminal
_WIDE = 140  # columns from which the money has room beside the bar
_GLANCE = 0.25  # seconds between two looks at the gauges where there is one


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """What a display reads while a run goes on.

    Attributes:
        report: what the journal knows.
        quota: how many requests of the rolling minute are used up, and how many there are; None when nothing is paced.
    """

    report: Callable[[], Report]
    quota: Callable[[], tuple[int, int] | None]


class Display:
    """Follows one run.

    Args:
        rows: how many rows the input has.
        gauges: where the quota and the money are read.
        console: where to write; left out, standard error.
        as_json: write JSON objects, one a line, and no bar.
    """

    def __init__(self, rows: int, gauges: Gauges, *, console: Console | None = None, as_json: bool = False) -> None:
        self._console = console or Console(stderr=True)
        self._is_wide = self._console.width >= _WIDE
        self._rows = rows
        self._gauges = gauges
        self._as_json = as_json
        self._counts: Counter[str] = Counter(ok=0, rejected=0, unknown=0)
        self._fresh = self._settled_before = 0
        self._began = time.monotonic()
        self._spoke = self._began
        self._progress = Progress(
            MofNCompleteColumn(table_column=Column(no_wrap=True, min_width=2 * len(str(rows)) + 1)),
            BarColumn(bar_width=20 if self._is_wide else 5),
            TextColumn("{task.fields[summary]}"),
            console=self._console,
            disable=as_json or not self._console.is_terminal,
        )
        self._pause = _GLANCE if self._console.is_terminal and not as_json else _PAUSE
        self._task = self._progress.add_task("rows", total=rows, summary="")

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
            told = f"{_place(result)} rejected: {field}{result.reason} [{result.code or 'no code'}]"
            self._say(told, event="rejected", **shown(result))
        else:
            self._counts["unknown"] += 1
            told = f"{_place(result)} unknown: {result.reason} (key {result.idempotency_key})"
            self._say(told, event="unknown", **shown(result))
        self._fresh += not result.from_journal
        self._settled_before += result.from_journal and not isinstance(result, Unknown)
        self._progress.update(self._task, advance=1)

    async def tell_progress(self) -> None:
        """Tell now and then how far the run has come, also while it waits, until it is cancelled."""
        while True:
            await asyncio.sleep(self._pause)
            self._tell_progress()

    def _tell_progress(self) -> None:
        seconds = time.monotonic() - self._began
        done = self._counts.total()
        rate = self._fresh / max(seconds, 0.001)
        left = (self._rows - done) / rate if rate else None
        quota = self._gauges.quota()
        paid = self._gauges.report().paid
        parts = [
            ", ".join(f"{count} {name}" for name, count in self._counts.items()),
            *([] if left is None else [f"{_duration(left)} left"]),
            f"{rate:.0f}/s",
            *([] if quota is None else [f"quota used {quota[0]:,}/{quota[1]:,}"]),
        ]
        if self._progress.disable or self._is_wide:
            parts += [f"{amount:,f} {currency}" for currency, amount in paid.items()]
        if self._progress.disable:
            facts = {
                "done": done,
                "rows": self._rows,
                **self._counts,
                "per_second": round(rate, 1),
                "quota_used": quota and quota[0],
                "quota": quota and quota[1],
                "seconds_left": left and round(left),
                "paid": {currency: format(amount, "f") for currency, amount in paid.items()},
            }
            self._say(f"{done} of {counted(self._rows, 'row')}: {', '.join(parts)}", event="progress", **facts)
        else:
            self._progress.update(self._task, summary=", ".join(parts))

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
        if not self._progress.disable:
            self._tell_progress()
        self._progress.stop()
        if self._as_json:
            self._say("", event="end", stopped=None if ended is None else printable(str(ended)), **totals(report))
            return
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
        for group in report.groups:
            self._say(describe(group))
        if report.paid:
            self._say(
                "Payouts made: " + ", ".join(f"{amount:,f} {currency}" for currency, amount in report.paid.items())
            )
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
            advice = " Is ANTON_BASE_URL right?" if isinstance(ended.__cause__, ConnectionError) and not sent else ""
            self._say(f"Stopped: {str(ended).removesuffix('.')}.{advice}")

    def ended(self, payout: Payout, *, done: int, of: int) -> None:
        """Tell of a payout that has reached a terminal state; one that failed gets a line, others one now and then."""
        if payout.status != "completed":
            self._say(f"{payout.id} {payout.status}", event="ended", payout_id=payout.id, status=payout.status)
        if time.monotonic() - self._spoke >= _PAUSE:
            self._spoke = time.monotonic()
            self._say(f"{done} of {counted(of, 'payout')} ended.", event="following", done=done, payouts=of)

    def followed(self, statuses: Mapping[str, int], *, of: int) -> None:
        """Tell how the payouts ended."""
        told = ", ".join(f"{count:,} {status}" for status, count in sorted(statuses.items())) or "none"
        left = of - sum(statuses.values())
        still = f"; {left:,} still under way" if left else ""
        self._say(f"Of {counted(of, 'payout')}, ended: {told}{still}.", event="followed", **statuses, under_way=left)

    def warn(self, sentence: str) -> None:
        """Say something that is no error but hardly what was meant."""
        self._say(f"Warning: {sentence}")

    def note(self, sentence: str) -> None:
        """Say something that is worth knowing at the end."""
        self._say(sentence)

    def _say(self, sentence: str, /, *, event: str = "note", **facts: object) -> None:
        told = json.dumps({"event": event, **(facts or {"text": sentence})}) if self._as_json else printable(sentence)
        self._progress.console.print(told, markup=False, highlight=False, soft_wrap=True)


def describe(group: Group) -> str:
    """Return a line of the final report."""
    kind = " ".join(part for part in (group.result, group.status or group.reason, group.method, group.currency) if part)
    amount = f", {group.amount:,f}" if group.currency else ""
    return f"{kind}: {counted(group.rows, 'row')}{amount}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _place(result: Result) -> str:
    return f"line {result.line}, row {result.row_id},"
