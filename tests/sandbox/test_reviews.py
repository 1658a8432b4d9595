from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.sandbox.wire import Reply, Wire

PATH = "/v1/intelligence/reviews"


async def opened(wire: Wire, name: str = "Sanctioned Sam", key: str = "e") -> Any:
    entity = {"type": "person", "name": name, "reference_id": "cust_7731"}
    body = {"use_case": "payee_registration", "entity": entity}
    await wire.call("POST", "/v1/intelligence/evaluations", body=body, key=key)
    return (await wire.call("GET", PATH)).data[0]


async def decide(wire: Wire, review: Any, decision: str, reason: str, key: str = "d", **more: str) -> Reply:
    body = {"decision": decision, "reason_code": reason, **more}
    return await wire.call("POST", f"{PATH}/{review['id']}/decisions", body=body, key=key)


async def current(wire: Wire, review: Any) -> Any:
    return (await wire.call("GET", f"{PATH}/{review['id']}")).data


async def told(wire: Wire) -> list[str]:
    prefix = "intelligence.review."
    return [one["type"].removeprefix(prefix) for one in await wire.events() if one["type"].startswith(prefix)]


async def test_an_opened_review_names_nobody(wire: Wire) -> None:
    review = await opened(wire)

    assert (review["kind"], review["status"], review["priority"]) == ("possible_sanctions_match", "open", "high")
    assert review["subject"] == {"type": "person", "display": "S*** S***", "reference": "cust_7731"}
    [event] = await wire.events("intelligence.review.opened")
    assert event["payload"]["review_id"] == review["id"]
    assert "Sam" not in str(await current(wire, review))


async def test_a_clearing_decision_waits_for_a_colleague(wire: Wire) -> None:
    review = await opened(wire)

    proposed = (await decide(wire, review, "not_a_match", "dob_differs", note="His birthday is another.")).data
    waiting = await current(wire, review)
    second = await decide(wire, review, "confirmed_match", "other", "d2")
    wire.clock.step(5)
    closed = await current(wire, review)

    assert (proposed["review"]["status"], proposed["decision"]["approval_rule"]) == (
        "awaiting_approval",
        "api_clearance",
    )
    assert waiting["pending_decision_id"] == proposed["decision"]["id"]
    assert (second.status, second.code) == (409, "decision_pending")
    assert (closed["status"], closed["outcome"]) == ("closed", "not_a_match")
    assert closed["decisions"][0]["approval"]["outcome"] == "approved"
    assert closed["decisions"][0]["note_recorded"] is True
    assert "birthday" not in str(closed)
    assert await told(wire) == ["opened", "decision_proposed", "decided", "closed"]


async def test_a_confirmed_screening_review_closes_at_once(wire: Wire) -> None:
    review = await opened(wire, "Possible Paul")

    made = (await decide(wire, review, "confirmed_match", "identity_confirmed")).data
    again = await decide(wire, review, "confirmed_match", "other", "d2")
    note = await wire.call("POST", f"{PATH}/{review['id']}/notes", body={"text": "x"}, key="n")

    assert (made["review"]["status"], made["decision"]["requires_approval"]) == ("closed", False)
    assert {(reply.status, reply.code) for reply in (again, note)} == {(409, "review_closed")}
    assert await told(wire) == ["opened", "decided", "closed"]


async def test_waiting_on_the_customer_stops_the_clock(wire: Wire) -> None:
    review = await opened(wire)
    early = await wire.call("POST", f"{PATH}/{review['id']}/resume", key="r0")
    await decide(wire, review, "waiting_on_customer", "dob_needed")
    paused = await current(wire, review)
    wire.sandbox.clock.advance(24 * 3600)

    resumed = (await wire.call("POST", f"{PATH}/{review['id']}/resume", key="r")).data

    assert (early.status, early.code) == (409, "review_not_waiting")
    assert (paused["status"], paused["overdue"], "paused_at" in paused) == ("waiting_on_customer", False, True)
    waited = datetime.fromisoformat(resumed["due_at"]) - datetime.fromisoformat(review["due_at"])
    assert waited == timedelta(hours=24)
    assert (resumed["status"], resumed["overdue"]) == ("open", False)
    assert await told(wire) == ["opened", "decided", "reopened"]


async def test_a_review_is_overdue_once(wire: Wire) -> None:
    review = await opened(wire)
    wire.sandbox.clock.advance(4 * 3600 + 1)

    assert (await current(wire, review))["overdue"] is True
    wire.sandbox.clock.advance(24 * 3600)
    assert (await told(wire)).count("overdue") == 1


@pytest.mark.parametrize(
    ("name", "decision", "reason", "code"),
    [
        ("Sanctioned Sam", "no_concern", "other", "invalid_decision"),
        ("Sanctioned Sam", "release", "other", "invalid_decision"),
        ("Unusual Una", "not_a_match", "other", "invalid_decision"),
        ("Sanctioned Sam", "not_a_match", "identity_confirmed", "invalid_reason_code"),
    ],
)
async def test_a_decision_that_does_not_fit(wire: Wire, name: str, decision: str, reason: str, code: str) -> None:
    reply = await decide(wire, await opened(wire, name), decision, reason)

    assert (reply.status, reply.code) == (422, code)


