"""Bodies as the API writes them, in values of our own."""

from __future__ import annotations

from typing import Any

PAYOUT: dict[str, Any] = {
    "id": "pay_01K5MDVTVTCYS3TRP9C9P582RG",
    "merchant_id": "mer_01K5A",
    "beneficiary_id": "ben_01K5B",
    "instrument_id": "ins_01K5C",
    "status": "pending_screening",
    "method": "sepa",
    "source_amount": "110.00",
    "source_currency": "USD",
    "dest_amount": "100.00",
    "dest_currency": "EUR",
    "rail_type": "fiat",
    "purpose": "salary",
    "reference": "S-1",
    "created_at": "2026-09-01T08:00:00.123456789Z",
    "updated_at": "2026-09-01T08:00:01Z",
}

BALANCE: dict[str, Any] = {
    "id": "bal_01K5",
    "merchant_id": "mer_01K5A",
    "currency": "USD",
    "available": "10.10",
    "pending": "0.90",
    "total": "11.00",
    "updated_at": "2026-09-01T08:00:00Z",
}

BATCH: dict[str, Any] = {
    "id": "bat_01K5",
    "merchant_id": "mer_01K5A",
    "uploaded_by": "usr_01K5",
    "status": "uploaded",
    "file_name": "payouts.csv",
    "file_format": "csv",
    "file_size": 12,
    "created_at": "2026-09-01T08:00:00Z",
    "updated_at": "2026-09-01T08:00:00Z",
}

ORDER: Any = {
    "beneficiary_id": "ben_01K5B",
    "instrument_id": "ins_01K5C",
    "source_amount": "110.00",
    "source_currency": "USD",
    "dest_amount": "100.00",
    "dest_currency": "EUR",
    "method": "sepa",
    "purpose": "salary",
    "reference": "S-1",
}
"""Arguments of a good `payouts.create`; typed Any because tests spoil it on purpose."""


def changed(fields: dict[str, Any], **changes: object) -> Any:
    """Return `fields` with some of them changed."""
    return {**fields, **changes}
