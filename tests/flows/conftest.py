from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from anton_async import AntonClient
from anton_async.sandbox import Sandbox

PAYEE = {"id": "ben_ADA", "type": "individual", "country": "DE", "display_name": "Ada Byron"}
ACCOUNT = {"id": "ins_ADA", "beneficiary_id": "ben_ADA", "method": "iban", "currency": "EUR", "country": "DE"}
SEED: dict[str, Any] = {
    "balances": {"EUR": "1000.00", "USD": "1000.00"},
    "beneficiaries": [PAYEE],
    "instruments": [ACCOUNT],
    "batches": [{"id": "bat_ONE"}],
}
ORDER: Any = {
    "beneficiary_id": "ben_ADA",
    "instrument_id": "ins_ADA",
    "source_amount": "10.00",
    "source_currency": "EUR",
    "dest_amount": "10.00",
    "dest_currency": "EUR",
    "method": "sepa",
    "purpose": "salary",
    "reference": "S-1",
}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(seed=SEED) as running:
        yield running


@pytest.fixture
async def anton(sandbox: Sandbox) -> AsyncIterator[AntonClient]:
    async with AntonClient(credentials=sandbox.credentials, base_url=sandbox.base_url) as client:
        yield client
