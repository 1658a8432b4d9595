from __future__ import annotations

from typing import Any

from tests.sandbox.wire import Wire


async def rows(wire: Wire, path: str) -> list[Any]:
    return list((await wire.call("GET", path)).data)


async def test_currencies_tell_their_scale(wire: Wire) -> None:
    found = {one["code"]: one for one in await rows(wire, "/v1/currencies")}

    assert {code: found[code]["decimals"] for code in ("USD", "JPY", "BHD", "USDC", "BTC")} == {
        "USD": 2, "JPY": 0, "BHD": 3, "USDC": 6, "BTC": 8,
    }  # fmt: skip
    assert (found["USDC"]["type"], found["BTC"]["type"], found["EUR"]["type"]) == ("stablecoin", "crypto", "fiat")


async def test_countries_say_whether_they_can_be_paid(wire: Wire) -> None:
    found = {one["iso2"]: one for one in await rows(wire, "/v1/countries")}

    assert found["DE"] == {
        "iso2": "DE", "iso3": "DEU", "name": "Germany", "supported_currencies": ["EUR"], "payout_supported": True,
    }  # fmt: skip
    assert (found["XK"]["iso3"], found["MG"]["payout_supported"]) == ("", False)


async def test_methods_name_their_credentials_by_country(wire: Wire) -> None:
    codes = {one["code"] for one in await rows(wire, "/v1/payment-methods")}
    german = {one["code"]: one for one in await rows(wire, "/v1/instruments/methods?country=DE")}
    british = {one["code"] for one in await rows(wire, "/v1/instruments/methods?country=GB")}

    assert len(codes) == 26
    assert german["iban"]["currency"] == "EUR"
    assert [field["name"] for field in german["iban"]["fields"]] == ["iban", "bic"]
    assert "uk_bank" in british - set(german)
    unknown = await wire.call("GET", "/v1/instruments/methods?country=ZZ")
    assert (unknown.status, unknown.code) == (404, "country_not_supported")
    malformed = await wire.call("GET", "/v1/instruments/methods?country=german")
    assert (malformed.status, malformed.code) == (400, "invalid_country_code")
    assert {"iso2": "GB", "name": "United Kingdom"} in await rows(wire, "/v1/instruments/countries")


async def test_corridors_are_filtered(wire: Wire) -> None:
    every = await rows(wire, "/v1/corridors")
    coins = await rows(wire, "/v1/corridors?rail_type=stablecoin&currency=USDC")

    assert {one["rail_type"] for one in every} == {"fiat", "crypto", "stablecoin"}
    assert len({one["id"] for one in every}) == len(every)
    assert {(one["country"], one["network"]) for one in coins} == {("XX", "ethereum"), ("XX", "polygon")}
    assert [one["network"] for one in await rows(wire, "/v1/corridors?country=US")] == ["ach"]
    unknown = await wire.call("GET", "/v1/corridors?rail_type=pigeon")
    assert unknown.status == 400
