from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.wire import Reply, Wire

PATH = "/v1/verification-subjects"


async def create(wire: Wire, name: str = "Ada Lovelace", key: str | None = None, **changes: Any) -> Any:
    body = {"type": "person", "display_name": name, "email": "ada@example.com", "country": "CA", **changes}
    return (await wire.call("POST", PATH, body=body, key=key or name)).data


async def do(wire: Wire, attempt: Any, what: str, key: str | None = None) -> Reply:
    return await wire.call("POST", f"/v1/verifications/{attempt['id']}/{what}", key=key or what)


async def latest(wire: Wire, made: Any) -> Any:
    return (await wire.call("GET", f"{PATH}/{made['subject']['id']}")).data["attempts"][0]


async def told(wire: Wire) -> list[tuple[str, str]]:
    return [
        (one["type"].removeprefix("verification."), one["payload"]["status"])
        for one in await wire.events()
        if one["type"].startswith("verification.")
    ]


async def test_a_person_is_verified(wire: Wire) -> None:
    made = await create(wire, delivery="email", external_ref="customer_8841")
    seen = [made["verification"]["status"]]
    for _ in range(3):
        wire.clock.step(1)
        seen.append((await latest(wire, made))["status"])

    assert seen == ["sent", "in_progress", "processing", "approved"]
    assert made["subject"]["display_name"] == "A•• L•••••••"
    assert made["verification"]["hosted_link"].startswith("https://")
    done = await latest(wire, made)
    assert "hosted_link" not in done
    assert {check["status"] for check in done["checks"]} == {"passed"}
    assert done["screening"]["status"] == "clear"
    evaluation = await wire.call("GET", f"/v1/intelligence/evaluations/{done['screening']['evaluation_id']}")
    assert evaluation.data["decision"] == "approve"
    assert await told(wire) == [("link_sent", "sent"), ("started", "in_progress"), ("approved", "approved")]


@pytest.mark.parametrize(
    ("name", "status"), [("Declined Dan", "declined"), ("Review Rita", "review"), ("Sanctioned Sam", "review")]
)
async def test_the_name_decides(wire: Wire, name: str, status: str) -> None:
    made = await create(wire, name)
    wire.clock.step(60)

    done = await latest(wire, made)

    assert done["status"] == status
    assert ("completed_at" in done) == (status == "declined")
    assert (await told(wire))[-1] == (status, status)


async def test_a_business_waits_for_its_owners(wire: Wire) -> None:
    made = await create(wire, "Maple Exports Inc", type="business")
    wire.clock.step(3)
    waiting = await latest(wire, made)
    wire.clock.step(2)
    done = await latest(wire, made)

    assert (waiting["status"], [owner["ownership_pct"] for owner in waiting["ubos"]]) == ("awaiting_owners", [60, 40])
    assert (done["status"], {owner["status"] for owner in done["ubos"]}) == ("approved", {"approved"})
    owner = waiting["ubos"][0]["id"]
    link = (await do(wire, waiting, f"owners/{owner}/resend")).data
    assert link["hosted_link"].startswith("https://")
    missing = await do(wire, waiting, "owners/vubo_NONE/resend")
    assert (missing.status, missing.code) == (404, "verification_owner_not_found")


async def test_without_mail_the_link_is_only_handed_over(wire: Wire) -> None:
    by_hand = await create(wire, "By Hand")
    no_address = await create(wire, "No Address", delivery="email", email="")

    assert by_hand["verification"]["status"] == no_address["verification"]["status"] == "created"
    assert await told(wire) == []


async def test_a_link_that_nobody_opens_expires(wire: Wire) -> None:
    made = await create(wire, "Absent Ann", link_expires_in_days=14)
    wire.sandbox.clock.advance(14 * 24 * 3600 - 1)
    before = (await latest(wire, made))["status"]
    wire.sandbox.clock.advance(1)

    assert (before, (await latest(wire, made))["status"]) == ("created", "expired")
    assert await told(wire) == [("expired", "expired")]


