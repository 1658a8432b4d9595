from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.wire import Wire


async def test_a_payout_within_one_currency_is_free(wire: Wire) -> None:
    reply = await wire.pay(rail_type="fiat", metadata={"team": "a"})

    payout = reply.data
    assert reply.status == 201
    assert payout["id"].startswith("pay_")
    assert payout["status"] == "pending_screening"
    assert (payout["source_amount"], payout["dest_amount"], payout["fee"]) == ("100.00", "100.00", "0.00")
    assert (payout["total_debited"], payout["total_debited_currency"]) == ("100.00", "USD")
    assert payout["metadata"] == {"team": "a"}
    assert "exchange_rate" not in payout
    assert "buffer_amount" not in payout


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"fixed_side": "fixed_dest", "dest_amount": "92.00"},
            {"source_amount": "100.00", "dest_amount": "92.00", "total_debited": "101.50"},
        ),
        (
            {"fixed_side": "fixed_source", "source_amount": "100.00"},
            {"source_amount": "100.00", "dest_amount": "92.00", "total_debited": "101.50"},
        ),
        (
            {"fixed_side": "fixed_source", "source_amount": "100.00", "fee_bearer": "beneficiary"},
            {"source_amount": "100.00", "dest_amount": "91.08", "total_debited": "100.50"},
        ),
    ],
)
async def test_a_payout_across_currencies_is_priced(
    wire: Wire, changes: dict[str, Any], expected: dict[str, str]
) -> None:
    reply = await wire.pay(instrument_id="ins_JANEEUR", method="sepa", dest_currency="EUR", **changes)

    assert reply.status == 201
    assert {name: reply.data[name] for name in expected} == expected
    assert (reply.data["exchange_rate"], reply.data["fee"], reply.data["buffer_amount"]) == ("0.92", "1.00", "0.50")


async def test_the_other_amount_is_worked_out(wire: Wire) -> None:
    fixed_dest = await wire.pay(source_amount="1.00", dest_amount="100.00")
    fixed_source = await wire.pay(source_amount="1.00", dest_amount="100.00", fixed_side="fixed_source")

    assert (fixed_dest.data["source_amount"], fixed_source.data["dest_amount"]) == ("100.00", "1.00")


@pytest.mark.parametrize(
    ("changes", "source"),
    [
        ({"source_currency": None}, "USD"),
        ({"source_currency": None, "dest_currency": "EUR", "instrument_id": "ins_JANEEUR"}, "EUR"),
    ],
)
async def test_the_source_currency_may_be_left_out(wire: Wire, changes: dict[str, Any], source: str) -> None:
    assert (await wire.pay(**changes)).data["source_currency"] == source


@pytest.mark.parametrize(
    ("changes", "status", "code", "says"),
    [
        ({"beneficiary_id": "ben_NONE"}, 404, "beneficiary_not_found", ""),
        ({"instrument_id": "ins_NONE"}, 404, "instrument_not_found", ""),
        ({"instrument_id": "ins_ARCHIVED"}, 422, "payout_rejected", "another beneficiary"),
        ({"beneficiary_id": "ben_ARCHIVED", "instrument_id": "ins_ARCHIVED"}, 422, "payout_rejected", "is archived"),
        ({"instrument_id": "ins_DISABLED"}, 422, "payout_rejected", "is disabled"),
        ({"instrument_id": "ins_JANEEUR"}, 422, "payout_rejected", "in EUR, not in USD"),
        ({"source_currency": "CHF"}, 422, "payout_rejected", "corridor from CHF"),
        ({"dest_amount": "10000.01"}, 422, "insufficient_balance", "insufficient funds for this payout"),
        ({"quote_id": "pq_1"}, 422, "quote_mismatch", "quote"),
    ],
)
async def test_what_cannot_be_paid_is_refused_with_its_reason(
    wire: Wire, changes: dict[str, Any], status: int, code: str, says: str
) -> None:
    reply = await wire.pay(**changes)

    assert (reply.status, reply.code) == (status, code)
    assert says in reply.json["error"]["message"]
    assert await wire.balance() == ("10000.00", "0.00", "10000.00")


