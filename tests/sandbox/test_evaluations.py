from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.wire import Reply, Wire

PATH = "/v1/intelligence/evaluations"
PAYOUT = {"amount": {"value": "100.00", "currency": "USD"}, "source_country": "US", "destination_country": "DE"}
WALLET = {"type": "crypto_wallet", "crypto_wallet": {"network": "bitcoin", "address": "bc1qxy2kgdygjrsqtzq2n0yrf2493p"}}


def request(name: str | None = "John Doe", use_case: str = "payee_registration", **more: Any) -> dict[str, Any]:
    entity: dict[str, Any] = {"type": "person", "reference_id": "cust_1"} | ({} if name is None else {"name": name})
    return {"use_case": use_case, "entity": entity, **more}


async def evaluate(wire: Wire, body: Any, key: str | None = "k") -> Reply:
    return await wire.call("POST", PATH, body=body, key=key)


@pytest.mark.parametrize(
    ("name", "verdict", "review"),
    [
        ("John Doe", ("approve", "low", "none"), None),
        ("Sanctioned Sam", ("decline", "critical", "decline"), "possible_sanctions_match"),
        ("Polly Pep", ("review_manual", "high", "manual_review"), "possible_pep_match"),
        ("Possible Paul", ("review_auto", "medium", "request_more_information"), "screening_review"),
        ("Unusual Una", ("review_manual", "high", "manual_review"), "manual"),
    ],
)
async def test_the_name_decides(wire: Wire, name: str, verdict: tuple[str, str, str], review: str | None) -> None:
    made = (await evaluate(wire, request(name))).data

    assert (made["decision"], made["risk_level"], made["next_action"]) == verdict
    assert (await wire.call("GET", f"{PATH}/{made['evaluation_id']}")).data == made
    evidence = (await wire.call("GET", f"{PATH}/{made['evaluation_id']}/evidence")).data
    assert evidence["evaluation"] == made
    assert len(evidence["findings"]) == made["summary"]["findings_count"] == (review is not None)
    reviews = (await wire.call("GET", "/v1/intelligence/reviews")).data
    assert [(one["kind"], one["evaluation_id"]) for one in reviews] == (
        [] if review is None else [(review, made["evaluation_id"])]
    )
    assert "Sam" not in str(evidence)


async def test_a_payout_is_screened_in_the_background(wire: Wire) -> None:
    pending = await evaluate(wire, request(use_case="payout_screening", payout=PAYOUT, client_reference_id="r"))
    path = pending.headers["Location"]

    assert (pending.status, pending.data["status"]) == (202, "pending")
    evidence = await wire.call("GET", f"{path}/evidence")
    assert (evidence.status, evidence.code) == (404, "evaluation_not_found")
    assert (await wire.call("GET", PATH)).data == []
    wire.clock.step(10)
    done = (await wire.call("GET", path)).data
    assert (done["status"], done["evaluation_id"]) == ("complete", pending.data["evaluation_id"])
    [event] = await wire.events("intelligence.evaluation.completed")
    assert event["payload"]["evaluation_id"] == done["evaluation_id"]
    assert [one["evaluation_id"] for one in (await wire.call("GET", PATH)).data] == [done["evaluation_id"]]


async def test_a_pending_evaluation_can_be_polled(wire: Wire) -> None:
    path = (await evaluate(wire, request(use_case="payout_screening", payout=PAYOUT))).headers["Location"]

    seen: list[str] = []
    for _ in range(3):
        reply = await wire.send("GET", path, headers=await wire.credentials("GET", path))
        seen.append(reply.data["status"])
        wire.clock.step(0.6)

    assert seen == ["pending", "processing", "processing"]


async def test_a_screening_can_fail(wire: Wire) -> None:
    path = (await evaluate(wire, request("Error Eve", "payout_screening", payout=PAYOUT))).headers["Location"]
    wire.clock.step(10)

    reply = await wire.send("GET", path, headers=await wire.credentials("GET", path))

    assert (reply.data["status"], bool(reply.data["failure_reason"])) == ("failed", True)
    assert len(await wire.events("intelligence.evaluation.failed")) == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (request(None), "entity.name"),
        (request(use_case="merchant_onboarding"), "entity.type"),
        (request(use_case="instrument_screening"), "instrument"),
        (request(use_case="payout_screening"), "payout"),
        (request(None, "payout_screening", payout=PAYOUT), "entity"),
        (request(None, "monitoring"), "entity"),
        (request(use_case="instrument_screening", instrument={"type": "card"}), "instrument.card"),
        (request(use_case="instrument_screening", instrument={**WALLET, "type": "iban"}), "instrument.crypto_wallet"),
        (request(use_case="gossip"), "use_case"),
    ],
)
@pytest.mark.parametrize("what", ["", "/validate"])
async def test_what_a_use_case_needs_is_named(wire: Wire, body: Any, field: str, what: str) -> None:
    reply = await wire.call("POST", f"{PATH}{what}", body=body, key="k")

    assert (reply.status, reply.code) == (422, "validation_error")
    assert reply.json["error"]["details"][0]["field"] == field


@pytest.mark.parametrize(
    ("body", "code"),
    [({**request(), "subject": 1}, "unknown_field"), ({**request(), "entity": "John"}, "type_mismatch")],
)
async def test_the_contract_is_strict(wire: Wire, body: Any, code: str) -> None:
    reply = await evaluate(wire, body)

    assert (reply.status, reply.code) == (400, code)


async def test_an_instrument_can_be_screened_without_a_name(wire: Wire) -> None:
    made = (await evaluate(wire, request(None, "instrument_screening", instrument=WALLET))).data

    assert (made["event_type"], made["summary"]["instrument_type"]) == ("instrument.create", "crypto_wallet")


async def test_a_validation_stores_nothing(wire: Wire) -> None:
    reply = await wire.call("POST", f"{PATH}/validate", body=request())

    assert (reply.data["valid"], reply.data["event_type"]) == (True, "payee.create")
    assert (await wire.call("GET", PATH)).data == []


async def test_the_key_may_be_in_the_body(wire: Wire) -> None:
    body = {**request(), "idempotency_key": "in-body"}

    first, again = await evaluate(wire, body, None), await evaluate(wire, body, None)
    without = await evaluate(wire, request(), None)

    assert first.data["evaluation_id"] == again.data["evaluation_id"]
    assert (without.status, without.code) == (400, "missing_idempotency_key")


async def test_pages_always_have_a_cursor(wire: Wire) -> None:
    made = [(await evaluate(wire, request(), str(number))).data["evaluation_id"] for number in range(3)]

    first = await wire.call("GET", f"{PATH}?limit=2")
    last = await wire.call("GET", f"{PATH}?limit=2&cursor={first.json['next_cursor']}")

    assert [one["evaluation_id"] for one in first.data + last.data] == made[::-1]
    assert (last.json["has_more"], last.json["next_cursor"]) == (False, "")


async def test_an_unknown_evaluation(wire: Wire) -> None:
    reply = await wire.call("GET", f"{PATH}/eval_NONE")

    assert (reply.status, reply.code) == (404, "evaluation_not_found")
