from __future__ import annotations

import pytest

from anton_async.sandbox import Sandbox
from anton_async.sandbox.call import Call
from anton_async.sandbox.contract import load_contract
from anton_async.sandbox.errors import Answer
from tests.sandbox.conftest import OpenSandbox
from tests.sandbox.contract import OPERATIONS
from tests.sandbox.test_validation import INDIVIDUAL
from tests.sandbox.wire import BENEFICIARY, Reply, Wire


def check(operation_id: str, reply: Reply) -> None:
    """Check an answer against what the document declares for its status."""
    answer = Answer(reply.status, reply.body, content_type=reply.content_type)
    assert load_contract().problems(operation_id, answer) == []


async def test_every_answer_keeps_the_document(wire: Wire) -> None:
    token = await wire.ask_token()
    check("createAccessToken", token)
    check("createAccessToken", await wire.ask_token(form="grant_type=x"))
    check("createAccessToken", await wire.ask_token(basic="a:b"))
    check("getJWKS", await wire.send("GET", "/.well-known/jwks.json"))
    payout = await wire.pay("k1", metadata={"a": "b"})
    coin = await wire.pay(
        instrument_id="ins_JANEUSDC", source_currency="USDC", dest_currency="USDC", method="stablecoin"
    )
    euro = await wire.pay(instrument_id="ins_JANEEUR", dest_currency="EUR", method="sepa", session={"ip": "10.1.1.1"})
    for reply in (payout, coin, euro):
        check("createPayout", reply)
    check("createPayout", await wire.pay(beneficiary_id="ben_NONE"))
    check("createPayout", await wire.pay("k1", reference="B"))
    check("createPayout", await wire.pay(method="pigeon"))
    check("createPayout", await wire.pay(instrument_id="ins_DISABLED"))
    check("createPayout", await wire.send("POST", "/v1/payouts"))
    check("cancelPayout", await wire.call("POST", f"/v1/payouts/{payout.data['id']}/cancel", key="c"))
    wire.clock.step(3)
    check("getPayout", await wire.call("GET", f"/v1/payouts/{euro.data['id']}"))
    wire.clock.step(10)
    for reply in (payout, coin, euro):
        check("getPayout", await wire.call("GET", f"/v1/payouts/{reply.data['id']}"))
        check("listPayoutEvents", await wire.call("GET", f"/v1/payouts/{reply.data['id']}/events"))
    check("getPayout", await wire.call("GET", "/v1/payouts/pay_NONE"))
    check("listPayouts", await wire.call("GET", "/v1/payouts?limit=2"))
    check("listBalances", await wire.call("GET", "/v1/balances"))
    check("getBalance", await wire.call("GET", "/v1/balances/USDC"))
    check("getBalance", await wire.call("GET", "/v1/balances/CHF"))


async def test_every_answer_about_payees_keeps_the_document(wire: Wire) -> None:
    body = {"type": "individual", "country": "GB", "individual": INDIVIDUAL}
    beneficiary = await wire.call("POST", "/v1/beneficiaries", body=body, key="k")
    instrument = await wire.call(
        "POST", f"/v1/beneficiaries/{BENEFICIARY}/instruments", body={"method": "iban", "country": "DE"}, key="k"
    )

    check("createBeneficiary", beneficiary)
    check("createBeneficiary", await wire.call("POST", "/v1/beneficiaries", body={"type": "x"}, key="l"))
    check("getBeneficiary", await wire.call("GET", f"/v1/beneficiaries/{beneficiary.data['id']}"))
    check("listBeneficiaries", await wire.call("GET", "/v1/beneficiaries?limit=1"))
    check("createInstrumentForBeneficiary", instrument)
    check("getInstrument", await wire.call("GET", f"/v1/instruments/{instrument.data['id']}"))
    check("listInstruments", await wire.call("GET", "/v1/instruments?limit=1"))


def test_the_sandbox_serves_every_operation_of_the_document() -> None:
    service = Sandbox()._world.service  # pyright: ignore[reportPrivateUsage] - what is served, whole
    served = {*service._handlers, "createAccessToken", "getJWKS"}  # pyright: ignore[reportPrivateUsage] - the same

    missing, surplus = sorted(set(OPERATIONS) - served), sorted(served - set(OPERATIONS))
    assert not missing, (
        f"The sandbox does not serve {', '.join(missing)}: write a handler in the module of the resource "
        "(anton_async/sandbox/payouts.py shows how), return it from handlers(), and enter a new class in service.py."
    )
    assert not surplus, f"The document has no {', '.join(surplus)}: remove the handlers from anton_async/sandbox."


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Answer(418, b'{"error": {"message": "x", "code": "x"}}'), "listBalances 418 is not declared"),
        (Answer(200, b'{"data": [{"id": 1}]}'), "listBalances 200: "),
        (Answer(200, b'{"data": [], "more": 1}'), "listBalances 200: "),
        (Answer(200, b"{}", content_type="text/csv"), "listBalances 200 is text/csv"),
        (Answer(200, b""), "listBalances 200 has no body"),
    ],
)
async def test_an_answer_that_breaks_the_document_is_a_fault_where_answers_are_checked(
    open_sandbox: OpenSandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    answer: Answer,
    problem: str,
) -> None:
    def respond(_: Call) -> Answer:
        return answer

    statuses: list[int] = []
    for checked in (False, True):
        wire = await open_sandbox(check_answers=checked)
        service = wire.sandbox._world.service  # pyright: ignore[reportPrivateUsage] - to break it
        monkeypatch.setitem(service._handlers, "listBalances", respond)  # pyright: ignore[reportPrivateUsage] - to break it
        statuses.append((await wire.call("GET", "/v1/balances")).status)

    assert statuses == [answer.status, 500]
    assert problem in caplog.text


async def test_a_handler_that_falls_over_is_a_500_in_the_envelope(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fall_over(_: Call) -> Answer:
        raise ZeroDivisionError

    service = wire.sandbox._world.service  # pyright: ignore[reportPrivateUsage] - to break it
    monkeypatch.setitem(service._handlers, "createPayout", fall_over)  # pyright: ignore[reportPrivateUsage] - to break it

    broken = await wire.pay("k")
    monkeypatch.undo()

    assert (broken.status, broken.code) == (500, "internal_error")
    assert "ZeroDivisionError" in caplog.text
    assert (await wire.pay("k")).status == 201
