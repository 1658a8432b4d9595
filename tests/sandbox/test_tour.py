"""Every operation of the document, carried out once on one sandbox."""

from __future__ import annotations

from typing import Any

from tests.sandbox.contract import OPERATIONS
from tests.sandbox.test_batches import HEADER as BATCH_HEADER
from tests.sandbox.test_batches import JANE
from tests.sandbox.test_imports import GOOD
from tests.sandbox.test_imports import HEADER as IMPORT_HEADER
from tests.sandbox.test_validation import INDIVIDUAL
from tests.sandbox.wire import BENEFICIARY, Reply, Wire


class Tour:
    """Goes from one operation to the next; the wire holds each answer against the document."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.keys = 0

    async def get(self, *paths: str) -> Any:
        replies = [await self.wire.call("GET", f"/v1/{path}") for path in paths]
        assert [reply.status for reply in replies] == [200] * len(paths), paths
        return replies[-1].json and replies[-1].json.get("data")

    async def do(self, method: str, path: str, body: object = None, *, keyed: bool = True) -> Any:
        self.keys += 1
        key = f"k{self.keys}" if keyed else None
        return self._content(await self.wire.call(method, f"/v1/{path}", body=body, key=key))

    async def upload(self, path: str, *lines: str) -> Any:
        return self._content(await self.wire.upload(f"/v1/{path}", "\n".join(lines).encode()))

    @staticmethod
    def _content(reply: Reply) -> Any:
        assert reply.status < 300, reply
        return None if reply.json is None else reply.json.get("data", reply.json)


async def test_every_operation_answers_as_the_document_says(wire: Wire) -> None:
    tour = Tour(wire)
    await wire.send("GET", "/.well-known/jwks.json")
    await look_around(tour)
    await move_money(tour)
    await tend_payees(tour)
    await upload_files(tour)
    await listen(tour)
    await comply(tour)
    await tour.do("POST", "merchant/sandbox/seed-beneficiaries", keyed=False)
    await tour.do("POST", "merchant/sandbox/seed-payouts", keyed=False)
    await tour.do("POST", "merchant/sandbox/reset?scope=full-reset", keyed=False)

    answered = {one.operation_id for one in wire.sandbox.requests if one.status < 300}
    assert answered == set(OPERATIONS)


async def look_around(tour: Tour) -> None:
    await tour.get("currencies", "countries", "payment-methods", "instruments/countries", "instruments/methods")
    await tour.get("corridors", "pricing", "balances", "balances/USD", "accounts", "accounts/USD")
    await tour.get("accounts/USD/details", "accounts/USD/transactions", "transactions", "verification-stats")
    await tour.get("beneficiaries/import/template?type=business", "batches/template?format=csv")


async def move_money(tour: Tour) -> None:
    await tour.do("POST", "sandbox/deposits", {"currency": "USD", "amount": "100"})
    pair = {"sell_currency": "USD", "buy_currency": "EUR"}
    await tour.get("fx/rate?sell_currency=USD&buy_currency=EUR")
    quote = await tour.do("POST", "fx/quote", {**pair, "sell_amount": "10.00"}, keyed=False)
    await tour.do("POST", "fx/exchange", {"quote_id": quote["id"]})
    price = {"source_currency": "USD", "dest_currency": "EUR", "amount": "1.00"}
    await tour.do("POST", "pricing/quote", price, keyed=False)
    payout = (await tour.wire.pay()).data["id"]
    await tour.get("fx/exchanges", "payouts", f"payouts/{payout}", f"payouts/{payout}/events")
    await tour.do("POST", f"payouts/{payout}/cancel")


async def tend_payees(tour: Tour) -> None:
    body = {"type": "individual", "country": "GB", "individual": INDIVIDUAL}
    payee = (await tour.do("POST", "beneficiaries", body))["id"]
    await tour.get("beneficiaries", f"beneficiaries/{payee}")
    await tour.do("PUT", f"beneficiaries/{payee}", {"external_ref": "x"})
    await tour.do("PUT", f"beneficiaries/{payee}/pii", {"individual": INDIVIDUAL})
    for what in ("archive", "restore", "rescreen"):
        await tour.do("POST", f"beneficiaries/{payee}/{what}")
    await tour.do("POST", f"beneficiaries/{BENEFICIARY}/rescore")
    account = (await tour.do("POST", f"beneficiaries/{payee}/instruments", {"method": "iban"}))["id"]
    await tour.get("instruments", f"instruments/{account}", f"beneficiaries/{payee}/instruments")
    await tour.do("PUT", f"instruments/{account}", {"label": "x"})
    await tour.do("DELETE", f"instruments/{account}")
    await tour.do("DELETE", f"beneficiaries/{payee}")


async def upload_files(tour: Tour) -> None:
    preview = await tour.upload("beneficiaries/import", IMPORT_HEADER, GOOD)
    await tour.do("POST", f"beneficiaries/import/{preview['import_id']}/confirm")
    batch = (await tour.upload("batches", BATCH_HEADER, JANE))["id"]
    dropped = (await tour.upload("batches", BATCH_HEADER, JANE, JANE))["id"]
    await tour.do("POST", f"batches/{dropped}/cancel")
    tour.wire.clock.step(2)
    await tour.do("POST", f"batches/{batch}/confirm")
    tour.wire.clock.step(2)
    await tour.get("batches", *(f"batches/{batch}{what}" for what in ("", "/payouts", "/errors", "/results")))
    await tour.get(f"batches/{batch}/beneficiaries")


async def listen(tour: Tour) -> None:
    hook = (await tour.do("POST", "webhooks", {"url": "https://example.org/x", "events": ["*"]}))["id"]
    await tour.get("webhooks", f"webhooks/{hook}", f"webhooks/{hook}/secret")
    await tour.do("PATCH", f"webhooks/{hook}", {"events": ["test"]})
    await tour.do("POST", f"webhooks/{hook}/secret/rotate")
    await tour.do("POST", f"webhooks/{hook}/deactivate")
    event = (await tour.do("POST", f"webhooks/{hook}/test"))["event_id"]
    await tour.get("webhooks/events", f"webhooks/events/{event}", f"webhooks/events/{event}/deliveries")
    await tour.do("DELETE", f"webhooks/{hook}")


async def comply(tour: Tour) -> None:
    body = {"use_case": "payee_registration", "entity": {"type": "person", "name": "Sanctioned Sam"}}
    made = (await tour.do("POST", "intelligence/evaluations", body))["evaluation_id"]
    await tour.do("POST", "intelligence/evaluations/validate", body)
    evaluations = "intelligence/evaluations"
    await tour.get(evaluations, f"{evaluations}/{made}", f"{evaluations}/{made}/evidence")
    reviews = "intelligence/reviews"
    review = (await tour.get(f"{reviews}/settings", reviews))[0]["id"]
    await tour.get(f"{reviews}/{review}")
    waiting = {"decision": "waiting_on_customer", "reason_code": "other"}
    await tour.do("POST", f"{reviews}/{review}/decisions", waiting)
    await tour.do("POST", f"{reviews}/{review}/resume")
    await tour.do("POST", f"{reviews}/{review}/notes", {"text": "x"})
    await tour.do("POST", f"{reviews}/{review}/case-file", keyed=False)
    year = {"from": "2026-01-01T00:00:00Z", "to": "2026-12-31T00:00:00Z"}
    await tour.do("POST", f"{reviews}/exports/csv", year, keyed=False)
    new = await tour.do("POST", "verification-subjects", {"type": "business", "display_name": "Maple Inc"})
    subject, attempt = new["subject"]["id"], new["verification"]["id"]
    owner = new["verification"]["ubos"][0]["id"]
    await tour.get("verification-subjects", f"verification-subjects/{subject}")
    await tour.do("POST", f"verifications/{attempt}/resend")
    await tour.do("POST", f"verifications/{attempt}/owners/{owner}/resend")
    await tour.do("POST", f"verifications/{attempt}/revoke")
    await tour.do("POST", f"verifications/{attempt}/regenerate")
    await tour.do("POST", f"verification-subjects/{subject}/verifications")
