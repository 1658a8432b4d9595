from __future__ import annotations

from typing import Any

import pytest

from anton_async.sandbox import Sandbox
from tests.sandbox.conftest import OpenSandbox
from tests.sandbox.test_batches import JANE_IN_DOLLARS, batch, confirm, validated
from tests.sandbox.wire import SEED, Wire


async def low_balances(wire: Wire) -> list[tuple[str, str]]:
    told = [event["payload"] for event in await wire.events("balance.low")]
    return [(data["balance_amount"], data["threshold_amount"]) for data in told]


async def deposit(wire: Wire, amount: str) -> None:
    body = {"currency": "USD", "amount": amount}
    assert (await wire.call("POST", "/v1/sandbox/deposits", body=body, key=amount)).status == 201


async def test_a_low_balance_is_told_once_each_time_it_falls(open_sandbox: OpenSandbox) -> None:
    wire = await open_sandbox(seed={**SEED, "balance_alerts": {"USD": "9900.00", "EUR": "1.00"}})

    await wire.pay()
    assert await low_balances(wire) == []  # just at the threshold
    await wire.pay(source_amount="1.00", dest_amount="1.00")
    await wire.pay(source_amount="2.00", dest_amount="2.00")
    assert await low_balances(wire) == [("9899.00", "9900.00")]
    await deposit(wire, "5.00")
    await wire.pay(source_amount="3.00", dest_amount="3.00")

    assert await low_balances(wire) == [("9899.00", "9900.00"), ("9899.00", "9900.00")]


async def test_a_balance_that_was_low_from_the_start_did_not_fall(open_sandbox: OpenSandbox) -> None:
    wire = await open_sandbox(seed={**SEED, "balance_alerts": {"USD": "10000.01"}})

    await wire.pay()
    assert await low_balances(wire) == []
    await deposit(wire, "1000.00")
    await wire.pay(source_amount="900.00", dest_amount="900.00")

    assert await low_balances(wire) == [("10000.00", "10000.01")]


async def test_an_exchange_makes_a_balance_low(open_sandbox: OpenSandbox) -> None:
    wire = await open_sandbox(seed={**SEED, "balance_alerts": {"USD": "9500"}})
    wish = {"sell_currency": "USD", "buy_currency": "EUR", "sell_amount": "1000.00"}
    quote = (await wire.call("POST", "/v1/fx/quote", body=wish)).data["id"]

    await wire.call("POST", "/v1/fx/exchange", body={"quote_id": quote}, key="k")

    assert await low_balances(wire) == [("9000.00", "9500.00")]


async def test_a_payout_over_the_velocity_limit_is_refused(open_sandbox: OpenSandbox) -> None:
    wire = await open_sandbox(seed={**SEED, "velocity_limits": {"USD": "100.00"}})
    before = await wire.balance()

    reply = await wire.pay(source_amount="100.01", dest_amount="100.01")

    assert (reply.status, reply.code) == (403, "velocity_blocked")
    assert await wire.balance() == before
    assert (await wire.pay()).status == 201


async def test_a_batch_warns_of_rows_over_the_velocity_limit_and_fails_them(open_sandbox: OpenSandbox) -> None:
    wire = await open_sandbox(seed={**SEED, "velocity_limits": {"USD": "20.00"}})

    made: Any = await validated(wire, JANE_IN_DOLLARS)
    warnings = (await batch(wire, made["id"], "/errors"))["warnings"]
    await confirm(wire, made["id"])
    wire.clock.step(10)

    assert (made["status"], made["warning_rows"]) == ("validated", 1)
    assert [(one["row"], one["type"]) for one in warnings] == [(2, "velocity_block_predicted")]
    assert (await batch(wire, made["id"]))["status"] == "failed"
    assert [one["status"] for one in await batch(wire, made["id"], "/results")] == ["failed"]


@pytest.mark.parametrize("name", ["balance_alerts", "velocity_limits"])
@pytest.mark.parametrize("amount", ["0", "-1", "NaN"])
def test_a_limit_is_a_positive_amount(name: str, amount: str) -> None:
    with pytest.raises(ValueError, match="must be a decimal above 0"):
        Sandbox(seed={name: {"USD": amount}})