async def test_a_note_has_its_limits_and_is_never_shown(wire: Wire) -> None:
    review = await opened(wire)

    made = (await wire.call("POST", f"{PATH}/{review['id']}/notes", body={"text": "Called him."}, key="n")).data
    long = await decide(wire, review, "confirmed_match", "other", note="x" * 2001)

    assert (long.status, long.code) == (422, "note_too_long")
    shown = await current(wire, review)
    assert shown["notes"] == [made]
    assert "Called" not in str(shown)
    assert (await told(wire))[-1] == "note_added"


async def test_reviews_are_filtered_and_paged(wire: Wire) -> None:
    first = await opened(wire, "Sanctioned Sam", "a")
    wire.sandbox.clock.advance(48 * 3600)
    second = await opened(wire, "Unusual Una", "b")
    await decide(wire, second, "concern_confirmed", "policy_breach")

    async def listed(query: str) -> list[str]:
        return [one["id"] for one in (await wire.call("GET", f"{PATH}?{query}")).data]

    assert await listed("") == [second["id"], first["id"]]
    assert await listed("status=closed") == [second["id"]]
    assert await listed("kind=possible_sanctions_match") == [first["id"]]
    assert await listed(f"created_after={second['created_at']}") == [second["id"]]
    assert await listed(f"created_before={second['created_at']}") == [first["id"]]
    day = first["created_at"][:10]
    assert await listed(f"created_after={day}") == [second["id"], first["id"]]
    assert await listed(f"created_before={day}") == []
    page = await wire.call("GET", f"{PATH}?limit=1")
    assert await listed(f"limit=1&cursor={page.json['next_cursor']}") == [first["id"]]
    for bad in ("status=asleep", "created_after=yesterday", "created_before=2026-13-01"):
        reply = await wire.call("GET", f"{PATH}?{bad}")
        assert (reply.status, reply.code) == (422, "validation_error")


async def test_the_settings_can_be_read(wire: Wire) -> None:
    assert (await wire.call("GET", f"{PATH}/settings")).data["api_clearance_requires_approval"] is True


async def test_a_review_that_is_not_there(wire: Wire) -> None:
    replies = [
        await wire.call("GET", f"{PATH}/irv_NONE"),
        await decide(wire, {"id": "irv_NONE"}, "not_a_match", "other"),
    ]
    replies.append(await wire.call("POST", f"{PATH}/irv_NONE/case-file"))

    assert {(reply.status, reply.code) for reply in replies} == {(404, "review_not_found")}


async def export(wire: Wire, start: str, end: str, key: str | None = None, **more: str) -> Reply:
    return await wire.call("POST", f"{PATH}/exports/csv", body={"from": start, "to": end, **more}, key=key)


async def test_a_range_is_exported_as_csv(wire: Wire) -> None:
    review = await opened(wire)

    reply = await export(wire, "2026-09-01", "2026-10-01")

    lines = reply.body.decode().splitlines()
    assert (reply.status, reply.content_type, len(lines)) == (200, "text/csv", 2)
    assert lines[1].startswith(f"{review['id']},{review['number']},")
    assert reply.headers["X-Export-Id"]
    assert len((await export(wire, "2026-09-01", "2026-10-01", status="closed")).body.splitlines()) == 1
    assert len((await export(wire, "2026-10-01", "2026-11-01")).body.splitlines()) == 1


@pytest.mark.parametrize(
    ("start", "end"), [("2026-01-01", "2027-01-03"), ("2026-01-02", "2026-01-01"), ("soon", "2026-01-01")]
)
async def test_a_range_that_cannot_be_exported(wire: Wire, start: str, end: str) -> None:
    reply = await export(wire, start, end)

    assert (reply.status, reply.code) == (422, "invalid_export_range")


async def test_a_case_file_is_a_pdf(wire: Wire) -> None:
    review = await opened(wire)

    reply = await wire.call("POST", f"{PATH}/{review['id']}/case-file")

    assert (reply.status, reply.content_type) == (200, "application/pdf")
    assert reply.body.startswith(b"%PDF-")
    assert review["number"].encode() in reply.body
    start = int(reply.body.rpartition(b"startxref\n")[2].split()[0])
    assert reply.body[start:].startswith(b"xref")


async def test_exports_take_no_key(wire: Wire) -> None:
    review = await opened(wire)

    replies = [
        await export(wire, "2026-09-01", "2026-10-01", "k"),
        await wire.call("POST", f"{PATH}/{review['id']}/case-file", key="k"),
    ]

    assert {(reply.status, reply.code) for reply in replies} == {(400, "idempotency_key_not_accepted")}