async def test_an_amount_too_small_to_convert_is_refused(wire: Wire) -> None:
    changes = {"fixed_side": "fixed_source", "fee_bearer": "beneficiary", "source_amount": "0.01"}

    reply = await wire.pay(instrument_id="ins_JANEEUR", dest_currency="EUR", **changes)

    assert (reply.code, reply.json["error"]["message"]) == (
        "payout_rejected",
        "the amount is too small to be converted",
    )


async def test_amounts_have_the_scale_of_their_currency(wire: Wire) -> None:
    changes = {"instrument_id": "ins_JANEUSDC", "source_currency": "USDC", "dest_currency": "USDC"}

    payout = (await wire.pay(**changes, method="stablecoin", dest_amount="1.5")).data

    assert (payout["dest_amount"], payout["rail_type"], payout["token_symbol"]) == ("1.500000", "stablecoin", "USDC")


async def test_weak_points_of_a_session_come_back(wire: Wire) -> None:
    weak = {"ip": "10.0.0.1", "timezone": "Mars/Olympus", "started_at": "2099-01-01T00:00:00Z"}
    good = {"ip": "8.8.8.8", "timezone": "America/Toronto", "started_at": "2026-01-01T00:00:00Z"}

    replies = [await wire.pay(session=session) for session in (weak, good, {"started_at": "earlier"}, {})]

    assert [reply.data.get("session_quality") for reply in replies] == [
        ["non_public_ip", "future_started_at", "unknown_timezone"],
        None,
        ["invalid_started_at"],
        None,
    ]
    stored = await wire.call("GET", f"/v1/payouts/{replies[0].data['id']}")
    assert "session_quality" not in stored.data


async def test_payouts_are_filtered(wire: Wire) -> None:
    first = (await wire.pay(reference="A")).data
    wire.clock.step(10)
    second = (await wire.pay(reference="B", instrument_id="ins_JANEEUR", dest_currency="EUR", method="sepa")).data
    wire.clock.step(0.25)
    third = (await wire.pay(reference="B")).data

    async def ids(query: str) -> list[str]:
        return [payout["id"] for payout in (await wire.call("GET", f"/v1/payouts?{query}")).data]

    assert await ids("") == [third["id"], second["id"], first["id"]]
    assert await ids("reference=B") == [third["id"], second["id"]]
    assert await ids("reference=b") == []
    assert await ids("dest_currency=EUR") == [second["id"]]
    assert await ids("status=completed") == [first["id"]]
    assert await ids("status=completed&status=pending_screening") == [third["id"], second["id"], first["id"]]
    assert await ids("instrument_id=ins_JANEUSD") == [third["id"], first["id"]]
    assert await ids("beneficiary_id=ben_NONE") == []
    assert await ids("batch_id=bat_NONE") == []
    assert await ids(f"created_after={third['created_at']}") == [third["id"]]
    assert await ids(f"created_before={second['created_at']}") == [second["id"], first["id"]]


async def test_a_first_payout_scores_the_beneficiary(wire: Wire) -> None:
    before = (await wire.call("GET", "/v1/beneficiaries/ben_JANE")).data
    await wire.pay()
    after = (await wire.call("GET", "/v1/beneficiaries/ben_JANE")).data

    assert (before["risk_score"], before["risk_tier"]) == (None, None)
    assert (after["risk_score"], after["risk_tier"]) == (120, "LOW")


async def test_a_sandbox_may_run_out_of_money(wire: Wire) -> None:
    statuses = [(await wire.pay(dest_amount="4000.00")).status for _ in range(3)]

    assert statuses == [201, 201, 422]
    assert await wire.balance() == ("2000.00", "8000.00", "10000.00")
