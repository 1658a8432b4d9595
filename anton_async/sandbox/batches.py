"""Batches: retrieve one, list its payouts in file order, list the beneficiaries it brought in."""

from __future__ import annotations

from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.errors import Answer, not_found
from anton_async.sandbox.merchant import BatchEntry, Merchant
from anton_async.sandbox.presenter import Presenter


class Batches:
    """The handlers of `/v1/batches`."""

    def __init__(self, merchant: Merchant, presenter: Presenter) -> None:
        self._merchant = merchant
        self._presenter = presenter

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation id."""
        return {
            "getBatch": self.retrieve,
            "listBatchPayouts": self.list_payouts,
            "listBatchBeneficiaries": self.list_beneficiaries,
        }

    def retrieve(self, call: Call) -> Answer:
        """Show one batch."""
        return self._presenter.one(self._entry(call.id).shown)

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
            keep=lambda entry: entry.source_batch_id == batch_id,
            newest_first=False,
        )
        return self._presenter.page([entry.shown for entry in entries], cursor)

    def _entry(self, batch_id: str) -> BatchEntry:
        entry = self._merchant.batches.get(batch_id)
        if entry is None:
            raise not_found("batch")
        return entry
