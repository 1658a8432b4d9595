from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.wire import BENEFICIARY, INSTRUMENT, Wire

PATH = f"/v1/instruments/{INSTRUMENT}"


async def test_the_instruments_of_one_beneficiary(wire: Wire) -> None:
    own = (await wire.call("GET", f"/v1/beneficiaries/{BENEFICIARY}/instruments")).data
    missing = await wire.call("GET", "/v1/beneficiaries/ben_NONE/instruments")

    assert [one["id"] for one in own] == ["ins_DISABLED", "ins_JANEUSDC", "ins_JANEEUR", INSTRUMENT]
    assert (missing.status, missing.code) == (404, "beneficiary_not_found")


async def test_a_beneficiary_has_one_default(wire: Wire) -> None:
    await wire.call("PUT", PATH, body={"is_default": True}, key="a")
    await wire.call("PUT", "/v1/instruments/ins_JANEEUR", body={"is_default": True}, key="b")

    own = (await wire.call("GET", f"/v1/beneficiaries/{BENEFICIARY}/instruments")).data

    assert [one["id"] for one in own if one["is_default"]] == ["ins_JANEEUR"]


async def test_a_disabled_instrument_is_not_paid_until_it_is_active_again(wire: Wire) -> None:
    disabled = await wire.call("PUT", PATH, body={"status": "disabled", "label": "Old"}, key="a")
    refused = await wire.pay()
    await wire.call("PUT", PATH, body={"status": "active"}, key="b")

    assert (disabled.data["status"], disabled.data["label"]) == ("disabled", "Old")
    assert (refused.status, refused.code) == (422, "payout_rejected")
    assert (await wire.pay()).status == 201
    assert [event["type"] for event in await wire.events("instrument.updated")] == ["instrument.updated"] * 2


async def test_a_deleted_instrument_is_gone(wire: Wire) -> None:
    payout = (await wire.pay()).data

    assert (await wire.call("DELETE", PATH, key="d")).status == 204

    for reply in (await wire.call("GET", PATH), await wire.call("PUT", PATH, body={}, key="u"), await wire.pay()):
        assert (reply.status, reply.code) == (404, "instrument_not_found")
    assert INSTRUMENT not in {one["id"] for one in (await wire.call("GET", "/v1/instruments")).data}
    assert (await wire.call("GET", f"/v1/payouts/{payout['id']}")).data["instrument_id"] == INSTRUMENT


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"credentials": {"iban": "DE1"}}, 400, "invalid_request_body"),
        ({"status": "deleted"}, 422, "validation_error"),
        ({"is_default": "yes"}, 422, "validation_error"),
    ],
)
async def test_a_change_that_is_refused(wire: Wire, body: Any, status: int, code: str) -> None:
    reply = await wire.call("PUT", PATH, body=body, key="u")

    assert (reply.status, reply.code) == (status, code)


async def test_a_method_that_the_country_does_not_have(wire: Wire) -> None:
    body = {"method": "uk_bank", "country": "DE", "credentials": {"account_number": "12345678", "sort_code": "123456"}}

    reply = await wire.call("POST", f"/v1/beneficiaries/{BENEFICIARY}/instruments", body=body, key="k")

    assert (reply.status, reply.code) == (422, "method_not_supported")
