from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.test_validation import INDIVIDUAL
from tests.sandbox.wire import BENEFICIARY, Reply, Wire

BUSINESS: dict[str, Any] = {
    "legal_name": "Example GmbH",
    "registration_number": "HRB12345",
    "email": "ap@example.de",
    "phone": "+493012345678",
    "address": INDIVIDUAL["address"],
}


async def create(wire: Wire, key: str = "k", **body: Any) -> Reply:
    return await wire.call("POST", "/v1/beneficiaries", body=body, key=key)


async def test_an_individual_is_created_without_showing_personal_data(wire: Wire) -> None:
    individual = {**INDIVIDUAL, "middle_name": "R", "tax_id": "123-45-6789"}

    reply = await create(wire, type="individual", country="GB", external_ref="c-1", individual=individual)

    assert reply.status == 201
    assert reply.data["display_name"] == "Ada R Okafor"
    assert (reply.data["status"], reply.data["external_ref"]) == ("active", "c-1")
    assert (reply.data["risk_score"], reply.data["risk_tier"]) == (None, None)
    assert "individual" not in reply.data
    assert "123-45-6789" not in str(reply.json)
    fetched = await wire.call("GET", f"/v1/beneficiaries/{reply.data['id']}")
    assert fetched.data == reply.data


async def test_a_business_shows_its_legal_name(wire: Wire) -> None:
    reply = await create(wire, type="business", country="DE", business=BUSINESS)

    assert (reply.status, reply.data["display_name"], reply.data["type"]) == (201, "Example GmbH", "business")


@pytest.mark.parametrize(
    "body",
    [
        {"type": "individual", "country": "GB"},
        {"type": "business", "country": "GB"},
        {"type": "individual", "country": "GB", "business": BUSINESS},
        {"type": "business", "country": "GB", "individual": INDIVIDUAL},
        {"type": "individual", "country": "GB", "individual": INDIVIDUAL, "business": BUSINESS},
    ],
)
async def test_the_block_must_match_the_type(wire: Wire, body: dict[str, Any]) -> None:
    reply = await create(wire, **body)

    assert (reply.status, reply.code) == (422, "missing_beneficiary_details")


async def test_a_blank_name_is_refused(wire: Wire) -> None:
    blank = {**INDIVIDUAL, "first_name": " ", "last_name": ""}

    reply = await create(wire, type="individual", country="GB", individual=blank)

    assert (reply.status, reply.code) == (422, "invalid_display_name")


async def test_the_same_person_twice_is_a_duplicate(wire: Wire) -> None:
    body: dict[str, Any] = {"type": "individual", "country": "GB", "individual": INDIVIDUAL}
    first = await create(wire, "k1", **body)
    again = await create(wire, "k1", **body)
    second = await create(wire, "k2", **body)

    assert again.data == first.data
    assert (second.status, second.code) == (422, "duplicate_beneficiary")


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["ben_ARCHIVED", BENEFICIARY]),
        ("status=active", [BENEFICIARY]),
        ("status=archived", ["ben_ARCHIVED"]),
        ("type=business", ["ben_ARCHIVED"]),
        ("country=GB", [BENEFICIARY]),
        ("search=jane", [BENEFICIARY]),
        ("search=1042", [BENEFICIARY]),
        ("search=nobody", []),
        ("created_via=batch", []),
        ("created_via=api&status=active", [BENEFICIARY]),
        ("source_batch_id=bat_1", []),
    ],
)
async def test_beneficiaries_are_filtered(wire: Wire, query: str, ids: list[str]) -> None:
    reply = await wire.call("GET", f"/v1/beneficiaries?{query}")

    assert [item["id"] for item in reply.data] == ids
