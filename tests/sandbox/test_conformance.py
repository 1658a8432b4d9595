from __future__ import annotations

from anton_async.sandbox import Sandbox
from tests.sandbox.contract import OPERATIONS, problems
from tests.sandbox.test_validation import INDIVIDUAL
from tests.sandbox.wire import BENEFICIARY, Reply, Wire


def check(operation_id: str, reply: Reply) -> None:
    """Check an answer against what the document declares for its status."""
    assert problems(operation_id, reply.status, reply.content_type, reply.json) == []


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
    service = Sandbox()._service  # pyright: ignore[reportPrivateUsage]
    served = {*service._handlers, "createAccessToken", "getJWKS"}  # pyright: ignore[reportPrivateUsage]

    missing, surplus = sorted(set(OPERATIONS) - served), sorted(served - set(OPERATIONS))
    assert not missing, (
        f"The sandbox does not serve {', '.join(missing)}: write a handler in the module of the resource "
        "(anton_async/sandbox/payouts.py shows how), return it from handlers(), and enter a new class in service.py."
    )
    assert not surplus, f"The document has no {', '.join(surplus)}: remove the handlers from anton_async/sandbox."
