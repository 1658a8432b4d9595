"""The books of a job: how many rows ended how, how much money that is, and a file of the rows that need a person.

`Tally` is the running count that the journal keeps; `Report` is a snapshot of it; `ReportFile` writes both to disk.
"""

from __future__ import annotations

import csv
import itertools
import json
import os
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from anton_async.bulk.entry import Entry, State
from anton_async.bulk.results import Rejected, Unknown
from anton_async.errors import ConfigurationError

_COLUMNS: tuple[str, ...] = ("line", "row_id", "result", "field", "code", "reason", "idempotency_key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Counts and sums over everything the journal knows, earlier runs included.

    Attributes:
        rows: how many rows the journal knows.
        accepted: payouts the API took.
        rejected: rows for which no payout was made.
        unknown: rows of which nobody can tell.
        pending: rows that are not settled: not sent yet, or sent and still without an answer.
        paid: what beneficiaries of accepted payouts get, by currency.
        debited: what accepted payouts take from the balances before fees, by currency.
        rejections: rejected rows by code.
    """

    rows: int
    accepted: int
    rejected: int
    unknown: int
    pending: int
    paid: Mapping[str, Decimal]
    debited: Mapping[str, Decimal]
    rejections: Mapping[str, int]

    def closing_line(self) -> str:
        """Return the one line that a payout run ends with."""
        return f"rows {self.rows} | accepted {self.accepted} | rejected {self.rejected} | unknown {self.unknown}"


class Tally:
    """The running count; the journal moves it whenever a change has become durable."""

    def __init__(self) -> None:
        self._states: Counter[State] = Counter()
        self._paid: dict[str, Decimal] = {}
        self._debited: dict[str, Decimal] = {}
        self._rejections: Counter[str] = Counter()

    def move(self, before: State | None, entry: Entry) -> None:
        """Count `entry` where it is now, and no longer where it was."""
        if before is not None:
            self._states[before] -= 1
        self._states[entry.state] += 1
        if entry.state == "ACCEPTED":
            _add(self._paid, entry.dest_currency, entry.dest_amount)
            _add(self._debited, entry.source_currency, entry.source_amount)
        if entry.state == "REJECTED":
            self._rejections[entry.code or "no code"] += 1

    def report(self) -> Report:
        """Return a snapshot."""
        return Report(
            rows=self._states.total(),
            accepted=self._states["ACCEPTED"],
            rejected=self._states["REJECTED"],
            unknown=self._states["UNKNOWN"],
            pending=self._states["PLANNED"] + self._states["SENT"],
            paid=dict(sorted(self._paid.items())),
            debited=dict(sorted(self._debited.items())),
            rejections=dict(self._rejections.most_common()),
        )


def counted(number: int, noun: str) -> str:
    """Return `number` and `noun`, in the plural unless it is one: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _add(sums: dict[str, Decimal], currency: str | None, amount: str | None) -> None:
    if currency is not None and amount is not None:
        sums[currency] = sums.get(currency, Decimal(0)) + Decimal(amount)


class ReportFile:
    """A report on disk: `.json` has counts, sums and the rows that need a person; `.csv` has those rows.

    The file appears whole or not at all, and only its owner may read it.

    Args:
        path: where to write; an earlier report there is replaced.

    Raises:
        ConfigurationError: the name ends neither in `.json` nor in `.csv`, or its directory cannot be written to.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        if self._path.suffix not in {".json", ".csv"}:
            raise ConfigurationError(f"The report {self._path} must be named .json or .csv.")
        if not os.access(self._path.parent, os.W_OK | os.X_OK):
            raise ConfigurationError(f"The report's directory {self._path.parent} does not exist or is not writable.")

    @contextmanager
    def writing(self, report: Report) -> Generator[Callable[[Rejected | Unknown], None], None, None]:
        """Write `report` and each problem handed to the function that this gives; then put the file in place."""
        draft = self._path.with_name(f"{self._path.name}.new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            if self._path.suffix == ".csv":
                rows = csv.DictWriter(file, _COLUMNS)
                rows.writeheader()
                yield lambda problem: rows.writerow(_shown(problem))
            else:
                file.write(json.dumps(_totals(report), indent=2).removesuffix("\n}") + ',\n  "problems": [')
                separators = itertools.chain(["\n    "], itertools.repeat(",\n    "))
                yield lambda problem: file.writelines((next(separators), json.dumps(_shown(problem))))
                file.write("\n  ]\n}\n")
        draft.replace(self._path)


def _shown(problem: Rejected | Unknown) -> dict[str, object]:
    rejected = problem if isinstance(problem, Rejected) else None
    return {
        "line": problem.line,
        "row_id": problem.row_id,
        "result": "rejected" if rejected else "unknown",
        "field": rejected.field if rejected else None,
        "code": rejected.code if rejected else None,
        "reason": problem.reason,
        "idempotency_key": problem.idempotency_key,
    }


def _totals(report: Report) -> dict[str, object]:
    return {
        "rows": report.rows,
        "accepted": report.accepted,
        "rejected": report.rejected,
        "unknown": report.unknown,
        "pending": report.pending,
        "paid": {currency: format(amount, "f") for currency, amount in report.paid.items()},
        "debited": {currency: format(amount, "f") for currency, amount in report.debited.items()},
        "rejections": report.rejections,
    }
