from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.wire import BENEFICIARY, Reply, Wire

PATH = f"/v1/beneficiaries/{BENEFICIARY}/instruments"


async def create(wire: Wire, key: str = "k", path: str = PATH, **body: Any) -> Reply:
    return await wire.call("POST", path, body=body, key=key)


async def test_credentials_are_masked_and_dropped(wire: Wire) -> None:
    credentials = {"iban": "GB82 WEST 1234 5698 7654 32", "bic": "WESTGB22"}

    reply = await create(wire, method="iban", currency="GBP", country="GB", label="Main", credentials=credentials)

    assert reply.status == 201
    assert (reply.data["masked_account"], reply.data["display_last4"]) == ("GB82****5432", "5432")
    assert (reply.data["status"], reply.data["is_default"]) == ("active", False)
    assert "credentials" not in reply.data
    assert "WEST" not in str(reply.json)
    fetched = await wire.call("GET", f"/v1/instruments/{reply.data['id']}")
    assert fetched.data == reply.data


async def test_a_wallet_shows_its_network(wire: Wire) -> None:
    credentials = {"wallet_address": "0x52908400098527886E0F7030069857D2E4169EE7", "network": "ethereum"}

    reply = await create(wire, method="crypto", currency="USDC", credentials=credentials)

    assert (reply.data["display_network"], reply.data["masked_account"]) == ("ethereum", "****9EE7")


async def test_an_instrument_may_come_without_credentials(wire: Wire) -> None:
    reply = await create(wire, method="swift")

    assert reply.status == 201
    assert "masked_account" not in reply.data


@pytest.mark.parametrize(
    ("method", "credentials"),
    [
        ("iban", {"iban": "GB82WEST12345698765433"}),
        ("iban", {"iban": "GB82"}),
        ("iban", {"iban": 82}),
        ("us_bank", {"routing_number": "021000022", "account_number": "1"}),
        ("us_bank", {"routing_number": "02100002"}),
        ("uk_bank", {"sort_code": "12345", "account_number": "12345678"}),
    ],
)
async def test_wrong_credentials_are_refused_without_repeating_them(
    wire: Wire, method: str, credentials: dict[str, Any]
) -> None:
    reply = await create(wire, method=method, credentials=credentials)

    assert (reply.status, reply.code) == (422, "invalid_credentials")
    assert not any(str(value) in reply.json["error"]["message"] for value in credentials.values())


@pytest.mark.parametrize(
    ("method", "credentials"),
    [
        ("us_bank", {"routing_number": "021000021", "account_number": "000123456789", "account_type": "checking"}),
        ("uk_bank", {"sort_code": "12-34-56", "account_number": "12345678"}),
    ],
)
async def test_right_credentials_are_taken(wire: Wire, method: str, credentials: dict[str, Any]) -> None:
    assert (await create(wire, method=method, credentials=credentials)).status == 201


async def test_the_beneficiary_must_exist(wire: Wire) -> None:
    reply = await create(wire, path="/v1/beneficiaries/ben_NONE/instruments", method="iban")

    assert (reply.status, reply.code) == (404, "beneficiary_not_found")


async def test_the_same_account_twice_is_a_duplicate(wire: Wire) -> None:
    body: dict[str, Any] = {"method": "us_bank", "credentials": {"account_number": "1234"}}
    first, second = await create(wire, "k1", **body), await create(wire, "k2", **body)

    assert (first.status, second.status, second.code) == (201, 422, "duplicate_instrument")


async def test_a_new_default_takes_the_flag_from_the_old_one(wire: Wire) -> None:
    first = await create(wire, "k1", method="iban", is_default=True)
    second = await create(wire, "k2", method="iban", is_default=True)

    old = await wire.call("GET", f"/v1/instruments/{first.data['id']}")

    assert (first.data["is_default"], old.data["is_default"], second.data["is_default"]) == (True, False, True)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["ins_ARCHIVED", "ins_DISABLED", "ins_JANEUSDC", "ins_JANEEUR", "ins_JANEUSD"]),
        ("beneficiary_id=ben_ARCHIVED", ["ins_ARCHIVED"]),
        ("method=iban", ["ins_JANEEUR"]),
        ("currency=USDC", ["ins_JANEUSDC"]),
        ("country=DE", ["ins_JANEEUR"]),
        ("status=disabled", ["ins_DISABLED"]),
        ("search=MAIN", ["ins_JANEUSD"]),
        ("search=x&status=active", []),
    ],
)
async def test_instruments_are_filtered(wire: Wire, query: str, ids: list[str]) -> None:
    reply = await wire.call("GET", f"/v1/instruments?{query}")

    assert [item["id"] for item in reply.data] == ids
