"""The objects of the API as the sandbox keeps and shows them.

Written from the published fields by hand, apart from the client's generated models, so that the two sides can
disagree in a test. Fields without a value are left out of the JSON; times are UTC, amounts are decimal text at the
currency's scale.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from anton_async.sandbox import chance

PayoutMetadata = dict[str, str]


def new_id(prefix: str) -> str:
    """Return a fresh opaque id such as `pay_9F...`."""
    return f"{prefix}_{chance.draw(13).hex().upper()}"


class Shown(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the API shows under an id of its own."""

    id: str


class Record(Shown, kw_only=True):
    """What the API shows together with the merchant it belongs to."""

    merchant_id: str


class Payout(Record, kw_only=True):
    """One payment to an instrument."""

    beneficiary_id: str
    instrument_id: str
    batch_id: str | None = None
    status: str
    on_hold: bool | None = None
    method: str
    source_amount: str
    source_currency: str
    dest_amount: str
    dest_currency: str
    exchange_rate: str | None = None
    fee: str | None = None
    fee_currency: str | None = None
    fee_bearer: str | None = None
    fixed_side: str | None = None
    total_debited: str | None = None
    total_debited_currency: str | None = None
    fee_finalized: bool | None = None
    buffer_amount: str | None = None
    buffer_currency: str | None = None
    rail_type: str
    rail_provider: str | None = None
    rail_reference: str | None = None
    network: str | None = None
    wallet_address: str | None = None
    token_symbol: str | None = None
    tx_hash: str | None = None
    block_confirmations: int | None = None
    required_confirms: int | None = None
    cancelled_reason: str | None = None
    purpose: str
    reference: str
    metadata: PayoutMetadata | None = None
    created_at: datetime
    updated_at: datetime
    screened_at: datetime | None = None
    screening_failed_at: datetime | None = None
    engine_unavailable_at: datetime | None = None
    approved_at: datetime | None = None
    processed_at: datetime | None = None
    completed_at: datetime | None = None
    failed_at: datetime | None = None
    cancelled_at: datetime | None = None
    session_quality: list[str] | None = None


class PayoutEvent(Record, kw_only=True):
    """One recorded status change of a payout."""

    payout_id: str
    status: str
    previous_status: str | None = None
    actor_type: str
    metadata: dict[str, object] | None = None
    occurred_at: datetime
    created_at: datetime


class Beneficiary(Record, kw_only=True):
    """A payee, without personal data."""

    type: str
    status: str
    display_name: str
    country: str
    external_ref: str | None = None
    metadata: dict[str, str] | None = None
    risk_score: int | None  # no default: both are shown as null while the beneficiary is unscored
    risk_tier: str | None
    created_at: datetime
    updated_at: datetime


class Instrument(Record, kw_only=True):
    """Where a beneficiary is paid, with masked account data."""

    beneficiary_id: str
    method: str
    currency: str | None = None
    country: str | None = None
    label: str | None = None
    display_last4: str | None = None
    display_bank: str | None = None
    display_network: str | None = None
    masked_account: str | None = None
    status: str
    is_default: bool
    created_at: datetime
    updated_at: datetime


class Batch(Record, kw_only=True):
    """One uploaded file of payouts."""

    uploaded_by: str
    status: str
    file_name: str
    file_format: str
    file_size: int
    total_rows: int | None = None
    valid_rows: int | None = None
    invalid_rows: int | None = None
    warning_rows: int | None = None
    skipped_rows: int | None = None
    processed_rows: int | None = None
    summary: dict[str, object] | None = None
    source_currency: str | None = None
    total_amount: str | None = None
    total_currency: str | None = None
    current_row_index: int | None = None
    expires_at: datetime | None = None
    confirmed_at: datetime | None = None
    confirmed_by: str | None = None
    cancelled_at: datetime | None = None
    cancelled_by: str | None = None
    processing_started_at: datetime | None = None
    completed_at: datetime | None = None
    created_at: datetime
    updated_at: datetime


class Balance(Record, kw_only=True):
    """Funds in one currency."""

    currency: str
    available: str
    pending: str
    total: str
    updated_at: datetime


class Transaction(Shown, kw_only=True):
    """One movement on a funding account; what leaves is negative."""

    account_id: str
    type: str
    status: str
    amount: str
    currency: str
    reference: str | None = None
    counterparty_name: str | None = None
    created_at: datetime


class FXQuote(Record, kw_only=True):
    """A rate for two balances, held or for information."""

    sell_currency: str
    buy_currency: str
    sell_amount: str
    buy_amount: str
    mid_market_rate: str
    customer_rate: str
    inverse_rate: str
    fx_markup_bps: int
    fx_fee: str
    fx_fee_currency: str
    provider: str
    provider_ref: str
    expires_at: datetime
    locked: bool
    lock_id: str | None = None
    lock_expires_at: datetime | None = None
    created_at: datetime


class FXExchange(Record, kw_only=True):
    """An exchange between two balances."""

    sell_currency: str
    buy_currency: str
    sell_amount: str
    buy_amount: str
    mid_market_rate: str
    customer_rate: str
    provider: str
    provider_ref: str
    quote_id: str
    payout_id: str | None = None
    status: str
    created_at: datetime


class WebhookSubscription(Record, kw_only=True):
    """An endpoint that receives events."""

    url: str
    events: list[str]
    status: str
    version: str
    metadata: dict[str, str] | None = None
    created_at: datetime
    updated_at: datetime


class WebhookEvent(Record, kw_only=True):
    """Something that happened."""

    type: str
    payload: dict[str, object]
    created_at: datetime


class WebhookDelivery(Shown, kw_only=True):
    """The tries to deliver one event to one endpoint."""

    event_id: str
    subscription_id: str
    status: str
    url: str
    request_headers: dict[str, str] | None = None
    response_status: int | None = None
    response_body: str | None = None
    response_headers: dict[str, str] | None = None
    attempts: int
    max_attempts: int
    next_retry_at: datetime | None = None
    error: str | None = None
    duration_ms: int | None = None
    created_at: datetime
    updated_at: datetime
    delivered_at: datetime | None = None
