"""When a run has gone wrong often enough to end it: rows that are not sent today can be mended or paid tomorrow."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from anton_async.arguments import check_count
from anton_async.bulk.report import counted
from anton_async.bulk.results import Rejected, Result, Unknown


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
            return f"Row {result.row_id} on line {result.line} was rejected with {result.code}, which ends the run"
        if self._count == self._rule.max_failures:
            return f"{counted(self._count, 'row')} failed in this run, which is as many as max_failures allows"
        return None
