from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import OpenSandbox
from tests.sandbox.test_batches import HEADER, JANE
from tests.sandbox.wire import BENEFICIARY, Wire

QUOTE = {"sell_currency": "USD", "buy_currency": "EUR", "sell_amount": "1.00"}
PRICE = {"source_currency": "USD", "dest_currency": "EUR", "amount": "1.00"}
SUBJECT = {"type": "person", "display_name": "Ada"}
EVALUATION = {"use_case": "payee_registration", "entity": {"type": "person", "name": "Ada"}}


@pytest.fixture
async def wire(open_sandbox: OpenSandbox) -> Wire:
    return await open_sandbox(edition="earlier")


@pytest.mark.parametrize(
    ("method", "path", "body", "bare"),
    [
        ("GET", "accounts/USD", None, "currency"),
        ("GET", "accounts/USD/details", None, "holder_name"),
        ("GET", "fx/rate?sell_currency=USD&buy_currency=EUR", None, "customer_rate"),
        ("POST", "fx/quote", QUOTE, "customer_rate"),
        ("POST", "pricing/quote", PRICE, "quote_id"),
        ("POST", f"beneficiaries/{BENEFICIARY}/archive", {}, "status"),
        ("POST", f"beneficiaries/{BENEFICIARY}/rescreen", None, "beneficiary_id"),
        ("POST", "merchant/sandbox/reset", None, "scope"),
        ("POST", "webhooks", {"url": "https://example.org", "events": ["*"]}, "secret"),
        ("POST", "intelligence/evaluations", EVALUATION, None),
        ("POST", "verification-subjects", SUBJECT, None),
        ("GET", "intelligence/reviews/settings", None, None),
    ],
)
async def test_the_earlier_edition_wraps_only_what_it_always_did(
    wire: Wire, method: str, path: str, body: Any, bare: str | None
) -> None:
    reply = await wire.call(method, f"/v1/{path}", body=body, key="k" if method == "POST" else None)

    assert reply.status < 300
    assert ("data" in reply.json) == (bare is None)
    assert bare is None or bare in reply.json


async def test_a_batch_is_bare_and_its_findings_are_not(wire: Wire) -> None:
    batch = (await wire.upload("/v1/batches", f"{HEADER}\n{JANE}".encode())).json
    wire.clock.step(2)

    findings = (await wire.call("GET", f"/v1/batches/{batch['id']}/errors")).data

    assert (batch["status"], findings) == ("uploaded", {"errors": [], "warnings": []})
