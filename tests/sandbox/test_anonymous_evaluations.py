from __future__ import annotations

import json

from tests.sandbox.test_evaluations import PAYOUT, request
from tests.sandbox.wire import Reply, Wire


class TestWithoutCredentials:
    """The four calls that the API also takes from anybody, for trying it out."""

    @staticmethod
    async def send(wire: Wire, method: str, path: str, body: object = None, key: str | None = None) -> Reply:
        headers = {"Content-Type": "application/json", **({} if key is None else {"Idempotency-Key": key})}
        data = None if body is None else json.dumps(body).encode()
        return await wire.send(method, f"/v1/intelligence/{path}", headers=headers, data=data)

    async def test_everything_is_evaluated_at_once_and_needs_no_key(self, wire: Wire) -> None:
        for body in (request(), request(use_case="payout_screening", payout=PAYOUT)):
            made = await self.send(wire, "POST", "evaluations", body)

            assert (made.status, made.data["status"]) == (200, "complete")
            evaluation = f"evaluations/{made.data['evaluation_id']}"
            assert (await self.send(wire, "GET", evaluation)).data == made.data
            assert (await self.send(wire, "GET", f"{evaluation}/evidence")).data["evaluation"] == made.data

    async def test_merchants_and_strangers_do_not_see_what_the_others_made(self, wire: Wire) -> None:
        ours = (await wire.call("POST", "/v1/intelligence/evaluations", body=request(), key="k")).data["evaluation_id"]
        theirs = (await self.send(wire, "POST", "evaluations", request(), key="k")).data["evaluation_id"]

        assert ours != theirs
        assert (await self.send(wire, "GET", f"evaluations/{ours}")).status == 404
        assert (await wire.call("GET", f"/v1/intelligence/evaluations/{theirs}")).status == 404
        listed = (await wire.call("GET", "/v1/intelligence/evaluations")).data
        assert [row["evaluation_id"] for row in listed] == [ours]

    async def test_it_opens_no_review_and_tells_nobody(self, wire: Wire) -> None:
        made = await self.send(wire, "POST", "evaluations", request("Sanctioned Sam"))

        assert made.data["decision"] == "decline"
        assert (await wire.call("GET", "/v1/intelligence/reviews")).data == []
        assert await wire.events() == []

    async def test_a_key_is_replayed_for_strangers_too(self, wire: Wire) -> None:
        first, second = [await self.send(wire, "POST", "evaluations", request(), key="k") for _ in range(2)]

        assert second.json == first.json
        assert second.headers["X-Idempotent-Replayed"] == "true"

    async def test_120_requests_a_minute_are_let_in(self, wire: Wire) -> None:
        statuses = [(await self.send(wire, "POST", "evaluations/validate", request())).status for _ in range(121)]

        assert statuses == [200] * 120 + [429]
        assert (await wire.call("POST", "/v1/intelligence/evaluations/validate", body=request())).status == 200

    async def test_all_other_calls_want_credentials(self, wire: Wire) -> None:
        for path in ("evaluations", "reviews", "reviews/settings"):
            assert (await self.send(wire, "GET", path)).status == 401
        bad = await wire.send("GET", "/v1/intelligence/evaluations/eval_1", headers={"Authorization": "DPoP x"})
        assert bad.status == 401
