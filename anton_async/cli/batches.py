"""`anton batches run`: a file as one of the API's own batches, with its summary shown before anything is paid."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import click

from anton_async.bulk.report import counted
from anton_async.bulk.report_file import check_apart, check_place, written
from anton_async.cli.payroll import EXIT_REJECTED, EXIT_STOPPED, EXIT_UNKNOWN, EXIT_USAGE
from anton_async.client import AntonClient
from anton_async.errors import printable
from anton_async.models import Batch, BatchFindings

_NOT_PAID = frozenset({"failed", "skipped"})
_RESULT_COLUMNS = ("row", "status", "payout_id", "beneficiary_id", "instrument_id", "error", "skip_reason")


async def run_batch(
    anton: AntonClient,
    file: Path,
    *,
    yes: bool = False,
    source_currency: str | None = None,
    results_path: Path | None = None,
    again: bool = False,
    strict: bool = False,
) -> int:
    """Pay a file as a batch, ask before it is confirmed, and end with the closing line on standard output.

    Args:
        anton: an open client.
        file: in the layout of the batch template.
        yes: confirm without asking.
        source_currency: as in `batches.run`.
        results_path: where to write a CSV with what became of each row.
        again: as in `batches.run`.
        strict: whether rows that were not paid make the exit code 1.

    Returns:
        The exit code: 0 done, 1 rows not paid with `strict`, 2 the file failed validation or the batch failed, 3 rows
        whose end is not known, 75 not confirmed.
    """
    state = file.with_name(f"{file.name}.batch.json")
    kept = {"the input": file, "the state beside it": state, "its draft": state.with_name(f"{state.name}.new")}
    check_apart(kept, {"--results": results_path})
    if results_path is not None:
        check_place(results_path)

    def decide(batch: Batch, findings: BatchFindings) -> bool:
        _show(batch, findings)
        return yes or (bool(batch.valid_rows) and _ask())

    batch = await anton.batches.run(file, confirm=decide, source_currency=source_currency, again=again)
    if batch.status == "validated":
        _tell(f"Nothing was paid: the batch {batch.id} waits to be confirmed. Run the same line again to go on.")
        return EXIT_STOPPED
    if batch.status == "validation_failed":
        _show(batch, await anton.batches.list_errors(batch.id))
    _tell(f"The batch {batch.id} is {batch.status}.")
    if batch.status == "failed":
        for line in _problems(await anton.batches.list_errors(batch.id)):
            _tell(line)
    rows = accepted = unknown = 0
    with written(results_path) as out:  # without a path into memory: a batch has at most 32 MiB
        table = csv.writer(out)
        table.writerow(_RESULT_COLUMNS)
        async for result in anton.batches.list_results(batch.id, limit=100):
            rows += 1
            accepted += result.payout_id is not None
            unknown += result.payout_id is None and result.status not in _NOT_PAID
            table.writerow([getattr(result, name) for name in _RESULT_COLUMNS])
            if result.payout_id is None:
                _tell(f"row {result.row} {result.status}: {result.error or result.skip_reason or 'no reason given'}")
    rows = max(rows, batch.total_rows or 0)
    click.echo(f"rows {rows} | accepted {accepted} | rejected {rows - accepted - unknown} | unknown {unknown}")
    if unknown:
        return EXIT_UNKNOWN
    if batch.status not in {"completed", "partial"}:
        return EXIT_USAGE
    return EXIT_REJECTED if strict and accepted < rows else 0


def _ask() -> bool:
    try:
        return click.confirm("Confirm and pay?", err=True)
    except click.Abort:
        _tell("\nThere was no answer: run it on a terminal, or confirm with --yes.")
        return False


def _show(batch: Batch, findings: BatchFindings) -> None:
    for line in _lines(batch, findings):
        _tell(line)


def _lines(batch: Batch, findings: BatchFindings) -> Iterator[str]:
    yield f"{batch.file_name} is the batch {batch.id}, {batch.status}."
    yield f"{counted(batch.total_rows or 0, 'row')}: {batch.valid_rows or 0} valid, {batch.invalid_rows or 0} invalid."
    yield from _problems(findings)
    if batch.summary is None:
        return
    for method, count in sorted((batch.summary.methods or {}).items()):
        yield f"{method}: {counted(count, 'row')}"
    if batch.summary.new_beneficiaries:
        yield f"New beneficiaries: {batch.summary.new_beneficiaries}."
    for currency, check in sorted((batch.summary.balance_check or {}).items()):
        verdict = "enough" if check.sufficient else "NOT ENOUGH"
        yield f"{currency}: needs about {check.estimated_debit}, {check.available} available: {verdict}."


def _problems(findings: BatchFindings) -> Iterator[str]:
    for error in findings.errors or []:
        yield f"row {error.row}{f', {error.field_}' if error.field_ else ''}: {error.message}"
    for warning in findings.warnings or []:
        yield f"row {warning.row}, warning: {warning.message}"


def _tell(line: str) -> None:
    click.echo(printable(line, 2000), err=True)
