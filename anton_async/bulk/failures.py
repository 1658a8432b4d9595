"""When a run has gone wrong often enough to end it: rows that are not sent today can be mended or paid tomorrow."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import get_args

from anton_async.arguments import check_count
from anton_async.bulk.report import counted
from anton_async.bulk.results import Rejected, Result, Unknown
from anton_async.models import ErrorCode

KNOWN_CODES: frozenset[str] = frozenset({*get_args(ErrorCode), "repeated_row_id"})
"""What a rejected row may have as its code, as far as this version knows."""

_WHAT_NOW = (
    "rejected rows stay rejected. Run it again with the same journal, the input unchanged, to pay the others; put"
    " mended rows into a file and a journal of their own"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRule:
    """What ends a run early.

    Attributes:
        max_failures: how many rows may be rejected or left unknown in one run; with this many it ends. None for any
            number.
        codes: error codes of which the first ends it, such as `insufficient_balance`.
    """

    max_failures: int | None = None
    codes: Collection[str] = ()

    def __post_init__(self) -> None:
        if self.max_failures is not None:
            check_count("max_failures", self.max_failures, at_least=1)


class Failures:
    """Counts what goes wrong in one run.

    Args:
        rule: when that is enough.
    """

    def __init__(self, rule: StopRule) -> None:
        self._rule = rule
        self._count = 0

    def enough(self, result: Result) -> str | None:
        """Count `result`; return why the run should end now, None when it should not."""
        if result.from_journal or not isinstance(result, Rejected | Unknown):
            return None
        self._count += 1
        if isinstance(result, Rejected) and result.code in self._rule.codes:
            told = f"Row {result.row_id} on line {result.line} was rejected with {result.code}, which ends the run"
            return f"{told}: {_WHAT_NOW}."
        if self._count == self._rule.max_failures:
            told = f"{counted(self._count, 'row')} failed in this run, which is as many as max_failures allows"
            return f"{told}: {_WHAT_NOW}."
        return None
