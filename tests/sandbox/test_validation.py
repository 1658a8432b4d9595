from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.wire import BENEFICIARY, Wire, order

INDIVIDUAL = {
    "first_name": "Ada",
    "last_name": "Okafor",
    "email": "ada@example.com",
    "phone": "+442079460000",
    "date_of_birth": "1988-05-12",
    "nationality": "GB",
    "address": {"street_line_1": "10 Example Street", "city": "London", "postal_code": "SW1A 1AA", "country": "GB"},
}


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"source_amount": None}, "source_amount", "is required"),
        ({"source_amount": "0"}, "source_amount", "must be greater than zero"),
        ({"dest_amount": "-1.00"}, "dest_amount", "must be greater than zero"),
        ({"source_amount": "1.001"}, "source_amount", "must have at most 2 decimal places in USD"),
        ({"source_amount": "1e3"}, "source_amount", "must be a decimal number in a string"),
        ({"source_amount": "NaN"}, "source_amount", "must be a decimal number in a string"),
        ({"source_amount": "\u0661"}, "source_amount", "must be a decimal number in a string"),
        ({"source_amount": "1.00\n"}, "source_amount", "must be a decimal number in a string"),
        ({"source_amount": "1234567890123"}, "source_amount", "must be a decimal number in a string"),
        ({"source_amount": 100}, "source_amount", "must be of type string"),
        ({"dest_currency": "usd"}, "dest_currency", None),
        ({"method": "pigeon"}, "method", None),
        ({"fixed_side": "both"}, "fixed_side", "must be one of: fixed_source, fixed_dest"),
        ({"purpose": "x" * 256}, "purpose", "must be at most 255 characters"),
        ({"reference": "x" * 101}, "reference", "must be at most 100 characters"),
        ({"beneficiary_id": "ins_1"}, "beneficiary_id", None),
        ({"metadata": {"a": 1}}, "metadata.a", "must be of type string"),
        ({"session": {"user_agent": "x" * 513}}, "session.user_agent", "must be at most 512 characters"),
        ({"session": {"ip": "nowhere"}}, "session.ip", "must be an IP address"),
    ],
)
async def test_a_bad_field_is_named(wire: Wire, changes: dict[str, Any], field: str, message: str | None) -> None:
    reply = await wire.pay(**changes)

    assert (reply.status, reply.code) == (422, "validation_error")
    assert [detail["field"] for detail in reply.json["error"]["details"]] == [field]
    if message is not None:
        assert reply.json["error"]["details"][0]["message"] == message


async def test_every_bad_field_is_named_at_once(wire: Wire) -> None:
    reply = await wire.pay(source_amount=None, method="pigeon", purpose=None)

    assert {detail["field"] for detail in reply.json["error"]["details"]} == {"source_amount", "method", "purpose"}


async def test_a_nested_field_has_a_dotted_path(wire: Wire) -> None:
    individual = {**INDIVIDUAL, "date_of_birth": "12.5.1988", "address": {"city": "London", "country": "England"}}

    body = {"type": "individual", "country": "GB", "individual": individual}
    reply = await wire.call("POST", "/v1/beneficiaries", body=body, key="k")

    problems = {detail["field"]: detail["message"] for detail in reply.json["error"]["details"]}
    assert problems == {
        "individual.date_of_birth": "must be in YYYY-MM-DD format",
        "individual.address.street_line_1": "is required",
        "individual.address.postal_code": "is required",
        "individual.address.country": "must be a valid ISO-3166 alpha-2 country code",
    }


async def test_an_email_is_checked_and_never_repeated(wire: Wire) -> None:
    body = {"type": "individual", "country": "GB", "individual": {**INDIVIDUAL, "email": "ada.at.example"}}

    reply = await wire.call("POST", "/v1/beneficiaries", body=body, key="k")

    assert reply.json["error"]["details"] == [{"field": "individual.email", "message": "must be a valid email address"}]
    assert "ada.at" not in str(reply.json)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"nope",
        b"[]",
        b'"text"',
        b"null",
        b"\xff",
        b'{"a": NaN}',
        b"[" * 100_000,
        b'{"reference": "\\ud800"}',
    ],
)
async def test_a_body_that_cannot_be_read_is_400(wire: Wire, raw: bytes) -> None:
    reply = await wire.call("POST", "/v1/payouts", raw=raw, key="k")

    assert (reply.status, reply.code) == (400, "invalid_request_body")


