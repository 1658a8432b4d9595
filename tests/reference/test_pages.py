"""Five pages of the API reference, point by point: method, path, parameters with their bounds, body, authorisation."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, get_args

import msgspec
import pytest

from anton_async import AntonClient, ApiKeyCredentials, OAuthCredentials, RequestValidationError
from anton_async.models import enums
from tests.conftest import ClientMaker
from tests.reference import pages
from tests.support.examples import changed
from tests.support.raw_server import RawServer, Reply, SeenRequest, answer

BATCH_ID = pages.BATCH["id"]
BOUNDS = [("limit", 0), ("limit", 101), ("limit", "20"), ("cursor", 7)]


def page_of(item: dict[str, Any]) -> Reply:
    return answer(200, {"data": [item], "has_more": True, "next_cursor": "opaque"})


def assert_decoded(struct: msgspec.Struct, shown: dict[str, Any]) -> None:
    """Compare every field that the page shows with what was decoded from it."""
    for name, value in shown.items():
        found = getattr(struct, name)
        if isinstance(found, msgspec.Struct):
            assert_decoded(found, value)
        elif isinstance(found, Decimal):
            assert str(found) == str(value), name
        elif isinstance(found, dt.datetime):
            assert found == dt.datetime.fromisoformat(value), name
        else:
            assert _shown(found) == value, name


def _shown(value: Any) -> object:
    """Return a decoded list or map as the page writes it, and anything else as it is."""
    return msgspec.to_builtins(value)


def assert_dpop(request: SeenRequest) -> None:
    assert request.headers["authorization"].startswith("DPoP ")
    assert {"htm", "htu", "iat", "jti", "ath"} <= set(request.proof)


# The payouts of a batch: GET /v1/batches/{id}/payouts


async def test_payouts_of_a_batch(anton: AntonClient, server: RawServer) -> None:
    server.script(page_of(pages.PAYOUT))

    found = await anton.batches.list_payouts(BATCH_ID, limit=100, cursor="from here")

    request = server.requests[0]
    assert (request.method, request.target) == ("GET", f"/v1/batches/{BATCH_ID}/payouts?limit=100&cursor=from+here")
    assert (found.has_more, found.next_cursor) == (True, "opaque")
    assert_decoded(found.data[0], pages.PAYOUT)
    assert_dpop(request)


@pytest.mark.parametrize(("name", "value"), BOUNDS)
async def test_payouts_of_a_batch_bounds(anton: AntonClient, server: RawServer, name: str, value: Any) -> None:
    with pytest.raises(RequestValidationError, match=name):
        await anton.batches.list_payouts(BATCH_ID, **{name: value})
    with pytest.raises(RequestValidationError, match="bat_"):
        await anton.batches.list_payouts("pay_1")

    assert server.requests == []


# The beneficiaries of a batch: GET /v1/batches/{id}/beneficiaries


async def test_beneficiaries_of_a_batch(anton: AntonClient, server: RawServer) -> None:
    server.script(page_of(pages.BENEFICIARY))

    found = await anton.batches.list_beneficiaries(BATCH_ID, limit=1, cursor="c")

    request = server.requests[0]
    assert (request.method, request.target) == ("GET", f"/v1/batches/{BATCH_ID}/beneficiaries?limit=1&cursor=c")
    assert_decoded(found.data[0], pages.BENEFICIARY)
    assert_dpop(request)


@pytest.mark.parametrize(("name", "value"), BOUNDS)
async def test_beneficiaries_of_a_batch_bounds(anton: AntonClient, server: RawServer, name: str, value: Any) -> None:
    with pytest.raises(RequestValidationError, match=name):
        await anton.batches.list_beneficiaries(BATCH_ID, **{name: value})
    with pytest.raises(RequestValidationError, match="bat_"):
        await anton.batches.list_beneficiaries("ben_1")

    assert server.requests == []


# One batch: GET /v1/batches/{id}


@pytest.mark.parametrize("body", [pages.BATCH, {"data": pages.BATCH}], ids=["bare", "enveloped"])
async def test_one_batch(anton: AntonClient, server: RawServer, body: dict[str, Any]) -> None:
    server.script(answer(200, body))

    found = await anton.batches.retrieve(BATCH_ID)

    assert (server.requests[0].method, server.requests[0].target) == ("GET", f"/v1/batches/{BATCH_ID}")
    assert_decoded(found, pages.BATCH)
    assert_dpop(server.requests[0])


def test_batch_enums_are_those_of_the_page() -> None:
    statuses = "uploaded validating validated validation_failed confirmed processing completed partial failed cancelled"
    assert set(get_args(enums.BatchStatus)) == set(statuses.split())
    assert set(get_args(enums.BatchFileFormat)) == {"csv", "xlsx"}


async def test_one_batch_bounds(anton: AntonClient, server: RawServer) -> None:
    with pytest.raises(RequestValidationError, match="bat_"):
        await anton.batches.retrieve("batch-1")

    assert server.requests == []


# Creating a payout with an API key: POST /v1/payouts


@pytest.mark.parametrize("body", [pages.PAYOUT, {"data": pages.PAYOUT}], ids=["bare", "enveloped"])
async def test_creating_a_payout_with_an_api_key(
    make_client: ClientMaker, server: RawServer, body: dict[str, Any]
) -> None:
    server.script(answer(201, body))

    async with make_client(ApiKeyCredentials("ak_test_1042")) as anton:
        payout = await anton.payouts.create(**pages.PAYOUT_ORDER, idempotency_key="inv-1042")

    request = server.requests[0]
    assert (request.method, request.target) == ("POST", "/v1/payouts")
    assert request.headers["authorization"] == "Bearer ak_test_1042"
    assert request.headers["idempotency-key"] == "inv-1042"
    assert request.headers["content-type"] == "application/json"
    assert "dpop" not in request.headers
    assert request.json == pages.PAYOUT_ORDER
    assert_decoded(payout, pages.PAYOUT)


async def test_creating_the_same_payout_with_oauth_and_dpop(
    make_client: ClientMaker, server: RawServer, credentials: OAuthCredentials
) -> None:
    server.script(answer(201, pages.PAYOUT))

    async with make_client(credentials) as anton:
        await anton.payouts.create(**pages.PAYOUT_ORDER, idempotency_key="inv-1042")

    assert_dpop(server.requests[0])
    assert server.requests[0].json == pages.PAYOUT_ORDER


async def test_every_optional_field_of_the_page_is_sent(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(201, pages.PAYOUT))
    more = {"fee_bearer": "beneficiary", "metadata": {"team": "a"}, "end_user_ip": "203.0.113.7", "method": "on_chain"}

    await anton.payouts.create(**changed(pages.PAYOUT_ORDER, **more))

    assert server.requests[0].json == {**pages.PAYOUT_ORDER, **more}


@pytest.mark.parametrize("field", ["beneficiary_id", "instrument_id", "source_amount", "dest_amount", "dest_currency"])
@pytest.mark.parametrize("value", [None, "", "x", "-", "12.", "1234567890123", "us"])
async def test_every_pattern_of_the_page_is_held(
    anton: AntonClient, server: RawServer, field: str, value: str | None
) -> None:
    with pytest.raises(RequestValidationError) as caught:
        await anton.payouts.create(**changed(pages.PAYOUT_ORDER, **{field: value}))

    assert caught.value.field == field
    assert server.requests == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("purpose", "x" * 256),
        ("reference", "x" * 101),
        ("method", "pigeon"),
        ("rail_type", "steel"),
        ("fixed_side", "both"),
        ("fee_bearer", "nobody"),
        ("purpose", None),
        ("reference", None),
        ("method", None),
    ],
)
async def test_every_bound_of_the_page_is_held(anton: AntonClient, server: RawServer, field: str, value: Any) -> None:
    with pytest.raises(RequestValidationError) as caught:
        await anton.payouts.create(**changed(pages.PAYOUT_ORDER, **{field: value}))

    assert caught.value.field == field
    assert server.requests == []


async def test_the_longest_values_of_the_page_are_taken(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(201, pages.PAYOUT))

    await anton.payouts.create(**changed(pages.PAYOUT_ORDER, purpose="x" * 255, reference="x" * 100))

    assert len(server.requests) == 1


def test_payout_enums_hold_those_of_the_page() -> None:
    methods = "bank_transfer wire sepa swift ach faster_payment mobile_money wallet on_chain layer2 exchange stablecoin"
    statuses = (
        "created pending_screening screening_failed pending_approval approved processing sent completed failed "
        "returned cancelled manual_review velocity_blocked pending_engine_review"
    )
    networks = (
        "swift sepa ach fps rtgs ethereum bitcoin tron solana polygon arbitrum optimism base avalanche bsc lightning "
        "stellar ripple"
    )
    assert set(methods.split()) <= set(get_args(enums.PayoutMethod))
    assert set(statuses.split()) <= set(get_args(enums.PayoutStatus))
    assert set(networks.split()) == set(get_args(enums.Network))
    assert set(get_args(enums.RailType)) == {"fiat", "crypto", "stablecoin"}


# Instruments: GET /v1/instruments


async def test_instruments(anton: AntonClient, server: RawServer) -> None:
    server.script(page_of(pages.INSTRUMENT))

    found = await anton.instruments.list(
        limit=20,
        cursor="c",
        beneficiary_id="ben_01HX",
        method="iban",
        currency="EUR",
        country="DE",
        status="active",
    )

    request = server.requests[0]
    assert request.method == "GET"
    assert request.target == (
        "/v1/instruments?limit=20&cursor=c&beneficiary_id=ben_01HX&method=iban&currency=EUR&country=DE&status=active"
    )
    assert_decoded(found.data[0], pages.INSTRUMENT)
    assert_dpop(request)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *BOUNDS,
        ("beneficiary_id", "x"),
        ("method", "pigeon"),
        ("currency", "eur"),
        ("country", "DEU"),
        ("status", "off"),
    ],
)
async def test_instruments_bounds(anton: AntonClient, server: RawServer, name: str, value: Any) -> None:
    with pytest.raises(RequestValidationError) as caught:
        await anton.instruments.list(**{name: value})

    assert caught.value.field == name
    assert server.requests == []


def test_instrument_methods_are_those_of_the_page() -> None:
    methods = (
        "iban uk_bank us_bank ca_bank au_bank nz_bank jp_bank in_bank za_bank ng_bank ph_bank cl_bank co_bank swift "
        "clabe cbu cci pix upi interac paynow fps_hk promptpay card crypto mobile_money"
    )
    assert set(get_args(enums.PaymentMethodCode)) == set(methods.split())
