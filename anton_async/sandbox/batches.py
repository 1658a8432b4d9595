"""Batches: template, upload, list, retrieve, confirm, cancel, and what became of each row.

    uploaded -> validating -> validated -> confirmed -> processing -> completed | partial | failed
                    |
                    +-> validation_failed | failed       (before processing: -> cancelled)

A worker on the timeline takes the steps; a validated batch can be confirmed within 24 hours.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import cast

from anton_async.sandbox.batch_files import Row, check_header, read_rows, template_lines
from anton_async.sandbox.batch_orders import BatchOrders, Estimate
from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.errors import Answer, Refusal, not_found
from anton_async.sandbox.forms import too_large
from anton_async.sandbox.merchant import BatchEntry, Merchant, RowResult
from anton_async.sandbox.presenter import Presenter, wrapped
from anton_async.sandbox.pricing import written
from anton_async.sandbox.records import Batch, new_id
from anton_async.sandbox.tables import TableError, read_table, write_csv, write_xlsx

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MAX_FILE_BYTES = 32 * 1024 * 1024
_LIFE = timedelta(hours=24)
_USER = "usr_sandbox"
_ALIVE = frozenset({"uploaded", "validating", "validated", "confirmed", "processing"})
_CANCELLABLE = frozenset({"uploaded", "validating", "validated", "validation_failed", "confirmed"})
_VALIDATING, _VALIDATED, _PROCESSING, _ENDED = 0.1, 0.2, 0.1, 0.2  # shares of the pace, each after the one before


class Batches:
    """The handlers of `/v1/batches`."""

    def __init__(self, merchant: Merchant, orders: BatchOrders, presenter: Presenter, *, pace: float) -> None:
        self._merchant = merchant
        self._orders = orders
        self._presenter = presenter
        self._pace = pace

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation id."""
        return {
            "downloadBatchTemplate": self.download_template,
            "uploadBatch": self.upload,
            "listBatches": self.list_all,
            "getBatch": self.retrieve,
            "confirmBatch": self.confirm,
            "cancelBatch": self.cancel,
            "listBatchPayouts": self.list_payouts,
            "listBatchBeneficiaries": self.list_beneficiaries,
            "listBatchErrors": self.list_errors,
            "listBatchResults": self.list_results,
        }

    def download_template(self, call: Call) -> Answer:
        """Hand out the layout with a sample row, as XLSX unless CSV is asked for."""
        kind = call.text("format") or "xlsx"
        content = write_csv(template_lines()) if kind == "csv" else write_xlsx(template_lines())
        headers = {"Content-Disposition": f'attachment; filename="batch-template.{kind}"'}
        return Answer(200, content, headers, content_type="text/csv" if kind == "csv" else _XLSX)

    def upload(self, call: Call) -> Answer:
        """Take a file; a worker validates it."""
        file = call.form.file()
        name = file.file_name or ""
        kind = name.lower().rpartition(".")[2]
        if kind not in {"csv", "xlsx"}:
            raise Refusal(400, "invalid_file_format", "the file must be a .csv or .xlsx file")
        if len(file.content) > _MAX_FILE_BYTES:
            raise too_large(_MAX_FILE_BYTES)
        digest = hashlib.sha256(file.content).hexdigest()
        announced = call.form.text("file_hash")
        if announced and announced.lower() != digest:
            raise Refusal(400, "file_hash_mismatch", "file_hash is not the SHA-256 of the file that arrived")
        if any(entry.digest == digest and entry.shown.status in _ALIVE for entry in self._merchant.batches):
            raise Refusal(409, "duplicate_file", "a batch with this file is not finished yet")
        now = self._merchant.now()
        batch = Batch(
            id=new_id("bat"),
            merchant_id=self._merchant.id,
            uploaded_by=_USER,
            status="uploaded",
            file_name=name,
            file_format=kind,
            file_size=len(file.content),
            created_at=now,
            updated_at=now,
        )
        entry = BatchEntry(shown=batch, digest=digest, content=file.content)
        self._merchant.batches.add(entry)
        told: dict[str, object] = {"uploaded_at": now, "uploaded_by": _USER, "file_size": batch.file_size}
        self._merchant.events.record("batch.uploaded", {**_told(batch, "id", "merchant_id", "status"), **told})
        self._after(_VALIDATING, entry, self._start_validating)
        return self._presenter.one(batch, 201)

    def list_all(self, call: Call) -> Answer:
        """List batches, newest first."""
        status = call.text("status")
        after, before = call.moment("created_after"), call.moment("created_before")
        entries, cursor = self._merchant.batches.page(
            limit=call.limit,
            cursor=call.text("cursor"),
            keep=lambda entry: (
                (status is None or entry.shown.status == status)
                and (after is None or entry.shown.created_at >= after)
                and (before is None or entry.shown.created_at <= before)
            ),
        )
        return self._presenter.page([entry.shown for entry in entries], cursor)

    def retrieve(self, call: Call) -> Answer:
        """Show one batch."""
        return self._presenter.one(self._entry(call.id).shown)

    def confirm(self, call: Call) -> Answer:
        """Release a validated batch; the live balances have to cover it."""
        entry = self._entry(call.id)
        batch, now = entry.shown, self._merchant.now()
        if batch.status != "validated":
            raise Refusal(409, "batch_not_validated", f"the batch is {batch.status}")
        if batch.expires_at is not None and batch.expires_at <= now:
            raise Refusal(409, "batch_confirmation_expired", "the time to confirm is over; upload the file again")
        currency = call.body.get("source_currency")
        default = None if currency is None else str(currency)
        self._orders.refresh()
        estimate = self._orders.estimate(_rows(entry), default)
        for debited, amount in estimate.debits.items():
            account = self._merchant.ledger.account(debited)
            if account is None or account.available < amount:
                raise Refusal(422, "insufficient_balance", f"the balance in {debited} does not cover the batch")
        batch.source_currency = default
        batch.status, batch.confirmed_at, batch.confirmed_by, batch.updated_at = "confirmed", now, _USER, now
        self._after(_PROCESSING, entry, self._process)
        return self._presenter.one(batch)

    def cancel(self, call: Call) -> Answer:
        """Cancel a batch that is not processed yet."""
        batch, now = self._entry(call.id).shown, self._merchant.now()
        if batch.status not in _CANCELLABLE:
            raise Refusal(409, "batch_not_cancellable", f"a batch in status {batch.status} cannot be cancelled")
        batch.status, batch.cancelled_at, batch.cancelled_by, batch.updated_at = "cancelled", now, _USER, now
        return self._presenter.one(batch)

    def list_payouts(self, call: Call) -> Answer:
        """List the payouts of a batch in the order of the file's rows."""
        batch_id = self._entry(call.id).id
        entries, cursor = self._merchant.payouts.page(
            limit=call.limit,
            cursor=call.text("cursor"),
            keep=lambda entry: entry.shown.batch_id == batch_id,
            newest_first=False,
        )
        return self._presenter.page([entry.shown for entry in entries], cursor)

    def list_beneficiaries(self, call: Call) -> Answer:
        """List the beneficiaries that a batch created or was the first to name."""
        batch_id = self._entry(call.id).id
        entries, cursor = self._merchant.beneficiaries.page(
            limit=call.limit,
            cursor=call.text("cursor"),
            keep=lambda entry: not entry.deleted and entry.source_batch_id == batch_id,
            newest_first=False,
        )
        return self._presenter.page([entry.shown for entry in entries], cursor)

    def list_errors(self, call: Call) -> Answer:
        """List what validation found, by row."""
        entry = self._entry(call.id)
        return wrapped({"errors": entry.errors, "warnings": entry.warnings})

    def list_results(self, call: Call) -> Answer:
        """List the outcome of every row in the order of the file."""
        results, cursor = self._entry(call.id).results.page(
            limit=call.limit, cursor=call.text("cursor"), keep=lambda _: True, newest_first=False
        )
        return self._presenter.page([result.shown for result in results], cursor)

    def _start_validating(self, entry: BatchEntry) -> None:
        if self._enter(entry, "uploaded", "validating"):
            self._after(_VALIDATED - _VALIDATING, entry, self._validate)

    def _validate(self, entry: BatchEntry) -> None:
        batch = entry.shown
        if batch.status != "validating":
            return
        try:
            table = read_table(entry.content, batch.file_format)
            check_header(table)
        except TableError as error:
            entry.errors = [{"row": 1, "field": "", "message": str(error)}]
            batch.total_rows = batch.valid_rows = batch.invalid_rows = 0
            self._end(entry, "failed")
            return
        finally:
            entry.content = b""
        self._orders.refresh()
        reading = read_rows(table)
        entry.errors = reading.errors
        entry.rows = list[object](self._matched(entry, reading.rows))
        self._summarise(entry, [number for number, _ in table.rows])
        batch.status = "validated" if entry.rows else "validation_failed"
        batch.updated_at = self._merchant.now()
        batch.expires_at = batch.updated_at + _LIFE if entry.rows else None

    def _matched(self, entry: BatchEntry, rows: list[Row]) -> list[Row]:
        """Return the rows that can be paid; notes errors and warnings of the others."""
        good: list[Row] = []
        introduced: set[str] = set()
        seen: set[tuple[object, ...]] = set()
        for row in rows:
            problem = self._orders.problem(row, introduced)
            if problem is not None:
                entry.errors.append({"row": row.number, "field": problem[0], "message": problem[1]})
                continue
            good.append(row)
            introduced.add(row.external_ref)
            sameness = (row.external_ref, row.amount, row.dest_currency, row.reference)
            if sameness in seen:
                entry.warnings.append(_warning(row, "duplicate_in_batch", "another row orders the same"))
            seen.add(sameness)
            if self._orders.blocked(row):
                message = "the payout would be over the velocity limit of its balance"
                entry.warnings.append(_warning(row, "velocity_block_predicted", message))
            if self._orders.renamed(row):
                message = "display_name would change; the beneficiary keeps its name"
                entry.warnings.append(_warning(row, "beneficiary_name_change", message))
        entry.errors.sort(key=lambda error: cast("int", error["row"]))
        return good

    def _summarise(self, entry: BatchEntry, numbers: list[int]) -> None:
        batch, rows = entry.shown, _rows(entry)
        good = {row.number for row in rows}
        batch.total_rows, batch.valid_rows, batch.invalid_rows = len(numbers), len(rows), len(numbers) - len(rows)
        batch.warning_rows = len({warning["row"] for warning in entry.warnings})
        batch.processed_rows = 0
        batch.summary = self._summary(self._orders.estimate(rows, None))
        currencies = {row.dest_currency for row in rows}
        if len(currencies) == 1:
            batch.total_currency = currencies.pop()
            prices = [self._orders.priced(row, None) for row in rows]
            total = sum((priced.dest for priced in prices if priced is not None), Decimal(0))
            batch.total_amount = written(total, batch.total_currency)
        for number in numbers:
            shown: dict[str, object] = {"row": number, "status": "pending"}
            if number not in good:
                shown = {"row": number, "status": "skipped", "skip_reason": "invalid"}
            entry.results.add(RowResult(f"{batch.id}:{number}", shown))
        batch.skipped_rows = batch.invalid_rows

    def _summary(self, estimate: Estimate) -> dict[str, object]:
        now = self._merchant.now()
        debits: list[dict[str, object]] = []
        check: dict[str, object] = {}
        for currency, amount in estimate.debits.items():
            account = self._merchant.ledger.account(currency)
            available = Decimal(0) if account is None else account.available
            debit: dict[str, object] = {
                "currency": currency,
                "amount": written(amount, currency),
                "fx_rows": estimate.fx_rows[currency],
                "same_currency_rows": estimate.plain_rows[currency],
                "rate_timestamp": now,
            }
            debits.append(debit)
            check[currency] = {
                "available": written(available, currency),
                "estimated_debit": written(amount, currency),
                "sufficient": available >= amount,
            }
        return {
            "new_beneficiaries": estimate.new,
            "matched_beneficiaries": estimate.matched_rows,
            "existing_beneficiaries": estimate.matched,
            "methods": dict(estimate.methods),
            "estimated_debits": debits,
            "fx_markup_bps": 0,
            "balance_check": check,
        }

    def _process(self, entry: BatchEntry) -> None:
        batch = entry.shown
        if not self._enter(entry, "confirmed", "processing"):
            return
        batch.processing_started_at = self._merchant.now()
        self._orders.refresh()
        for row in _rows(entry):
            result = entry.results.get(f"{batch.id}:{row.number}")
            if result is not None:
                result.shown = self._orders.carry_out(row, batch.id, batch.source_currency)
            batch.current_row_index = row.number
            batch.processed_rows = (batch.processed_rows or 0) + 1
        self._after(_ENDED, entry, self._complete)

    def _complete(self, entry: BatchEntry) -> None:
        paid = sum(result.shown["status"] == "success" for result in entry.results)
        rows = len(entry.rows)
        self._end(entry, "completed" if paid == rows else "partial" if paid else "failed")

    def _end(self, entry: BatchEntry, status: str) -> None:
        batch = entry.shown
        batch.status, batch.completed_at = status, self._merchant.now()
        batch.updated_at = batch.completed_at
        names = ("total_rows", "processed_rows", "valid_rows", "invalid_rows", "skipped_rows")
        told = _told(batch, "id", "merchant_id", "status", *names, "created_at", "completed_at")
        if status == "failed":
            failures = [{"row": one.shown["row"], "field": "", "message": one.shown["error"]} for one in _failed(entry)]
            told["errors"] = [*entry.errors, *failures]
        self._merchant.events.record("batch.failed" if status == "failed" else "batch.completed", told)

    def _enter(self, entry: BatchEntry, before: str, status: str) -> bool:
        if entry.shown.status != before:
            return False
        entry.shown.status, entry.shown.updated_at = status, self._merchant.now()
        return True

    def _after(self, share: float, entry: BatchEntry, step: Callable[[BatchEntry], None]) -> None:
        self._merchant.timeline.after(share * self._pace, functools.partial(self._take, entry, step))

    def _take(self, entry: BatchEntry, step: Callable[[BatchEntry], None]) -> None:
        # A batch that a reset took away is nobody's.
        if self._merchant.batches.get(entry.id) is entry:
            step(entry)

    def _entry(self, batch_id: str) -> BatchEntry:
        entry = self._merchant.batches.get(batch_id)
        if entry is None:
            raise not_found("batch")
        return entry


def _rows(entry: BatchEntry) -> list[Row]:
    return cast("list[Row]", entry.rows)


def _failed(entry: BatchEntry) -> list[RowResult]:
    return [result for result in entry.results if result.shown["status"] == "failed"]


def _warning(row: Row, kind: str, message: str) -> dict[str, object]:
    return {"row": row.number, "type": kind, "message": message}


def _told(batch: Batch, *names: str) -> dict[str, object]:
    told = {name: value for name in names if (value := getattr(batch, name)) is not None}
    return {**told, "file_name": batch.file_name, "format": batch.file_format}
