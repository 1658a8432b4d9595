"""What users must not write. Each line with a mark has to be flagged by both checkers, and no other line."""

# mypy: ignore-errors
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportGeneralTypeIssues=false, reportOperatorIssue=false, reportOptionalMemberAccess=false
# pyright: reportOptionalOperand=false, reportAssertTypeFailure=false, reportAssignmentType=false
# pyright: reportIndexIssue=false, reportUnusedCoroutine=false, reportTypedDictNotRequiredAccess=false
# ruff: noqa: B018 - each line is there for what type checkers say of it

from __future__ import annotations

from decimal import Decimal
from typing import TextIO

from anton_async import AntonClient, ApiError, ApiKeyCredentials, OAuthCredentials, RequestOptions
from anton_async.models import Payout, PayoutCompletedEvent
from anton_async.webhooks import Event, WebhookVerifier


def clients(key: ApiKeyCredentials) -> None:
    AntonClient()  # wrong: no credentials
    AntonClient("ak_test_1")  # wrong: a text is no credentials
    AntonClient(key, environment="sandbox")  # wrong: an Environment is wanted
    AntonClient(key, rate_limit=1000)  # wrong: a RateLimit is wanted
    AntonClient(key, time_out=5)  # wrong: misspelt
    OAuthCredentials("ant_oc_test_1", "ant_ocs_test_1")  # wrong: keywords only, and no key
    OAuthCredentials(client_id="a", client_secret="b", key="pem")  # wrong: a text is no key
    WebhookVerifier()  # wrong: no secret
    WebhookVerifier("whsec_1").unwrap("{}", {})  # wrong: the body is bytes


async def literals(anton: AntonClient) -> None:
    anton.payouts.list(status=["complete"])  # wrong: no status
    anton.payouts.list(status="created")  # wrong: a list is wanted
    anton.batches.list(status="done")  # wrong: no status
    anton.batches.download_template(format="pdf")  # wrong: no format
    await anton.corridors.list(rail_type="pigeon")  # wrong: no rail
    await anton.instruments.create("ben_1", method="pigeon")  # wrong: no method
    await anton.instruments.update("ins_1", status="deleted")  # wrong: no status
    await anton.sandbox.reset(scope="everything")  # wrong: no scope
    await anton.verifications.create(type="robot", display_name="R")  # wrong: no type
    await anton.verifications.create(type="person", display_name="P", link_expires_in_days=10)  # wrong: 7, 14 or 30
    await anton.webhooks.create(url="https://a.example", events=["payout.exploded"])  # wrong: no event
    await anton.reviews.record_decision("irv_1", decision="fine", reason_code="dob_differs")  # wrong: no decision
    await anton.intelligence.create(use_case="gossip", entity={})  # wrong: no use case


async def money(anton: AntonClient, payout: Payout) -> None:
    await anton.sandbox.create_deposit(currency="EUR", amount=10.5)  # wrong: float money
    await anton.pricing.create_quote(source_currency="USD", dest_currency="EUR", amount=0.1)  # wrong: float money
    await anton.fx.create_quote(sell_currency="USD", buy_currency="GBP", sell_amount=1.5)  # wrong: float money
    await anton.fx.retrieve_rate(sell_currency="USD", buy_currency="GBP", sell_amount=2.5)  # wrong: float money
    _ = payout.source_amount + 1.5  # wrong: Decimal and float
    _ = payout.fee + Decimal(1)  # wrong: the fee may be None
    _total: float = payout.source_amount  # wrong: a Decimal is no float


async def arguments(anton: AntonClient) -> None:
    await anton.fx.exchange()  # wrong: quote_id is missing
    await anton.sandbox.create_deposit(currency="EUR")  # wrong: amount is missing
    await anton.payouts.create(beneficiary_id="ben_1")  # wrong: most is missing
    await anton.payouts.retrieve()  # wrong: id is missing
    await anton.verifications.resend_owner_link("vrf_1")  # wrong: the owner is missing
    await anton.batches.upload(file_name="a.csv")  # wrong: file is missing
    await anton.fx.exchange("fxq_1")  # wrong: keywords only
    anton.payouts.list(50)  # wrong: keywords only
    await anton.payouts.retrieve(id="pay_1")  # wrong: ids are positional
    await anton.reviews.add_note("irv_1", "text")  # wrong: keywords only
    await anton.payouts.cancel("pay_1", because="x")  # wrong: no such argument
    await anton.payouts.wait("pay_1", 30)  # wrong: keywords only
    await anton.request("GET", "/v1/new")  # wrong: response_type is missing