@pytest.mark.parametrize("extra", [{"foo": 1}, {"session": {"ip": "203.0.113.7", "foo": 1}}])
async def test_an_unknown_field_is_400(wire: Wire, extra: dict[str, Any]) -> None:
    reply = await wire.pay(**extra)

    assert (reply.status, reply.code) == (400, "invalid_request_body")
    assert "foo" in reply.json["error"]["message"]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream"]
)
async def test_only_json_is_taken(wire: Wire, content_type: str) -> None:
    reply = await wire.call("POST", "/v1/payouts", body=order(), key="k", headers={"Content-Type": content_type})

    assert (reply.status, reply.code) == (400, "invalid_request_body")


async def test_a_charset_does_no_harm(wire: Wire) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}

    assert (await wire.call("POST", "/v1/payouts", body=order(), key="k", headers=headers)).status == 201


async def test_a_body_over_one_megabyte_is_413(wire: Wire) -> None:
    reply = await wire.call("POST", "/v1/payouts", raw=b" " * (1024 * 1024 + 1), key="k")

    assert reply.status == 413
    assert reply.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/payouts?status=lost", "bad_request"),
        ("/v1/payouts?status=sent&status=lost", "bad_request"),
        ("/v1/payouts?beneficiary_id=1", "bad_request"),
        ("/v1/payouts?created_after=yesterday", "bad_request"),
        ("/v1/payouts?created_after=2026-04-15T14:30:00", "bad_request"),
        ("/v1/instruments?country=Germany", "invalid_country_code"),
        ("/v1/instruments?method=pigeon", "bad_request"),
        ("/v1/beneficiaries?status=deleted", "bad_request"),
        ("/v1/payouts/1", "bad_request"),
        ("/v1/payouts/ben_1", "bad_request"),
        ("/v1/payouts/pay_%2e%2e", "bad_request"),
    ],
)
async def test_a_malformed_parameter_is_400(wire: Wire, path: str, code: str) -> None:
    reply = await wire.call("GET", path)

    assert (reply.status, reply.code) == (400, code)


async def test_an_unknown_parameter_is_ignored(wire: Wire) -> None:
    assert (await wire.call("GET", "/v1/payouts?simulate=failed&foo")).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("POST", "/", 404, "not_found"),
        ("GET", "/v1/payouts/", 404, "not_found"),
        ("DELETE", "/v1/payouts", 405, "method_not_allowed"),
        ("GET", "/oauth/token", 405, "method_not_allowed"),
        ("GET", "/v1/payouts/pay_NONE", 404, "payout_not_found"),
        ("GET", "/v1/payouts/pay_NONE/events", 404, "payout_not_found"),
        ("GET", "/v1/beneficiaries/ben_NONE", 404, "beneficiary_not_found"),
        ("GET", "/v1/instruments/ins_NONE", 404, "instrument_not_found"),
        ("GET", "/v1/batches/bat_NONE", 404, "batch_not_found"),
        ("GET", "/v1/batches/bat_NONE/payouts", 404, "batch_not_found"),
        ("GET", "/v1/batches/bat_NONE/beneficiaries", 404, "batch_not_found"),
        ("GET", "/v1/balances/CHF", 404, "balance_not_found"),
    ],
)
async def test_what_is_not_there_is_said_so(wire: Wire, method: str, path: str, status: int, code: str) -> None:
    reply = await wire.call(method, path)

    assert (reply.status, reply.code) == (status, code)


async def test_the_cancel_body_may_be_left_out_and_is_checked_when_sent(wire: Wire) -> None:
    first, second = (await wire.pay()).data["id"], (await wire.pay()).data["id"]

    bare = await wire.call("POST", f"/v1/payouts/{first}/cancel", key="a")
    long = await wire.call("POST", f"/v1/payouts/{second}/cancel", body={"reason": "x" * 256}, key="b")

    assert bare.status == 200
    assert (long.status, long.json["error"]["details"][0]["field"]) == (422, "reason")


async def test_an_instrument_currency_may_be_an_asset(wire: Wire) -> None:
    body = {"method": "crypto", "currency": "USDC"}

    reply = await wire.call("POST", f"/v1/beneficiaries/{BENEFICIARY}/instruments", body=body, key="k")

    assert reply.status == 201
