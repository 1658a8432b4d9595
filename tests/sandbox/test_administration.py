from __future__ import annotations

import pytest

from tests.sandbox.conftest import OpenSandbox
from tests.sandbox.wire import Wire


async def deposit(wire: Wire, currency: str, amount: str, key: str | None = None) -> object:
    reply = await wire.call(
        "POST", "/v1/sandbox/deposits", body={"currency": currency, "amount": amount}, key=key or f"{currency}{amount}"
    )
    return reply.data if reply.status == 201 else (reply.status, reply.code)


async def reset(wire: Wire, scope: str, key: str | None = None) -> object:
    reply = await wire.call("POST", f"/v1/merchant/sandbox/reset?scope={scope}", key=key)
    return reply.json if reply.status == 200 else (reply.status, reply.code)


async def test_deposits_stack_and_open_accounts(wire: Wire) -> None:
    first = await deposit(wire, "USD", "100000", "a")
    second = await deposit(wire, "USD", "0.5", "b")
    opened = await deposit(wire, "CHF", "12.34")

    assert first == {"currency": "USD", "deposited": "100000.00", "available": "110000.00"}
    assert second == {"currency": "USD", "deposited": "0.50", "available": "110000.50"}
    assert opened == {"currency": "CHF", "deposited": "12.34", "available": "12.34"}
    assert await wire.balance("CHF") == ("12.34", "0.00", "12.34")
    credited = await wire.events("funding.credit")
    assert [event["payload"]["amount"] for event in credited] == ["100000.00", "0.50", "12.34"]


async def test_a_repeated_deposit_is_made_once(wire: Wire) -> None:
    assert await deposit(wire, "USD", "5", "same") == await deposit(wire, "USD", "5", "same")

    assert (await wire.balance())[0] == "10005.00"


@pytest.mark.parametrize(
    ("currency", "amount", "code"),
    [
        ("AAA", "1", "unsupported_sandbox_currency"),
        ("USD", "0", "validation_error"),
        ("USD", "-1", "validation_error"),
        ("JPY", "1.5", "validation_error"),
        ("USD", "many", "validation_error"),
    ],
)
async def test_a_bad_deposit_is_refused(wire: Wire, currency: str, amount: str, code: str) -> None:
    assert await deposit(wire, currency, amount) == (422, code)


async def test_a_reset_of_balances_keeps_payouts_and_what_they_hold(wire: Wire) -> None:
    payout = (await wire.pay()).data
    await deposit(wire, "USD", "777")

    answer = await reset(wire, "balances")

    assert answer == {"status": "reset", "scope": "balances", "merchant_id": payout["merchant_id"]}
    assert await wire.balance() == ("10000.00", "100.00", "10100.00")
    wire.clock.step(60)
    assert (await wire.call("GET", f"/v1/payouts/{payout['id']}")).data["status"] == "completed"
    assert await wire.balance() == ("10000.00", "0.00", "10000.00")


@pytest.mark.parametrize(("scope", "status", "refilled"), [("all", "cleaned", True), ("delete-all", "deleted", False)])
async def test_a_reset_of_everything_leaves_nothing_behind(
    wire: Wire, scope: str, status: str, *, refilled: bool
) -> None:
    await wire.pay()

    answer = await reset(wire, scope)
    wire.clock.step(60)

    assert isinstance(answer, dict)
    assert answer["status"] == status
    for path in ("payouts", "beneficiaries", "instruments", "batches"):
        assert (await wire.call("GET", f"/v1/{path}")).data == []
    balances = (await wire.call("GET", "/v1/balances")).data
    assert [one["total"] for one in balances] == (["10000.00", "2000.00", "500.000000"] if refilled else [])


async def test_a_full_reset_fills_everything_anew(wire: Wire) -> None:
    answer = await reset(wire, "full-reset")

    assert isinstance(answer, dict)
    assert {name: answer[name] for name in ("beneficiaries", "instruments", "payouts")} == {
        "beneficiaries": 4, "instruments": 4, "payouts": 4,
    }  # fmt: skip
    assert len((await wire.call("GET", "/v1/beneficiaries")).data) == 4


async def test_an_unknown_scope_is_refused(wire: Wire) -> None:
    assert await reset(wire, "some") == (400, "invalid_scope")


async def test_a_key_is_not_needed_for_a_reset_but_kept_when_sent(wire: Wire) -> None:
    first = await reset(wire, "balances", "once")
    await deposit(wire, "USD", "1")
    again = await reset(wire, "balances", "once")
    other = await reset(wire, "all", "once")

    assert again == first
    assert (await wire.balance())[0] == "10001.00"
    assert other == (409, "idempotency_conflict")


async def test_the_documented_baseline_of_a_test_run_works(open_sandbox: OpenSandbox) -> None:
    wire = await open_sandbox(seed=None)
    await reset(wire, "delete-all")

    payees = await wire.call("POST", "/v1/merchant/sandbox/seed-beneficiaries")
    payouts = await wire.call("POST", "/v1/merchant/sandbox/seed-payouts")
    wire.clock.step(60)

    assert (payees.json["beneficiaries"], payees.json["instruments"], payouts.json["created"]) == (4, 4, 4)
    shown = (await wire.call("GET", "/v1/payouts")).data
    assert {payout["status"] for payout in shown} == {"completed", "returned", "failed"}
    assert len({payout["beneficiary_id"] for payout in shown}) == 4
    for balance in (await wire.call("GET", "/v1/balances")).data:
        assert balance["pending"].strip("0.") == ""


async def test_one_of_the_seeded_payouts_is_slow(wire: Wire) -> None:
    await wire.call("POST", "/v1/merchant/sandbox/seed-beneficiaries")
    await wire.call("POST", "/v1/merchant/sandbox/seed-payouts")
    wire.clock.step(10)

    statuses = [payout["status"] for payout in (await wire.call("GET", "/v1/payouts")).data]

    assert sorted(statuses) == ["completed", "failed", "pending_approval", "returned"]


async def test_seeding_has_an_order(wire: Wire) -> None:
    await reset(wire, "delete-all")

    early = await wire.call("POST", "/v1/merchant/sandbox/seed-payouts")
    await wire.call("POST", "/v1/merchant/sandbox/seed-beneficiaries")
    twice = await wire.call("POST", "/v1/merchant/sandbox/seed-beneficiaries")

    assert (early.status, early.code) == (422, "no_beneficiaries")
    assert (twice.status, twice.code) == (422, "duplicate_beneficiary")
    assert len((await wire.call("GET", "/v1/beneficiaries")).data) == 4
