"""The client and the sandbox, two independent readings of one contract, over real HTTP."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import get_args

import pytest

from anton_async import (
    AntonClient,
    ApiKeyCredentials,
    AuthenticationError,
    ConflictError,
    DPoPKey,
    NotFoundError,
    OAuthCredentials,
    Outcome,
    ResponseLostError,
    UnprocessableEntityError,
)
from anton_async.sandbox import Edition, Sandbox
from tests.flows.conftest import ORDER, SEED
from tests.support.clock import SteppedClock
from tests.support.examples import changed

EDITIONS: tuple[Edition, ...] = get_args(Edition)


@pytest.mark.parametrize("edition", EDITIONS)
@pytest.mark.parametrize("require_nonce", [False, True])
async def test_the_whole_slice_works_against_both_editions(edition: Edition, require_nonce: bool) -> None:
    async with (
        Sandbox(seed=SEED, edition=edition, require_nonce=require_nonce) as sandbox,
        AntonClient(credentials=sandbox.credentials, base_url=sandbox.base_url) as anton,
    ):
        payee = await anton.beneficiaries.create(
            type="business",
            country="DE",
            business={
                "legal_name": "Muster GmbH",
                "registration_number": "HRB1",
                "email": "a@example.org",
                "phone": "+493012345678",
                "address": {"street_line_1": "A 1", "city": "Berlin", "postal_code": "10115", "country": "DE"},
            },
        )
        account = await anton.instruments.create(
            payee.id, method="iban", currency="EUR", country="DE", credentials={"iban": "DE89370400440532013000"}
        )
        order = changed(ORDER, beneficiary_id=payee.id, instrument_id=account.id)
        payout = await anton.payouts.create(**order)
        cancelled = await anton.payouts.cancel(payout.id, reason="test")

        assert (await anton.payouts.retrieve(payout.id)).status == cancelled.status == "cancelled"
        assert [event.status for event in await anton.payouts.list_events(payout.id)][-1] == "cancelled"
        assert [found.id async for found in anton.payouts.list(beneficiary_id=payee.id)] == [payout.id]
        assert [found.id async for found in anton.beneficiaries.list(type="business")] == [payee.id]
        assert (await anton.beneficiaries.retrieve(payee.id)).display_name == "Muster GmbH"
        assert [found.id async for found in anton.instruments.list(beneficiary_id=payee.id)] == [account.id]
        assert (await anton.instruments.retrieve(account.id)).country == "DE"
        assert (await anton.batches.retrieve("bat_ONE")).id == "bat_ONE"
        assert [found async for found in anton.batches.list_payouts("bat_ONE")] == []
        assert [found async for found in anton.batches.list_beneficiaries("bat_ONE")] == []
        assert {balance.currency for balance in await anton.balances.list()} == {"EUR", "USD"}
        assert (await anton.balances.retrieve("EUR")).available == Decimal("1000.00")
        assert len((await anton.oauth.key_set()).keys) >= 1


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
async def test_either_kind_of_key_is_accepted(algorithm: str) -> None:
    key = DPoPKey.generate("ES256" if algorithm == "ES256" else "EdDSA")

    async with (
        Sandbox(private_key_pem=key.private_pem()) as sandbox,
        AntonClient(credentials=sandbox.credentials, base_url=sandbox.base_url) as anton,
    ):
        assert await anton.balances.list()


async def test_an_api_key_works_in_the_earlier_edition_only() -> None:
    for edition in EDITIONS:
        async with (
            Sandbox(edition=edition) as sandbox,
            AntonClient(ApiKeyCredentials(sandbox.api_key), base_url=sandbox.base_url) as anton,
        ):
            if edition == "earlier":
                assert await anton.balances.list()
            else:
                with pytest.raises(AuthenticationError) as caught:
                    await anton.balances.list()
                assert caught.value.code == "static_api_keys_disabled"


async def test_a_key_that_is_not_registered_is_refused(sandbox: Sandbox) -> None:
    stranger = OAuthCredentials(
        client_id=sandbox.client_id, client_secret=sandbox.client_secret, key=DPoPKey.generate()
    )

    async with AntonClient(credentials=stranger, base_url=sandbox.base_url) as anton:
        with pytest.raises(AuthenticationError) as caught:
            await anton.balances.list()

    assert (caught.value.status, caught.value.code, caught.value.outcome) == (
        400,
        "invalid_dpop_proof",
        Outcome.NOT_SENT,
    )


@pytest.mark.fault("C06", "E01")
async def test_a_payout_whose_answers_are_lost_is_executed_once(anton: AntonClient, sandbox: Sandbox) -> None:
    sandbox.on("createPayout").drop_response(times=2)

    response = await anton.payouts.with_response.create(**ORDER, idempotency_key="k1")

    assert sandbox.executed == {"k1": 1}
    assert (response.attempts, response.idempotent_replayed) == (3, True)
    assert (await anton.balances.retrieve("EUR")).available == Decimal("990.00")


@pytest.mark.fault("C06")
async def test_a_payout_whose_answers_are_all_lost_can_be_settled_under_its_key(
    anton: AntonClient, sandbox: Sandbox
) -> None:
    sandbox.on("createPayout").drop_response(times=2)
    with pytest.raises(ResponseLostError) as caught:
        await anton.payouts.create(**ORDER, max_retries=1)
    assert caught.value.outcome is Outcome.UNKNOWN
    key = caught.value.idempotency_key
    assert key is not None

    again = await anton.payouts.with_response.create(**ORDER, idempotency_key=key)

    assert again.idempotent_replayed
    assert sandbox.executed == {key: 1}


async def test_a_key_used_for_another_body_is_a_conflict(anton: AntonClient) -> None:
    await anton.payouts.create(**ORDER, idempotency_key="k1")

    with pytest.raises(ConflictError) as caught:
        await anton.payouts.create(**changed(ORDER, reference="S-2"), idempotency_key="k1")

    assert caught.value.code == "idempotency_conflict"


async def test_refusals_carry_their_code(anton: AntonClient) -> None:
    with pytest.raises(UnprocessableEntityError) as poor:
        await anton.payouts.create(**changed(ORDER, source_amount="5000", dest_amount="5000"))
    with pytest.raises(NotFoundError) as absent:
        await anton.payouts.retrieve("pay_NONE")

    assert (poor.value.code, absent.value.code) == ("insufficient_balance", "payout_not_found")
    assert absent.value.request_id is not None


@pytest.mark.fault("L01")
async def test_a_thousand_creates_at_once_do_not_mix() -> None:
    seed = {**SEED, "balances": {"EUR": "1000000.00"}}

    async with (
        Sandbox(seed=seed, rate_limit_per_minute=5_000) as sandbox,
        AntonClient(
            credentials=sandbox.credentials, base_url=sandbox.base_url, concurrency=50, rate_limit=None
        ) as anton,
    ):
        references = [f"R-{number}" for number in range(1_000)]
        payouts = await asyncio.gather(
            *(anton.payouts.create(**changed(ORDER, reference=text), idempotency_key=text) for text in references)
        )

        assert [payout.reference for payout in payouts] == references
        assert sandbox.executed == dict.fromkeys(references, 1)
        jtis = [request.jti for request in sandbox.requests if request.jti is not None]
        assert len(set(jtis)) == len(jtis)


async def test_the_client_paces_itself_to_the_merchants_quota() -> None:
    clock = SteppedClock()

    async with (
        Sandbox(seed=SEED, rate_limit_per_minute=10, clock=clock) as sandbox,
        AntonClient(credentials=sandbox.credentials, base_url=sandbox.base_url, clock=clock, timeout=10_000) as anton,
    ):
        for _ in range(35):
            await anton.balances.retrieve("EUR")

    assert {request.status for request in sandbox.requests} == {200}
    assert 3 * 60 <= sum(clock.pauses) < 3 * 60 + 5


@pytest.mark.fault("J12")
async def test_a_token_that_ends_between_pages_is_invisible() -> None:
    clock = SteppedClock()
    payouts = [{"beneficiary_id": "ben_ADA", "instrument_id": "ins_ADA", "reference": f"R-{n}"} for n in range(5)]

    async with (
        Sandbox(seed={**SEED, "payouts": payouts}, token_lifetime=60, clock=clock) as sandbox,
        AntonClient(credentials=sandbox.credentials, base_url=sandbox.base_url, clock=clock) as anton,
    ):
        seen: list[str] = []
        async for page in anton.payouts.list(limit=2).pages():
            seen += [payout.reference for payout in page.data]
            clock.step(61)

    assert sorted(seen) == [f"R-{n}" for n in range(5)]


async def test_waiting_follows_a_payout_to_its_end() -> None:
    clock = SteppedClock()

    async with (
        Sandbox(seed=SEED, settle=30.0, clock=clock) as sandbox,
        AntonClient(credentials=sandbox.credentials, base_url=sandbox.base_url, clock=clock) as anton,
    ):
        payout = await anton.payouts.create(**ORDER)
        done = await anton.payouts.wait(payout.id, timeout=300)

    assert (payout.status, done.status) == ("pending_screening", "completed")
