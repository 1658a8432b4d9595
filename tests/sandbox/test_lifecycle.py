from __future__ import annotations

import pytest

from tests.sandbox.conftest import OpenSandbox
from tests.sandbox.wire import Wire

PATH_OF_A_PAYOUT = [
    "created",
    "pending_screening",
    "pending_approval",
    "approved",
    "processing",
    "sent",
    "completed",
]


async def status_of(wire: Wire, payout_id: str) -> str:
    return str((await wire.call("GET", f"/v1/payouts/{payout_id}")).data["status"])


async def cancel(wire: Wire, payout_id: str, reason: str | None = None) -> tuple[int, str | None]:
    body = None if reason is None else {"reason": reason}
    reply = await wire.call("POST", f"/v1/payouts/{payout_id}/cancel", body=body, key=f"cancel-{payout_id}")
    return reply.status, None if reply.status == 200 else reply.code


async def test_a_payout_moves_with_the_clock(wire: Wire) -> None:
    payout_id = (await wire.pay()).data["id"]

    seen = [await status_of(wire, payout_id)]
    for _ in range(5):
        wire.clock.step(1)
        seen.append(await status_of(wire, payout_id))

    assert seen == PATH_OF_A_PAYOUT[1:]


async def test_every_step_leaves_its_stamp_and_its_event(wire: Wire) -> None:
    payout_id = (await wire.pay()).data["id"]
    wire.clock.step(3600)

    payout = (await wire.call("GET", f"/v1/payouts/{payout_id}")).data
    events = (await wire.call("GET", f"/v1/payouts/{payout_id}/events")).data

    assert [event["status"] for event in events] == PATH_OF_A_PAYOUT
    assert [event.get("previous_status") for event in events] == [None, *PATH_OF_A_PAYOUT[:-1]]
    assert len({event["id"] for event in events}) == 7
    assert all(event["id"].startswith("pev_") and event["payout_id"] == payout_id for event in events)
    moments = {event["status"]: event["occurred_at"] for event in events}
    assert moments["created"] == moments["pending_screening"] == payout["created_at"]
    assert moments["pending_approval"] == payout["screened_at"]
    assert moments["approved"] == payout["approved_at"]
    assert moments["processing"] == payout["processed_at"]
    assert moments["completed"] == payout["completed_at"] == payout["updated_at"]
    assert sorted(moments.values()) == list(moments.values())


async def test_rail_fields_fill_in_on_the_way(wire: Wire) -> None:
    fiat, coin = (
        (await wire.pay()).data["id"],
        (
            await wire.pay(
                instrument_id="ins_JANEUSDC", source_currency="USDC", dest_currency="USDC", method="stablecoin"
            )
        ).data["id"],
    )
    wire.clock.step(3)
    processing = (await wire.call("GET", f"/v1/payouts/{fiat}")).data
    waiting = (await wire.call("GET", f"/v1/payouts/{coin}")).data
    wire.clock.step(2)
    delivered = (await wire.call("GET", f"/v1/payouts/{coin}")).data

    assert (processing["rail_provider"], processing["network"]) == ("partner_bank", "ach")
    assert "tx_hash" not in waiting
    assert delivered["tx_hash"].startswith("0x")
    assert delivered["block_confirmations"] == delivered["required_confirms"]
    assert "tx_hash" not in processing


async def test_money_is_reserved_then_leaves_and_the_buffer_comes_back(wire: Wire) -> None:
    changes = {"instrument_id": "ins_JANEEUR", "dest_currency": "EUR", "dest_amount": "92.00", "method": "sepa"}
    payout_id = (await wire.pay(**changes)).data["id"]
    reserved = await wire.balance()
    wire.clock.step(5)
    settled = await wire.balance()
    payout = (await wire.call("GET", f"/v1/payouts/{payout_id}")).data

    assert reserved == ("9898.50", "101.50", "10000.00")
    assert settled == ("9899.00", "0.00", "9899.00")
    assert (payout["fee_finalized"], payout["total_debited"]) == (True, "101.00")
    assert "buffer_amount" not in payout


@pytest.mark.parametrize(("seconds", "status"), [(0, "pending_screening"), (1, "pending_approval"), (2, "approved")])
async def test_a_payout_can_be_cancelled_before_the_rail(wire: Wire, seconds: int, status: str) -> None:
    payout_id = (await wire.pay()).data["id"]
    wire.clock.step(seconds)

    assert await status_of(wire, payout_id) == status
    assert await cancel(wire, payout_id, "changed my mind") == (200, None)
    assert await wire.balance() == ("10000.00", "0.00", "10000.00")
    wire.clock.step(60)
    payout = (await wire.call("GET", f"/v1/payouts/{payout_id}")).data
    assert (payout["status"], payout["cancelled_reason"]) == ("cancelled", "changed my mind")
    assert "cancelled_at" in payout
    events = (await wire.call("GET", f"/v1/payouts/{payout_id}/events")).data
    assert (events[-1]["status"], events[-1]["actor_type"]) == ("cancelled", "merchant")


@pytest.mark.parametrize("seconds", [3, 4, 5])
async def test_a_payout_on_the_rail_cannot_be_cancelled(wire: Wire, seconds: int) -> None:
    payout_id = (await wire.pay()).data["id"]
    wire.clock.step(seconds)

    assert await cancel(wire, payout_id) == (422, "payout_not_cancellable")


async def test_a_cancelled_payout_cannot_be_cancelled_again(wire: Wire) -> None:
    payout_id = (await wire.pay()).data["id"]
    await cancel(wire, payout_id)

    again = await wire.call("POST", f"/v1/payouts/{payout_id}/cancel", key="another")

    assert (again.status, again.code) == (422, "payout_not_cancellable")


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"status": "manual_review"}, (409, "payout_on_hold")),
        ({"status": "pending_engine_review"}, (409, "payout_on_hold")),
        ({"status": "pending_approval", "on_hold": True}, (409, "payout_on_hold")),
        ({"status": "cannot_be_processed"}, (422, "payout_not_cancellable")),
        ({"status": "pending_approval"}, (200, None)),
    ],
)
async def test_cancelling_a_seeded_payout(
    open_sandbox: OpenSandbox, item: dict[str, object], expected: tuple[int, str | None]
) -> None:
    payout = {"id": "pay_SEEDED", "beneficiary_id": "ben_1", "instrument_id": "ins_1", **item}
    wire = await open_sandbox(seed={"balances": {"USD": "10.00"}, "payouts": [payout]})

    assert await cancel(wire, "pay_SEEDED") == expected


async def test_payouts_can_be_told_to_stay(open_sandbox: OpenSandbox) -> None:
    wire = await open_sandbox(settle=None)
    payout_id = (await wire.pay()).data["id"]
    wire.clock.step(10_000)

    assert await status_of(wire, payout_id) == "pending_screening"


async def test_payouts_can_complete_at_once(open_sandbox: OpenSandbox) -> None:
    wire = await open_sandbox(settle=0)
    payout_id = (await wire.pay()).data["id"]

    assert await status_of(wire, payout_id) == "completed"
