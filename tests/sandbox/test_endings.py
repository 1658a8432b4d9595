from __future__ import annotations

import pytest

from tests.sandbox.wire import Wire, order


async def ended(wire: Wire, ending: str) -> tuple[str, list[str], bool, tuple[str, str, str]]:
    reply = await wire.call("POST", f"/v1/payouts?simulate={ending}", body=order(), key=ending)
    wire.clock.step(60)
    payout = (await wire.call("GET", f"/v1/payouts/{reply.data['id']}")).data
    told = [event["type"].removeprefix("payout.") for event in await wire.events()]
    return payout["status"], told, payout["on_hold"], await wire.balance()


SPENT, WHOLE, HELD = ("9900.00", "0.00", "9900.00"), ("10000.00", "0.00", "10000.00"), ("9900.00", "100.00", "10000.00")
TO_RAIL = ["created", "approved", "processing"]


@pytest.mark.parametrize(
    ("ending", "status", "told", "balance"),
    [
        ("completed", "completed", [*TO_RAIL, "sent", "completed"], SPENT),
        ("slow", "completed", [*TO_RAIL, "sent", "completed"], SPENT),
        ("failed", "failed", [*TO_RAIL, "failed"], WHOLE),
        ("returned", "returned", [*TO_RAIL, "sent", "returned"], WHOLE),
        ("velocity_blocked", "velocity_blocked", ["created", "velocity_blocked"], WHOLE),
        ("engine_blocked", "velocity_blocked", ["created", "velocity_blocked", "engine_blocked"], WHOLE),
        ("cannot_be_processed", "cannot_be_processed", ["created", "cannot_be_processed"], WHOLE),
        ("screening_failed", "screening_failed", ["created", "screening_failed"], HELD),
        ("manual_review", "manual_review", ["created"], HELD),
        ("pending_engine_review", "pending_engine_review", ["created"], HELD),
    ],
)
async def test_a_payout_can_be_asked_to_end_in_every_documented_way(
    wire: Wire, ending: str, status: str, told: list[str], balance: tuple[str, str, str]
) -> None:
    found = await ended(wire, ending)

    assert found == (status, told, balance == HELD, balance)


async def test_a_failed_payout_says_why_in_its_timeline(wire: Wire) -> None:
    reply = await wire.call("POST", "/v1/payouts?simulate=failed", body=order(), key="k")
    wire.clock.step(60)

    events = (await wire.call("GET", f"/v1/payouts/{reply.data['id']}/events")).data

    assert events[-1]["metadata"]["failure_code"] == "provider_rejected"


async def test_a_payout_on_hold_cannot_be_cancelled(wire: Wire) -> None:
    reply = await wire.call("POST", "/v1/payouts?simulate=screening_failed", body=order(), key="k")
    wire.clock.step(60)

    cancel = await wire.call("POST", f"/v1/payouts/{reply.data['id']}/cancel", key="c")

    assert (cancel.status, cancel.code) == (409, "payout_on_hold")


async def test_a_cancelled_payout_is_told_with_what_was_released(wire: Wire) -> None:
    payout = (await wire.pay()).data
    await wire.call("POST", f"/v1/payouts/{payout['id']}/cancel", key="c")
    wire.clock.step(60)

    [event] = await wire.events("payout.cancelled")

    assert event["payload"]["previous_status"] == "pending_screening"
    assert event["payload"]["released_amount"] == "100.00"
    assert len(await wire.events()) == 2


async def test_an_unknown_ending_is_refused(wire: Wire) -> None:
    reply = await wire.call("POST", "/v1/payouts?simulate=glory", body=order(), key="k")

    assert (reply.status, reply.code) == (422, "validation_error")
