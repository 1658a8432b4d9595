"""A small service over Anton: pay, follow by webhook, list, and run a payroll in the background.

Run it from this folder, with the variables that `anton sandbox` prints:

    ANTON_WEBHOOK_SECRETS=whsec_... uvicorn app:app
"""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import fastapi
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from anton_async import AntonClient, AntonError
from anton_async.bulk import PayoutJob, Report
from anton_async.integrations.fastapi import (
    AntonDep,
    IdempotencyKeyDep,
    add_error_handlers,
    anton_lifespan,
    webhook_route,
)
from anton_async.models import PayoutCompletedEvent, PayoutCreatedEvent, PayoutFailedEvent
from anton_async.webhooks import Event, WebhookRouter, WebhookVerifier

logger = logging.getLogger(__name__)


class Order(BaseModel):
    """A payment as callers ask for it: euros to somebody Anton knows."""

    beneficiary_id: str
    instrument_id: str
    amount: Decimal
    reference: str


class PayrollRow(Order):
    """One row of a payroll; `row_id` is what makes it the same row when the payroll is sent again."""

    row_id: str


class Payment(BaseModel):
    """A payment as callers see it."""

    id: str
    status: str


class Payments(BaseModel):
    """One page of payments."""

    payments: list[Payment]
    next_cursor: str | None


class Progress(BaseModel):
    """How far a payroll is."""

    running: bool
    rows: int
    accepted: int
    rejected: int
    unknown: int


class Payroll:
    """A payout job with a task of its own; the journal makes it safe to start again after anything."""

    def __init__(self, anton: AntonClient, journal: Path, rows: Sequence[PayrollRow]) -> None:
        self._job = PayoutJob(anton, journal=journal)
        self._report: Report | None = None
        self._task = asyncio.create_task(self._run([{"row_id": row.row_id, **payout(row)} for row in rows]))

    @property
    def progress(self) -> Progress:
        """Return how far it is; counts are kept when it has ended."""
        report = self._report
        return Progress(
            running=not self._task.done(),
            rows=report.rows if report else 0,
            accepted=report.accepted if report else 0,
            rejected=report.rejected if report else 0,
            unknown=report.unknown if report else 0,
        )

    async def finish(self) -> None:
        """Let the payouts under way be answered, send no others, and wait for that."""
        if not self._task.done():
            self._job.stop()
        await asyncio.wait({self._task})

    async def _run(self, rows: Sequence[dict[str, object]]) -> None:
        try:
            async with self._job as job:
                async for _ in job.run(rows):
                    self._report = job.report()
        except AntonError:
            # The journal knows what was sent: putting the same payroll again goes on from there.
            logger.exception("a payroll stopped early")


def payout(order: Order) -> dict[str, object]:
    """Return what Anton is asked for."""
    return {
        "beneficiary_id": order.beneficiary_id,
        "instrument_id": order.instrument_id,
        "source_amount": order.amount,
        "source_currency": "EUR",
        "dest_amount": order.amount,
        "dest_currency": "EUR",
        "method": "sepa",
        "purpose": "salary",
        "reference": order.reference,
    }


statuses: dict[str, str] = {}  # a table of your database, by payout
payrolls: dict[str, Payroll] = {}


@asynccontextmanager
async def background(_: FastAPI) -> AsyncGenerator[None, None]:
    """End the payrolls under way before the client is closed."""
    yield
    for payroll in payrolls.values():
        await payroll.finish()
    payrolls.clear()


app = FastAPI(title="Payouts", lifespan=anton_lifespan(inner=background))
add_error_handlers(app)


@app.post("/payments", status_code=202)
async def pay(order: Order, anton: AntonDep, key: IdempotencyKeyDep) -> Payment:
    """Pay somebody; the same key again answers the same."""
    made = await anton.payouts.create(
        beneficiary_id=order.beneficiary_id,
        instrument_id=order.instrument_id,
        source_amount=order.amount,
        source_currency="EUR",
        dest_amount=order.amount,
        dest_currency="EUR",
        method="sepa",
        purpose="salary",
        reference=order.reference,
        idempotency_key=key,
    )
    return Payment(id=made.id, status=statuses.setdefault(made.id, made.status))


@app.get("/payments")
async def list_payments(anton: AntonDep, cursor: str | None = None) -> Payments:
    """List payments, the newest first, from Anton itself."""
    page = await anton.payouts.list(limit=20, cursor=cursor)
    found = [Payment(id=each.id, status=each.status) for each in page.data]
    return Payments(payments=found, next_cursor=page.next_cursor)


@app.get("/payments/{id}")
async def follow(id: str) -> Payment:
    """Say how far a payment is, as the webhooks told."""
    if id not in statuses:
        raise HTTPException(404)
    return Payment(id=id, status=statuses[id])


@app.put("/payrolls/{name}", status_code=202)
async def start_payroll(
    name: Annotated[str, fastapi.Path(pattern="^[a-z0-9-]{1,40}$")], rows: list[PayrollRow], anton: AntonDep
) -> Progress:
    """Pay many in the background; put the same payroll again to resume it after an interruption."""
    if name not in payrolls or not payrolls[name].progress.running:
        journal = Path(os.environ.get("PAYROLL_DIRECTORY", ".")) / f"{name}.db"
        payrolls[name] = Payroll(anton, journal, rows)
    return payrolls[name].progress


@app.get("/payrolls/{name}")
async def follow_payroll(name: str) -> Progress:
    """Say how far a payroll is."""
    if name not in payrolls:
        raise HTTPException(404)
    return payrolls[name].progress


async def other(event: Event) -> None:
    """Leave out what this service has no use for."""
    del event


webhooks = WebhookRouter(WebhookVerifier(os.environ["ANTON_WEBHOOK_SECRETS"].split(",")), fallback=other)


@webhooks.on("payout.created")
async def created(event: PayoutCreatedEvent) -> None:
    """Note a payment, unless a later event was faster."""
    statuses.setdefault(event.data.id, event.data.status)


@webhooks.on("payout.completed")
async def completed(event: PayoutCompletedEvent) -> None:
    """Note that a payment arrived."""
    statuses[event.data.id] = "completed"


@webhooks.on("payout.failed")
async def failed(event: PayoutFailedEvent) -> None:
    """Note that a payment failed."""
    statuses[event.data.id] = "failed"


app.include_router(webhook_route(webhooks))
