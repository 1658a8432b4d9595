"""The answers of the responder: bodies of about one size, as each API lays them out."""

from __future__ import annotations

import json

_MOMENT = "2026-11-21T09:30:00.123456Z"


def payout(number: int = 0) -> dict[str, object]:
    """Return a payout as Anton answers with it."""
    return {
        "id": f"pay_01K5MDVTVTCYS3TRP9C9P{number:05d}",
        "merchant_id": "mer_01K5MDVTVTCYS3TRP9C9P582RG",
        "beneficiary_id": "ben_01K5MDVTVTCYS3TRP9C9P582RG",
        "instrument_id": "ins_01K5MDVTVTCYS3TRP9C9P582RG",
        "status": "created",
        "method": "sepa",
        "source_amount": "1260.75",
        "source_currency": "EUR",
        "dest_amount": "1260.75",
        "dest_currency": "EUR",
        "exchange_rate": "1.00",
        "fee": "2.50",
        "fee_currency": "EUR",
        "fee_bearer": "merchant",
        "fixed_side": "fixed_dest",
        "total_debited": "1263.25",
        "total_debited_currency": "EUR",
        "rail_type": "bank",
        "purpose": "contractor_payment",
        "reference": f"INV-{number}",
        "metadata": {"department": "research", "run": "2026-11"},
        "created_by": "oauth_client",
        "created_at": _MOMENT,
        "updated_at": _MOMENT,
        "screened_at": _MOMENT,
    }


def page() -> dict[str, object]:
    """Return a page of 100 payouts."""
    return {"data": [payout(number) for number in range(100)], "has_more": True, "next_cursor": "c2FtcGxl"}


_TOKEN: dict[str, object] = {"access_token": "a" * 600, "token_type": "DPoP", "expires_in": 3600}

_STRIPE_PAYOUT: dict[str, object] = {
    "id": "po_1OaFDbEcg9tTZuTgNYmX0PKB",
    "object": "payout",
    "amount": 126075,
    "arrival_date": 1795000000,
    "automatic": False,
    "balance_transaction": "txn_1OaFDcEcg9tTZuTgYMR25tSe",
    "created": 1795000000,
    "currency": "eur",
    "description": "INV-0",
    "destination": "ba_1MtIhL2eZvKYlo2CAElKwKu2",
    "failure_balance_transaction": None,
    "failure_code": None,
    "failure_message": None,
    "livemode": False,
    "metadata": {"department": "research", "run": "2026-11"},
    "method": "standard",
    "original_payout": None,
    "reconciliation_status": "not_applicable",
    "reversed_by": None,
    "source_type": "card",
    "statement_descriptor": "INV-0",
    "status": "pending",
    "type": "bank_account",
}

_INCREASE_TRANSFER: dict[str, object] = {
    "id": "ach_transfer_uoxatyh3lt5evrsdvo7q",
    "type": "ach_transfer",
    "account_id": "account_in71c4amph0vgo2qllky",
    "account_number": "987654321",
    "routing_number": "101050001",
    "amount": 126075,
    "currency": "USD",
    "status": "pending_approval",
    "statement_descriptor": "INV-0",
    "standard_entry_class_code": "corporate_credit_or_debit",
    "destination_account_holder": "business",
    "funding": "checking",
    "network": "ach",
    "company_name": "National Phonograph Company",
    "individual_name": "Ada Byron",
    "approval": None,
    "cancellation": None,
    "created_by": {"category": "api_key", "api_key": {"description": "main"}},
    "created_at": _MOMENT,
    "external_account_id": None,
    "idempotency_key": None,
    "inbound_funds_hold": None,
    "pending_transaction_id": None,
    "preferred_effective_date": {"date": None, "settlement_schedule": "future_dated"},
    "return": None,
    "submission": None,
    "transaction_id": None,
}

_MODERN_TREASURY_ORDER: dict[str, object] = {
    "id": "9f0f9e0a-0a3c-4c7e-9f4b-2f8f0c1d2e3f",
    "object": "payment_order",
    "live_mode": False,
    "amount": 126075,
    "direction": "credit",
    "currency": "EUR",
    "type": "sepa",
    "status": "pending",
    "priority": "normal",
    "description": "INV-0",
    "statement_descriptor": "INV-0",
    "purpose": "contractor_payment",
    "originating_account_id": "0f8e2719-9751-4934-98bd-3a84b6f6c1a4",
    "receiving_account_id": "5acec2ef-987b-4260-aa97-b719eeb0a8d5",
    "effective_date": "2026-11-21",
    "metadata": {"department": "research", "run": "2026-11"},
    "charge_bearer": "shared",
    "foreign_exchange_rate": None,
    "reference_numbers": [],
    "transaction_ids": [],
    "vendor_failure_reason": None,
    "created_at": _MOMENT,
    "updated_at": _MOMENT,
}

_BATCH: dict[str, object] = {
    "id": "bat_01K5MDVTVTCYS3TRP9C9P582RG",
    "merchant_id": "mer_01K5MDVTVTCYS3TRP9C9P582RG",
    "status": "uploaded",
    "uploaded_by": "oauth_client",
    "file_name": "payroll.csv",
    "file_format": "csv",
    "file_size": 31457280,
    "created_at": _MOMENT,
    "updated_at": _MOMENT,
}


def routes() -> dict[bytes, bytes]:
    """Return the whole answer to each request line, without the query and the HTTP version."""
    bodies = {
        b"POST /oauth/token": (200, _TOKEN),
        b"POST /v1/payouts": (201, {"data": payout()}),
        b"GET /v1/payouts": (200, page()),
        b"POST /v1/batches": (201, {"data": _BATCH}),
        b"POST /stripe/v1/payouts": (200, _STRIPE_PAYOUT),
        b"POST /increase/ach_transfers": (200, _INCREASE_TRANSFER),
        b"POST /modern-treasury/api/payment_orders": (201, _MODERN_TREASURY_ORDER),
    }
    return {line: _answer(status, json.dumps(body, separators=(",", ":"))) for line, (status, body) in bodies.items()}


def _answer(status: int, body: str) -> bytes:
    head = (
        f"HTTP/1.1 {status} OK\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Date: Sat, 21 Nov 2026 09:30:00 GMT\r\n"
        "X-Request-ID: req_01K5MDVTVTCYS3TRP9C9P582RG\r\n"
        "X-RateLimit-Limit: 1000000\r\n"
        "X-RateLimit-Remaining: 999999\r\n"
        "\r\n"
    )
    return (head + body).encode()
