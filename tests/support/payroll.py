"""Payees of a small sandbox, rows that pay them, and ways to look at what a job has left behind."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from anton_async import AntonClient
from anton_async.bulk import PayoutJob, Result
from anton_async.bulk.run import Rows
from anton_async.sandbox import Sandbox, SeenRequest

CLIENT_ID = "ant_oc_test_" + "5" * 32

SEED: Mapping[str, object] = {
    "balances": {"USD": "1000000.00", "EUR": "1000000.00"},
    "beneficiaries": [{"id": "ben_A"}, {"id": "ben_GONE", "status": "archived"}],
    "instruments": [
        {"id": "ins_USD", "beneficiary_id": "ben_A", "currency": "USD"},
        {"id": "ins_EUR", "beneficiary_id": "ben_A", "currency": "EUR", "method": "iban"},
        {"id": "ins_OFF", "beneficiary_id": "ben_A", "currency": "USD", "status": "disabled"},
        {"id": "ins_GONE", "beneficiary_id": "ben_GONE", "currency": "USD"},
    ],
}

FIELDS = (
    "beneficiary_id",
    "instrument_id",
    "source_amount",
    "dest_amount",
    "dest_currency",
    "method",
    "purpose",
    "reference",
)


def row(number: int, **changes: object) -> dict[str, object]:
    """Return a row that is right, but for `changes`."""
    return {
        "row_id": f"row-{number}",
        "beneficiary_id": "ben_A",
        "instrument_id": "ins_USD",
        "source_amount": "10.00",
        "dest_amount": "10.00",
        "dest_currency": "USD",
        "method": "ach",
        "purpose": "salary",
        "reference": f"S-{number}",
        **changes,
    }


def rows(count: int) -> list[dict[str, object]]:
    """Return `count` rows that are right."""
    return [row(number) for number in range(1, count + 1)]


async def pay(anton: AntonClient, journal: Path, given: Rows, *, concurrency: int = 8) -> dict[str, Result]:
    """Run a whole job and return its results by row id; a repeated id keeps its last."""
    async with PayoutJob(anton, journal=journal, concurrency=concurrency) as job:
        return {result.row_id: result async for result in job.run(given)}


def states(journal: Path) -> Counter[str]:
    """Return how many rows the journal has in each state."""
    return Counter(str(state) for (state,) in look(journal, "SELECT state FROM row"))


def look(journal: Path, query: str, *values: object) -> list[tuple[object, ...]]:
    """Ask the journal's file directly, as another process would."""
    connection = sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.close()


def alter(journal: Path, statement: str, *values: object) -> None:
    """Change the journal behind the job's back."""
    connection = sqlite3.connect(journal)
    try:
        with connection:
            connection.execute(statement, values)
    finally:
        connection.close()


def payout_requests(sandbox: Sandbox) -> list[SeenRequest]:
    """Return the create calls that reached the sandbox."""
    return [request for request in sandbox.requests if request.operation_id == "createPayout"]
