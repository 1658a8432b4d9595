from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from anton_async.sandbox import Sandbox
from tests.sandbox.conftest import OpenSandbox


async def test_without_a_seed_there_is_money_and_nobody_to_pay(open_sandbox: OpenSandbox) -> None:
    wire = await open_sandbox(seed=None)

    balances = (await wire.call("GET", "/v1/balances")).data
    beneficiaries = (await wire.call("GET", "/v1/beneficiaries")).data

    assert {"USD", "EUR", "GBP"} <= {balance["currency"] for balance in balances}
    assert next(balance for balance in balances if balance["currency"] == "JPY")["total"] == "500000000"
    assert beneficiaries == []


async def test_a_seed_may_be_a_file(open_sandbox: OpenSandbox, tmp_path: Path) -> None:
    path = tmp_path / "seed.json"
    path.write_text(json.dumps({"balances": {"USD": "1.50"}, "beneficiaries": [{"id": "ben_1"}]}))

    wires = [await open_sandbox(seed=seed) for seed in (path, str(path))]

    for wire in wires:
        assert await wire.balance() == ("1.50", "0.00", "1.50")
        assert (await wire.call("GET", "/v1/beneficiaries/ben_1")).status == 200


async def test_a_few_words_make_a_payable_beneficiary(open_sandbox: OpenSandbox) -> None:
    seed = {"beneficiaries": [{"id": "ben_1"}], "instruments": [{"id": "ins_1", "beneficiary_id": "ben_1"}]}
    wire = await open_sandbox(seed=seed)

    assert (await wire.pay(beneficiary_id="ben_1", instrument_id="ins_1")).status == 201


async def test_every_given_field_is_shown(open_sandbox: OpenSandbox) -> None:
    batch = {
        "id": "bat_1",
        "status": "processing",
        "file_name": "payroll.xlsx",
        "file_format": "xlsx",
        "total_rows": 3,
        "summary": {"new_beneficiaries": 1, "methods": {"iban": 2}},
        "total_amount": "12345.67",
        "expires_at": "2026-04-15T14:30:00Z",
        "created_at": "2026-04-14T14:30:00Z",
    }
    instrument = {"id": "ins_1", "beneficiary_id": "ben_1", "masked_account": "DE89****5432", "is_default": True}
    beneficiary = {"id": "ben_1", "risk_score": 700, "risk_tier": "HIGH", "metadata": {"team": "a"}}
    wire = await open_sandbox(seed={"batches": [batch], "beneficiaries": [beneficiary], "instruments": [instrument]})

    for path, given in (
        ("/v1/batches/bat_1", batch),
        ("/v1/instruments/ins_1", instrument),
        ("/v1/beneficiaries/ben_1", beneficiary),
    ):
        shown = (await wire.call("GET", path)).data
        assert {name: shown[name] for name in given} == given


async def test_seeded_payouts_under_way_hold_their_reserve(open_sandbox: OpenSandbox) -> None:
    payout = {
        "beneficiary_id": "ben_1",
        "instrument_id": "ins_1",
        "source_amount": "100.00",
        "fee": "2.00",
        "buffer_amount": "1.00",
        "buffer_currency": "USD",
    }
    payouts = [{**payout, "id": "pay_LIVE", "status": "approved"}, {**payout, "id": "pay_DONE"}]
    wire = await open_sandbox(seed={"balances": {"USD": "10.00"}, "payouts": payouts})

    before = await wire.balance()
    cancelled = await wire.call("POST", "/v1/payouts/pay_LIVE/cancel", key="k")
    after = await wire.balance()

    assert (before, cancelled.status, after) == (
        ("10.00", "103.00", "113.00"),
        200,
        ("113.00", "0.00", "113.00"),
    )
    events = (await wire.call("GET", "/v1/payouts/pay_DONE/events")).data
    assert [event["status"] for event in events] == ["completed"]


async def test_a_batch_lists_what_belongs_to_it(open_sandbox: OpenSandbox) -> None:
    seed = {
        "batches": [{"id": "bat_1"}],
        "beneficiaries": [{"id": "ben_1", "source_batch_id": "bat_1", "created_via": "batch"}, {"id": "ben_2"}],
        "payouts": [
            {"id": "pay_1", "batch_id": "bat_1", "beneficiary_id": "ben_1", "instrument_id": "ins_1"},
            {"id": "pay_2", "beneficiary_id": "ben_1", "instrument_id": "ins_1"},
        ],
    }
    wire = await open_sandbox(seed=seed)

    payouts = (await wire.call("GET", "/v1/batches/bat_1/payouts")).data
    beneficiaries = (await wire.call("GET", "/v1/batches/bat_1/beneficiaries")).data
    filtered = (await wire.call("GET", "/v1/beneficiaries?source_batch_id=bat_1&created_via=batch")).data

    assert [item["id"] for item in payouts] == ["pay_1"]
    assert [item["id"] for item in beneficiaries] == [item["id"] for item in filtered] == ["ben_1"]


@pytest.mark.parametrize(
    ("seed", "says"),
    [
        ({"users": []}, "users"),
        ({"beneficiaries": [{"id": "ben_1", "name": "x"}]}, "name"),
        ({"beneficiaries": [{"id": "ben_1"}, {"id": "ben_1"}]}, "ben_1 is used twice"),
        ({"instruments": [{"id": "ins_1", "beneficiary_id": "ben_9"}]}, "ben_9, which the seed does not hold"),
        ({"payouts": [{"beneficiary_id": "b", "instrument_id": "i", "batch_id": "bat_9"}]}, "bat_9"),
        ({"balances": {"USD": "much"}}, "decimal"),
        ({"balances": {"USD": "NaN"}}, "balance in USD"),
        ({"balances": {"USD": "-1"}}, "balance in USD"),
        ({"batches": [{"id": "bat_1", "expires_at": "soon"}]}, "expires_at"),
    ],
)
def test_a_wrong_seed_is_refused_with_the_reason(seed: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Sandbox(seed=seed)
