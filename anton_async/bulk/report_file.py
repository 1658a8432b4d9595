"""What a job leaves on disk for people and other programs: a report, its accepted rows, its rejected rows.

Each file appears whole or not at all, and only its owner may read it.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import IO

from anton_async.bulk.report import Report
from anton_async.bulk.results import Accepted, Rejected, Unknown
from anton_async.bulk.rows import PayoutRow
from anton_async.errors import ConfigurationError

_COLUMNS: tuple[str, ...] = ("line", "row_id", "result", "field", "code", "reason", "idempotency_key")
_REPEATED = "repeated_row_id"
_ACCEPTED: tuple[str, ...] = ("line", "row_id", "payout_id", "status", "idempotency_key")


def check_place(path: Path) -> None:
    """See whether a file can be written at `path`.

    Raises:
        ConfigurationError: its directory is missing or cannot be written to.
    """
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigurationError(f"The report's directory {path.parent} does not exist or is not writable.")


def check_apart(kept: Mapping[str, Path], outputs: Mapping[str, Path | None]) -> None:
    """See whether every file has a place of its own, whatever links lead to it.

    Args:
        kept: files that no output may replace, by what messages call them.
        outputs: files that are to be written, by their options; None for one that is not wanted.

    Raises:
        ConfigurationError: two are the same file.
    """
    drafts = {f"the draft of {name}": _draft(path) for name, path in outputs.items() if path is not None}
    wanted = {name: path for name, path in outputs.items() if path is not None}
    for (name, path), (other, place) in itertools.combinations({**kept, **wanted, **drafts}.items(), 2):
        if _is_same(path, place):
            raise ConfigurationError(f"{other} and {name} are the same file, {path}: give each one of its own.")


def _draft(path: Path) -> Path:
    """Return how a file is called until it is whole."""
    return path.with_name(f"{path.name}.new")


def _is_same(one: Path, other: Path) -> bool:
    try:
        return os.path.realpath(one) == os.path.realpath(other) or one.samefile(other)
    except OSError:
        return False  # one of them is not there yet


@contextmanager
def written(path: Path | None) -> Generator[IO[str], None, None]:
    """Give a text file that appears at `path` after the block; None gives one that leads nowhere."""
    if path is None:
        yield io.StringIO()
        return
    draft = _draft(path)
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        yield file
    draft.replace(path)


async def write_accepted(path: Path, accepted: AsyncIterator[Accepted]) -> None:
    """Write a CSV of accepted rows with the ids of their payouts."""
    with written(path) as file:
        table = csv.DictWriter(file, _ACCEPTED)
        table.writeheader()
        async for row in accepted:
            table.writerow({name: getattr(row, name) for name in _ACCEPTED})


async def write_rejected(
    path: Path, columns: Sequence[str], rows: Iterator[PayoutRow], problems: AsyncIterator[Rejected | Unknown]
) -> int:
    """Write the rejected rows as their file has them, ready to be mended and run again with a journal of their own.

    A row that repeats the `row_id` of another is left out: under a journal of its own it would be paid once more.

    Args:
        path: where to.
        columns: the file's columns; none writes JSON Lines.
        rows: all rows of the file again.
        problems: those that need a person, in the order of the file. Unknown ones are left out: they may be paid.

    Returns:
        How many repeated rows were left out.
    """
    repeated = 0
    with written(path) as file:
        table = csv.writer(file)
        if columns:
            table.writerow(columns)
        async for problem in problems:
            row = next(row for row in rows if row.line == problem.line)
            if isinstance(problem, Unknown):
                continue
            if problem.code == _REPEATED:
                repeated += 1
            elif columns:
                table.writerow(row.source)
            else:
                file.write(f"{row.source[0]}\n")
    return repeated


class ReportFile:
    """A report on disk: `.json` has counts, sums and the rows that need a person; `.csv` has those rows.

    Args:
        path: where to write; an earlier report there is replaced.

    Raises:
        ConfigurationError: the name ends neither in `.json` nor in `.csv`, or its directory cannot be written to.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        if self._path.suffix not in {".json", ".csv"}:
            raise ConfigurationError(f"The report {self._path} must be named .json or .csv.")
        check_place(self._path)

    @contextmanager
    def writing(self, report: Report) -> Generator[Callable[[Rejected | Unknown], None], None, None]:
        """Write `report` and each problem handed to the function that this gives; then put the file in place."""
        with written(self._path) as file:
            if self._path.suffix == ".csv":
                rows = csv.DictWriter(file, _COLUMNS)
                rows.writeheader()
                yield lambda problem: rows.writerow(shown(problem))
            else:
                file.write(json.dumps(totals(report), indent=2).removesuffix("\n}") + ',\n  "problems": [')
                separators = itertools.chain(["\n    "], itertools.repeat(",\n    "))
                yield lambda problem: file.writelines((next(separators), json.dumps(shown(problem))))
                file.write("\n  ]\n}\n")


def shown(problem: Rejected | Unknown) -> dict[str, object]:
    """Return a row that needs a person as JSON can hold it."""
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


def totals(report: Report) -> dict[str, object]:
    """Return a report as JSON can hold it; amounts are decimal text."""
    return {
        "rows": report.rows,
        "accepted": report.accepted,
        "rejected": report.rejected,
        "unknown": report.unknown,
        "pending": report.pending,
        "paid": {currency: format(amount, "f") for currency, amount in report.paid.items()},
        "debited": {currency: format(amount, "f") for currency, amount in report.debited.items()},
        "rejections": report.rejections,
        "groups": [
            {name: format(value, "f") if isinstance(value, Decimal) else value for name, value in asdict(group).items()}
            for group in report.groups
        ],
    }
