"""What a type checker tells a user: checked by mypy and pyright, run only to be sure that it imports."""

from __future__ import annotations

from decimal import Decimal
from typing import assert_type

from anton_async import AntonClient, ApiResponse, Page
from anton_async.models import Balance, CreatedPayout, Payout


async def what_the_checkers_see(anton: AntonClient) -> None:
    payout = await anton.payouts.create(
        beneficiary_id="ben_1",
        instrument_id="ins_1",
        source_amount=Decimal("1.00"),
        dest_amount="1.00",
        dest_currency="USD",
        method="ach",
        purpose="salary",
        reference="S-1",
        idempotency_key="k",
        timeout=20.0,
        max_retries=5,
    )
    assert_type(payout, CreatedPayout)
    assert_type(await anton.payouts.retrieve(payout.id), Payout)
    assert_type(payout.source_amount, Decimal)
    assert_type(await anton.payouts.list(limit=1), Page[Payout])
    assert_type(await anton.balances.list(), list[Balance])
    async for item in anton.payouts.list(status=["created"]):
        assert_type(item, Payout)
    async for page in anton.payouts.list().pages():
        assert_type(page, Page[Payout])
    assert_type(await anton.payouts.with_response.retrieve("pay_1"), ApiResponse[Payout])
    assert_type(await anton.payouts.with_response.list(limit=5), ApiResponse[Page[Payout]])
    assert_type(await anton.payouts.wait("pay_1", timeout=5), Payout)
    assert_type(await anton.request("GET", "/v1/new", response_type=Balance), Balance)


def test_a_created_payout_is_a_payout() -> None:
    assert issubclass(CreatedPayout, Payout)
