from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.test_validation import INDIVIDUAL
from tests.sandbox.wire import BENEFICIARY, Reply, Wire

PATH = f"/v1/beneficiaries/{BENEFICIARY}"


async def create(wire: Wire, first_name: str = "Mary", key: str = "c") -> str:
    body = {"type": "individual", "country": "GB", "individual": {**INDIVIDUAL, "first_name": first_name}}
    return str((await wire.call("POST", "/v1/beneficiaries", body=body, key=key)).data["id"])


async def do(wire: Wire, what: str, beneficiary_id: str = BENEFICIARY, key: str | None = None) -> Reply:
    return await wire.call("POST", f"/v1/beneficiaries/{beneficiary_id}/{what}", key=key or what)


async def test_an_update_changes_what_it_names(wire: Wire) -> None:
    before = (await wire.call("GET", PATH)).data
    wire.clock.step(5)

    after = (await wire.call("PUT", PATH, body={"display_name": "Jane Doe", "metadata": {"a": "b"}}, key="u")).data
    cleared = (await wire.call("PUT", PATH, body={"external_ref": None}, key="v")).data

    assert (after["display_name"], after["metadata"], after["country"]) == ("Jane Doe", {"a": "b"}, "GB")
    assert after["updated_at"] > before["updated_at"]
    assert "external_ref" not in cleared
    assert [event["type"] for event in await wire.events()] == ["beneficiary.updated"] * 2


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"display_name": " "}, 422, "invalid_display_name"),
        ({"country": "Britain"}, 422, "validation_error"),
        ({"status": "archived"}, 400, "invalid_request_body"),
    ],
)
async def test_an_update_that_is_refused(wire: Wire, body: Any, status: int, code: str) -> None:
    reply = await wire.call("PUT", PATH, body=body, key="u")

    assert (reply.status, reply.code) == (status, code)


async def test_a_deleted_beneficiary_is_gone_but_its_payouts_stay(wire: Wire) -> None:
    payout = (await wire.pay()).data

    deleted = await wire.call("DELETE", PATH, key="d")
    again = await wire.call("DELETE", PATH, key="d")

    assert (deleted.status, deleted.body) == (204, b"")
    assert (again.status, again.headers["X-Idempotent-Replayed"]) == (204, "true")
    for reply in (await wire.call("GET", PATH), await wire.call("DELETE", PATH, key="e"), await wire.pay()):
        assert (reply.status, reply.code) == (404, "beneficiary_not_found")
    assert BENEFICIARY not in {one["id"] for one in (await wire.call("GET", "/v1/beneficiaries")).data}
    assert (await wire.call("GET", f"/v1/payouts/{payout['id']}")).status == 200
    assert [event["payload"] for event in await wire.events("beneficiary.deleted")] == [{"id": BENEFICIARY}]


async def test_who_was_deleted_can_be_created_again(wire: Wire) -> None:
    first = await create(wire)
    await wire.call("DELETE", f"/v1/beneficiaries/{first}", key="d")

    assert await create(wire, key="c2") != first


async def test_new_personal_data_makes_a_new_name(wire: Wire) -> None:
    beneficiary = await create(wire)
    path = f"/v1/beneficiaries/{beneficiary}/pii"

    changed = await wire.call("PUT", path, body={"individual": {**INDIVIDUAL, "first_name": "Anna"}}, key="p")
    wrong_block = await wire.call("PUT", path, body={}, key="q")
    again = await create(wire, "Mary", "c3")

    assert changed.data["display_name"].startswith("Anna ")
    assert (wrong_block.status, wrong_block.code) == (422, "missing_beneficiary_details")
    assert again != beneficiary
    taken = await wire.call("PUT", path, body={"individual": {**INDIVIDUAL, "first_name": "Mary"}}, key="r")
    assert (taken.status, taken.code) == (422, "duplicate_beneficiary")


async def test_an_archived_beneficiary_is_not_paid_until_it_is_restored(wire: Wire) -> None:
    archived = await do(wire, "archive")
    refused = await wire.pay()
    restored = await do(wire, "restore")
    paid = await wire.pay()

    assert (archived.data["status"], restored.data["status"]) == ("archived", "active")
    assert (refused.status, refused.code, paid.status) == (422, "payout_rejected", 201)
    assert (await do(wire, "restore", key="again")).data["status"] == "active"


async def test_a_rescreen_can_block_for_good(wire: Wire) -> None:
    beneficiary = await create(wire, "Sanctioned")

    queued = await do(wire, "rescreen", beneficiary)
    wire.clock.step(1)

    assert (queued.status, queued.data) == (202, {"beneficiary_id": beneficiary, "status": "queued"})
    assert (await wire.call("GET", f"/v1/beneficiaries/{beneficiary}")).data["status"] == "blocked"
    assert [event["payload"]["status"] for event in await wire.events("beneficiary.blocked")] == ["blocked"]
    for what, code in (("restore", "beneficiary_restore_failed"), ("archive", "beneficiary_archive_failed")):
        reply = await do(wire, what, beneficiary)
        assert (reply.status, reply.code) == (422, code)
    again = await do(wire, "rescreen", beneficiary, "again")
    assert (again.status, again.code) == (409, "beneficiary_not_active")


async def test_a_clear_rescreen_changes_nothing(wire: Wire) -> None:
    await do(wire, "rescreen")
    wire.clock.step(1)

    assert (await wire.call("GET", PATH)).data["status"] == "active"


async def test_a_rescore_needs_a_profile_and_a_pause(wire: Wire) -> None:
    early = await do(wire, "rescore")
    await wire.pay()
    first = await do(wire, "rescore", key="a")
    soon = await do(wire, "rescore", key="b")
    wire.clock.step(60)
    later = await do(wire, "rescore", key="c")

    assert (early.status, early.code) == (404, "engine_beneficiary_not_found")
    assert (first.data["previous_risk_score"], first.data["new_tier"]) == (120, "LOW")
    assert (soon.status, soon.code, soon.headers["Retry-After"]) == (429, "rescore_rate_limited", "60")
    assert later.data["previous_evaluation_id"] == first.data["new_evaluation_id"]
    assert (await wire.call("GET", PATH)).data["risk_score"] == later.data["new_risk_score"]
