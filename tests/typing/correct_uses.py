"""What users may write, and what the checkers make of it. Checked by `tests/test_typing.py`, never run."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO, Literal, assert_type

from anton_async import (
    AntonClient,
    ApiError,
    ApiKeyCredentials,
    ApiResponse,
    ConflictError,
    Download,
    DPoPKey,
    Environment,
    ErrorCode,
    File,
    FileStream,
    NotFoundError,
    OAuthCredentials,
    Outcome,
    Page,
    Pager,
    RateLimit,
    RequestOptions,
    ServerError,
    UnprocessableEntityError,
)
from anton_async import models as m
from anton_async.models.enums import PAYOUT_STATUS_TERMINAL, PayoutStatus
from anton_async.webhooks import Event, UnknownEvent, WebhookVerifier

SINCE = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)


async def clients() -> None:
    key = DPoPKey.generate("EdDSA")
    credentials = OAuthCredentials(client_id="ant_oc_test_1", client_secret="ant_ocs_test_1", key=key, token_url=None)
    async with AntonClient(credentials, environment=Environment.SANDBOX, rate_limit=RateLimit(500)) as anton:
        assert_type(anton, AntonClient)
    async with AntonClient.from_env(timeout=20, max_retries=2, concurrency=8, rate_limit=None) as anton:
        assert_type(await anton.request("GET", "/v1/new", response_type=m.Balance), m.Balance)
        assert_type(await anton.request("POST", "/v1/new", response_type=dict[str, int], body={"a": 1}), dict[str, int])
        await anton.warm_up()
    anton = await AntonClient(ApiKeyCredentials("ak_test_1"), base_url="http://127.0.0.1:8080").open()
    await anton.close()


async def options(anton: AntonClient) -> None:
    shared: RequestOptions = {"timeout": 20.0, "max_retries": 5, "headers": {"X-Trace": "1"}}
    await anton.payouts.retrieve("pay_1", **shared)
    await anton.payouts.cancel("pay_1", idempotency_key="k", timeout=20, max_retries=0, headers={"X-Trace": "1"})


async def payouts(anton: AntonClient) -> None:
    payout = await anton.payouts.create(
        beneficiary_id="ben_1",
        instrument_id="ins_1",
        source_amount=Decimal("1.00"),
        source_currency="USD",
        dest_amount="1.00",
        dest_currency="USD",
        method="ach",
        rail_type="fiat",
        fixed_side="fixed_dest",
        fee_bearer="merchant",
        purpose="salary",
        reference="S-1",
        metadata={"team": "a"},
        session={"ip": "198.51.100.24"},
        quote_id=None,
        idempotency_key="k",
    )
    assert_type(payout, m.CreatedPayout)
    assert_type(payout.source_amount, Decimal)
    assert_type(payout.fee, Decimal | None)
    assert_type(payout.created_at, dt.datetime)
    assert_type(payout.status, PayoutStatus | str)
    assert_type(payout.status in PAYOUT_STATUS_TERMINAL, bool)
    assert_type(await anton.payouts.retrieve(payout.id), m.Payout)
    assert_type(await anton.payouts.cancel("pay_1", reason="withdrawn"), m.Payout)
    assert_type(await anton.payouts.list_events("pay_1"), list[m.PayoutEvent])
    assert_type(await anton.payouts.wait("pay_1", timeout=5), m.Payout)


async def beneficiaries(anton: AntonClient) -> None:
    individual = {"first_name": "Inês", "address": {"city": "Porto"}}
    made = await anton.beneficiaries.create(type="individual", country="PT", individual=individual)
    assert_type(made, m.Beneficiary)
    assert_type(await anton.beneficiaries.retrieve("ben_1"), m.Beneficiary)
    assert_type(await anton.beneficiaries.update("ben_1", external_ref=None, metadata={}), m.Beneficiary)
    assert_type(await anton.beneficiaries.update_pii("ben_1", individual=individual), m.Beneficiary)
    assert_type(await anton.beneficiaries.archive("ben_1", end_user_ip="198.51.100.24"), m.Beneficiary)
    assert_type(await anton.beneficiaries.restore("ben_1"), m.Beneficiary)
    assert_type(await anton.beneficiaries.rescore("ben_1"), m.BeneficiaryRescoreResult)
    assert_type(await anton.beneficiaries.rescreen("ben_1"), m.BeneficiaryRescreenQueued)
    assert_type(anton.beneficiaries.list(status="active", type="business", country="PT"), Pager[m.Beneficiary])
    await anton.beneficiaries.delete("ben_1")
    preview = await anton.beneficiaries.imports.preview(file="people.csv")
    assert_type(preview, m.BeneficiaryImportPreview)
    assert_type(await anton.beneficiaries.imports.confirm("imp_1"), m.BeneficiaryImportConfirm)
    assert_type(anton.beneficiaries.imports.download_template(type="individual"), Download)


async def instruments(anton: AntonClient) -> None:
    made = await anton.instruments.create("ben_1", method="iban", credentials={"iban": "PT1"}, is_default=True)
    assert_type(made, m.Instrument)
    assert_type(await anton.instruments.retrieve("ins_1"), m.Instrument)
    assert_type(await anton.instruments.update("ins_1", status="disabled"), m.Instrument)
    assert_type(anton.instruments.list(country="DE", method="iban", limit=5), Pager[m.Instrument])
    assert_type(anton.instruments.list_for_beneficiary("ben_1"), Pager[m.Instrument])
    assert_type(await anton.instruments.list_countries(), list[m.InstrumentCountry])
    assert_type(await anton.instruments.list_methods(country="NZ"), list[m.InstrumentMethodSchema])
    await anton.instruments.delete("ins_1")


async def uploads(anton: AntonClient, stream: BinaryIO) -> None:
    await anton.batches.upload(file=stream)
    await anton.beneficiaries.imports.preview(file=stream, file_name="people.csv")


async def batches(anton: AntonClient) -> None:
    assert_type(await anton.batches.upload(file=Path("b.csv"), file_hash="0" * 64), m.Batch)
    await anton.batches.upload(file=b"a,b\n", file_name="b.csv")
    await anton.batches.upload(file=io.BytesIO(), file_name="b.xlsx", idempotency_key="k")
    batch = await anton.batches.wait_until_validated("bat_1", timeout=60)
    assert_type(batch, m.Batch)
    assert_type(await anton.batches.retrieve(batch.id), m.Batch)
    assert_type(await anton.batches.confirm(batch.id, source_currency="EUR"), m.Batch)
    assert_type(await anton.batches.cancel(batch.id), m.Batch)
    assert_type(await anton.batches.wait(batch.id), m.Batch)
    assert_type(await anton.batches.list_errors(batch.id), m.BatchFindings)
    assert_type(anton.batches.list_results(batch.id), Pager[m.BatchRowResult])
    assert_type(anton.batches.list_payouts(batch.id, limit=5), Pager[m.Payout])
    assert_type(anton.batches.list_beneficiaries(batch.id), Pager[m.Beneficiary])
    assert_type(anton.batches.list(status="validated", created_after=SINCE), Pager[m.Batch])
    assert_type(anton.batches.download_template(format="xlsx"), Download)


async def money(anton: AntonClient) -> None:
    assert_type(await anton.balances.list(), list[m.Balance])
    assert_type((await anton.balances.retrieve("USD")).available, Decimal)
    assert_type(await anton.accounts.list(), list[m.MerchantAccount])
    assert_type(await anton.accounts.retrieve("EUR"), m.MerchantAccount)
    assert_type(await anton.accounts.retrieve_details("EUR"), m.AccountDetails)
    assert_type(anton.accounts.list_transactions("EUR", limit=5), Pager[m.MerchantTransaction])
    assert_type(anton.transactions.list(type="credit", created_before=SINCE), Pager[m.MerchantTransaction])
    assert_type(await anton.pricing.list(), list[m.PricingPlan])
    priced = await anton.pricing.create_quote(source_currency="USD", dest_currency="EUR", amount=1250)
    assert_type(priced, m.PricingQuote)
    quote = await anton.fx.create_quote(sell_currency="USD", buy_currency="GBP", sell_amount=Decimal(5), locked=True)
    assert_type(quote, m.FXQuote)
    assert_type(await anton.fx.retrieve_rate(sell_currency="USD", buy_currency="GBP", sell_amount="5"), m.FXRate)
    assert_type(await anton.fx.exchange(quote_id="fxq_1"), m.FXExchange)
    assert_type(anton.fx.list_exchanges(sell_currency="USD"), Pager[m.FXExchange])


async def reference_data(anton: AntonClient) -> None:
    assert_type(await anton.corridors.list(rail_type="fiat", currency="EUR", country="PT"), list[m.Corridor])
    assert_type(await anton.currencies.list(), list[m.Currency])
    assert_type(await anton.countries.list(), list[m.Country])
    assert_type(await anton.payment_methods.list(), list[m.PaymentMethodDescriptor])
    assert_type(await anton.oauth.key_set(), m.JWKS)


async def webhooks(anton: AntonClient) -> None:
    made = await anton.webhooks.create(url="https://hooks.example.org", events=["payout.completed", "*"])
    assert_type(made, m.CreatedWebhookSubscription)
    assert_type(await anton.webhooks.list(status="active"), list[m.WebhookSubscription])
    assert_type(await anton.webhooks.retrieve("whk_1"), m.WebhookSubscription)
    assert_type(await anton.webhooks.update("whk_1", events=["balance.low"]), m.WebhookSubscription)
    assert_type(await anton.webhooks.retrieve_secret("whk_1"), m.WebhookSecret)
    assert_type(await anton.webhooks.rotate_secret("whk_1", immediate=True), m.RotatedWebhookSecret)
    assert_type(await anton.webhooks.test("whk_1"), m.WebhookTest)
    assert_type(await anton.webhooks.deactivate("whk_1"), m.WebhookSubscription)
    assert_type(anton.webhooks.events.list(type="payout.completed"), Pager[m.WebhookEvent])
    assert_type(await anton.webhooks.events.retrieve("evt_1"), m.WebhookEvent)
    assert_type(await anton.webhooks.events.list_deliveries("evt_1"), list[m.WebhookDelivery])
    await anton.webhooks.delete("whk_1")


async def risk(anton: AntonClient) -> None:
    person = {"type": "person", "name": "Tomasz Wilk", "country": "PL"}
    evaluation = await anton.intelligence.create(use_case="payee_registration", entity=person)
    assert_type(evaluation, m.IntelligenceEvaluation)
    checked = await anton.intelligence.validate(use_case="monitoring", entity=person, context={"velocity": {"n": 1}})
    assert_type(checked, m.ValidateIntelligenceEvaluationResponse)
    assert_type(await anton.intelligence.retrieve("eval_1"), m.IntelligenceEvaluation)
    assert_type(await anton.intelligence.wait("eval_1", timeout=30), m.IntelligenceEvaluation)
    assert_type(await anton.intelligence.retrieve_evidence("eval_1"), m.IntelligenceEvidence)
    assert_type(anton.intelligence.list(limit=5), Pager[m.IntelligenceEvaluation])
    assert_type(anton.reviews.list(status="open", created_after=SINCE), Pager[m.Review])
    assert_type(await anton.reviews.retrieve_settings(), m.ReviewSettings)
    assert_type(await anton.reviews.retrieve("irv_1"), m.ReviewDetail)
    decided = await anton.reviews.record_decision("irv_1", decision="not_a_match", reason_code="dob_differs", note="n")
    assert_type(decided, m.ReviewDecisionResult)
    assert_type(await anton.reviews.resume("irv_1"), m.Review)
    assert_type(await anton.reviews.add_note("irv_1", text="n"), m.ReviewNote)
    assert_type(anton.reviews.export_csv(from_=SINCE, to=SINCE, status="closed"), Download)
    assert_type(anton.reviews.export_case_file("irv_1"), Download)


async def verifications(anton: AntonClient) -> None:
    started = await anton.verifications.create(
        type="person", display_name="T", delivery="email", link_expires_in_days=7
    )
    assert_type(started, m.StartedVerification)
    assert_type(await anton.verifications.retrieve("vsub_1"), m.VerificationSubject)
    assert_type(await anton.verifications.wait("vsub_1"), m.VerificationSubject)
    assert_type(await anton.verifications.reverify("vsub_1"), m.VerificationAttempt)
    assert_type(await anton.verifications.resend_link("vrf_1"), m.VerificationAttempt)
    assert_type(await anton.verifications.regenerate("vrf_1"), m.VerificationAttempt)
    assert_type(await anton.verifications.revoke("vrf_1"), m.VerificationAttempt)
    assert_type(await anton.verifications.resend_owner_link("vrf_1", "vubo_1"), m.OwnerVerificationLink)
    assert_type(await anton.verifications.retrieve_stats(), m.VerificationStats)
    assert_type(anton.verifications.list(type="business", limit=5), Pager[m.VerificationSubject])


async def sandbox(anton: AntonClient) -> None:
    assert_type(await anton.sandbox.create_deposit(currency="EUR", amount=Decimal("25.00")), m.SandboxDeposit)
    assert_type(await anton.sandbox.reset(scope="full-reset"), m.SandboxResetResult)
    assert_type(await anton.sandbox.seed_beneficiaries(), m.SandboxSeedResult)
    assert_type(await anton.sandbox.seed_payouts(idempotency_key="k"), m.SandboxSeedResult)


async def pages(anton: AntonClient) -> None:
    pager = anton.payouts.list(limit=5, status=["created", "sent"], created_after=SINCE)
    assert_type(pager, Pager[m.Payout])
    async for payout in pager:
        assert_type(payout, m.Payout)
    async for page in pager.pages():
        assert_type(page, Page[m.Payout])
        assert_type(page.next_cursor, str | None)
    first = await pager
    assert_type(first.data, list[m.Payout])
    assert_type(await first.next_page(), Page[m.Payout] | None)


async def whole_responses(anton: AntonClient) -> None:
    raw = await anton.payouts.with_response.retrieve("pay_1", timeout=5)
    assert_type(raw, ApiResponse[m.Payout])
    assert_type(raw.data.id, str)
    assert_type((raw.status, raw.request_id, raw.idempotent_replayed), tuple[int, str | None, bool])
    assert_type(await anton.payouts.with_response.list(limit=5), ApiResponse[Page[m.Payout]])
    assert_type(await anton.balances.with_response.list(), ApiResponse[list[m.Balance]])
    assert_type(await anton.webhooks.events.with_response.retrieve("evt_1"), ApiResponse[m.WebhookEvent])
    assert_type(await anton.webhooks.with_response.events.retrieve("evt_1"), ApiResponse[m.WebhookEvent])
    assert_type(await anton.batches.with_response.download_template(format="csv"), ApiResponse[File])


async def downloads(anton: AntonClient) -> None:
    def progress(received: int, size: int | None) -> None:
        del received, size

    assert_type(await anton.batches.download_template(), File)
    assert_type(await anton.batches.download_template().save("t.xlsx", progress=progress), Path)
    async with anton.reviews.export_case_file("irv_1") as stream:
        assert_type(stream, FileStream)
        async for chunk in stream:
            assert_type(chunk, bytes)


async def errors(anton: AntonClient) -> None:
    try:
        await anton.payouts.retrieve("pay_1")
    except (ServerError, TimeoutError) as error:
        assert_type(await anton.payouts.settle(error, timeout=60), m.Payout)
    except NotFoundError as error:
        assert_type(error.outcome is Outcome.REJECTED, bool)
    except UnprocessableEntityError as error:
        assert_type(error.code, ErrorCode | str | None)
        assert_type(error.code == "insufficient_balance", bool)
        assert_type(error.field_errors, dict[str, list[str]])
    except ConflictError as error:
        assert_type(error.is_retryable, bool)
    except ApiError as error:
        assert_type((error.status, error.retry_after), tuple[int, float | None])


def events(body: bytes) -> None:
    event = WebhookVerifier(["whsec_1", "whsec_2"], tolerance=60).unwrap(body, {"X-Webhook-Timestamp": "1"})
    assert_type(event, Event)
    if isinstance(event, UnknownEvent):
        assert_type(event.type, str)
    elif event.type == "payout.completed":
        assert_type(event, m.PayoutCompletedEvent)
        assert_type(event.data.source_amount, Decimal | None)
    match event:
        case m.PayoutFailedEvent():
            assert_type(event.data.reference, str | None)
        case m.BalanceLowEvent():
            assert_type(event.type, Literal["balance.low"])
        case _:
            assert_type(event.id, str)