async def test_a_fresh_link_lives_its_own_time(wire: Wire) -> None:
    made = await create(wire, "Absent Ann")
    wire.sandbox.clock.advance(6 * 24 * 3600)

    resent = (await do(wire, made["verification"], "resend")).data
    wire.sandbox.clock.advance(6 * 24 * 3600)

    assert (resent["id"], resent["status"]) == (made["verification"]["id"], "sent")
    assert resent["hosted_link"] != made["verification"]["hosted_link"]
    assert (await latest(wire, made))["status"] == "sent"


async def test_an_attempt_can_be_ended_and_followed_by_others(wire: Wire) -> None:
    made = await create(wire)
    first = made["verification"]

    revoked = (await do(wire, first, "revoke")).data
    refused = [await do(wire, first, what, f"{what}2") for what in ("revoke", "resend")]
    again = (await wire.call("POST", f"{PATH}/{made['subject']['id']}/verifications", key="v")).data
    fresh = (await do(wire, again, "regenerate")).data
    wire.clock.step(60)
    history = (await wire.call("GET", f"{PATH}/{made['subject']['id']}")).data["attempts"]

    assert revoked["status"] == "revoked"
    assert {(reply.status, reply.code) for reply in refused} == {(422, "verification_terminal")}
    assert [(one["id"], one["reason"], one["status"]) for one in history] == [
        (fresh["id"], "regenerated", "approved"),
        (again["id"], "reverification", "revoked"),
        (first["id"], "initial", "revoked"),
    ]


async def test_subjects_are_filtered_and_paged_with_their_latest_attempt(wire: Wire) -> None:
    ada = await create(wire)
    shop = await create(wire, "Maple Exports Inc", type="business")
    await do(wire, ada["verification"], "regenerate")

    async def listed(query: str) -> list[str]:
        return [one["id"] for one in (await wire.call("GET", f"{PATH}?{query}")).data]

    assert await listed("") == [shop["subject"]["id"], ada["subject"]["id"]]
    assert await listed("type=person") == [ada["subject"]["id"]]
    assert await listed("status=sent") == [ada["subject"]["id"]]
    assert await listed("status=revoked") == []
    first = await wire.call("GET", f"{PATH}?limit=1")
    last = await wire.call("GET", f"{PATH}?limit=1&cursor={first.json['next_cursor']}")
    assert [len(one["attempts"]) for one in first.data + last.data] == [1, 1]
    assert last.json["next_cursor"] == ""


async def test_the_totals_count_subjects_by_their_latest_attempt(wire: Wire) -> None:
    for name in ("Ada Lovelace", "Declined Dan", "Review Rita", "Absent Ann"):
        await create(wire, name)
    wire.clock.step(60)

    stats = (await wire.call("GET", "/v1/verification-stats")).data

    assert stats["totals"] == {"started": 4, "approved": 1, "declined": 1, "review": 1, "in_flight": 1}
    assert (stats["pass_rate"], stats["weekly"][-1]["count"], len(stats["weekly"])) == (0.5, 4, 8)


@pytest.mark.parametrize("changes", [{"type": "dog"}, {"display_name": " "}, {"link_expires_in_days": 8}, {"x": 1}])
async def test_a_subject_that_is_refused(wire: Wire, changes: Any) -> None:
    body = {"type": "person", "display_name": "Ada", **changes}

    assert (await wire.call("POST", PATH, body=body, key="k")).status == 400


async def test_what_is_not_there(wire: Wire) -> None:
    subject = await wire.call("GET", f"{PATH}/vsub_NONE")
    attempts = [await do(wire, {"id": "vrf_NONE"}, what) for what in ("resend", "regenerate", "revoke")]

    assert (subject.status, subject.code) == (404, "verification_subject_not_found")
    assert {(reply.status, reply.code) for reply in attempts} == {(404, "verification_not_found")}