async def kinds(anton: AntonClient, payout: Payout, text: TextIO) -> None:
    await anton.payouts.retrieve(1042)  # wrong: ids are text
    await anton.payouts.retrieve(None)  # wrong: ids are text
    await anton.payouts.retrieve(payout)  # wrong: its id is wanted
    anton.payouts.list(limit="5")  # wrong: a number is wanted
    anton.payouts.list(created_after="2026-09-01")  # wrong: a datetime is wanted
    await anton.webhooks.update("whk_1", metadata={"a": 1})  # wrong: labels are text
    await anton.beneficiaries.create(type="individual", country="PT", individual="Inês")  # wrong: a mapping is wanted
    await anton.batches.upload(file=text)  # wrong: text mode
    await anton.batches.upload(file=["a.csv"])  # wrong: one file
    await anton.payouts.wait("pay_1", timeout=None)  # wrong: a wait has an end


async def options(anton: AntonClient) -> None:
    await anton.payouts.retrieve("pay_1", timout=5)  # wrong: misspelt
    await anton.payouts.retrieve("pay_1", max_retrys=5)  # wrong: misspelt
    await anton.payouts.cancel("pay_1", idempotencykey="k")  # wrong: misspelt
    await anton.payouts.cancel("pay_1", idempotency_key=7)  # wrong: keys are text
    await anton.payouts.retrieve("pay_1", timeout="20")  # wrong: seconds are a number
    await anton.payouts.retrieve("pay_1", max_retries=2.5)  # wrong: a whole number is wanted
    await anton.payouts.retrieve("pay_1", headers=["X-A: b"])  # wrong: a mapping is wanted
    await anton.payouts.with_response.retrieve("pay_1", timout=5)  # wrong: misspelt
    RequestOptions(retries=5)  # wrong: no such option


async def answers(anton: AntonClient, payout: Payout) -> None:
    payout.amount  # wrong: source_amount or dest_amount
    payout.status = "completed"  # wrong: answers are frozen
    (await anton.payouts.list()).items  # wrong: it is called data
    (await anton.balances.list()).data  # wrong: it is a list
    (await anton.payouts.with_response.retrieve("pay_1")).id  # wrong: it is in .data
    (await anton.payouts.with_response.retrieve("pay_1")).status_code  # wrong: it is called status
    anton.payout  # wrong: the plural
    await anton.payouts.get("pay_1")  # wrong: it is called retrieve
    await anton.webhooks.event.list()  # wrong: the plural
    await anton.payouts.with_response.wait("pay_1")  # wrong: a wait has no one answer
    payout.delivery.tracking  # wrong: it may be None


async def waiting(anton: AntonClient) -> None:
    anton.payouts.retrieve("pay_1")  # wrong: not awaited
    anton.payouts.retrieve("pay_1").status  # wrong: not awaited
    for payout in anton.payouts.list():  # wrong: async for
        del payout
    async for payout in await anton.payouts.list():  # wrong: a page is no stream
        del payout
    async for balance in anton.balances.list():  # wrong: it is no pager
        del balance
    await anton.payouts.list().pages()  # wrong: async for
    async for chunk in anton.batches.download_template():  # wrong: async with comes first
        del chunk
    with anton.batches.download_template() as stream:  # wrong: async with
        del stream
    async with anton.batches.retrieve("bat_1") as batch:  # wrong: an answer is no context
        del batch
    anton.batches.download_template().content  # wrong: not awaited
    with AntonClient.from_env() as client:  # wrong: async with
        del client


def events(event: Event, error: ApiError) -> None:
    event.data.reference  # wrong: not every event has one
    if isinstance(event, PayoutCompletedEvent):
        event.data.nonsense  # wrong: no such field
        event.payload  # wrong: it is called data
    error.status_code  # wrong: it is called status
    _ = error.code + 1  # wrong: codes are text
