from __future__ import annotations

import asyncio
import json

import pytest

from anton_async.sandbox.errors import Answer, Refusal
from anton_async.sandbox.idempotency import IdempotencyStore
from tests.sandbox.conftest import OpenSandbox
from tests.sandbox.wire import BENEFICIARY, SEED, Wire, order
from tests.support.clock import SteppedClock

REPLAYED = "X-Idempotent-Replayed"


async def test_a_repeat_gets_the_first_answer_and_pays_once(wire: Wire) -> None:
    first = await wire.pay("k1")
    wire.clock.step(3)
    again = await wire.pay("k1")

    assert again.json == first.json
    assert (again.status, again.headers[REPLAYED]) == (201, "true")
    assert REPLAYED not in first.headers
    assert wire.sandbox.executed == {"k1": 1}


async def test_another_key_is_another_payout(wire: Wire) -> None:
    first, second = await wire.pay("k1"), await wire.pay("k2")

    assert first.data["id"] != second.data["id"]


async def test_another_body_under_the_key_is_a_conflict(wire: Wire) -> None:
    await wire.pay("k1")
    conflict = await wire.pay("k1", reference="INV-2")
    again = await wire.pay("k1")

    assert (conflict.status, conflict.code) == (409, "idempotency_conflict")
    assert again.headers[REPLAYED] == "true"


async def test_the_bytes_of_the_body_are_compared(wire: Wire) -> None:
    await wire.call("POST", "/v1/payouts", raw=json.dumps(order()).encode(), key="k1")

    spaced = await wire.call("POST", "/v1/payouts", raw=json.dumps(order(), indent=1).encode(), key="k1")

    assert spaced.code == "idempotency_conflict"


async def test_a_key_belongs_to_its_path(wire: Wire) -> None:
    first, second = (await wire.pay("a")).data["id"], (await wire.pay("b")).data["id"]

    cancelled = [await wire.call("POST", f"/v1/payouts/{payout}/cancel", key="k") for payout in (first, second)]

    assert [reply.data["id"] for reply in cancelled] == [first, second]


async def test_a_key_is_forgotten_after_24_hours(wire: Wire) -> None:
    first = await wire.pay("k1")
    wire.clock.step(24 * 3600 - 1)
    wire._token = None  # pyright: ignore[reportPrivateUsage] - the old token has expired
    kept = await wire.pay("k1")
    wire.clock.step(1)
    forgotten = await wire.pay("k1")

    assert kept.data["id"] == first.data["id"]
    assert forgotten.data["id"] != first.data["id"]
    assert wire.sandbox.executed == {"k1": 2}


@pytest.mark.parametrize("path", ["/v1/payouts", "/v1/beneficiaries", f"/v1/beneficiaries/{BENEFICIARY}/instruments"])
@pytest.mark.parametrize("key", [None, ""])
async def test_a_missing_key_is_400(wire: Wire, path: str, key: str | None) -> None:
    reply = await wire.call("POST", path, body=order(), key=key)

    assert (reply.status, reply.code) == (400, "missing_idempotency_key")


async def test_a_key_over_255_characters_is_422(wire: Wire) -> None:
    longest, longer = await wire.pay("k" * 255), await wire.pay("k" * 256)

    assert (longest.status, longer.status, longer.code) == (201, 422, "validation_error")


async def test_a_key_on_a_get_is_ignored(wire: Wire) -> None:
    before = await wire.call("GET", "/v1/payouts", key="k")
    await wire.pay("k")
    after = await wire.call("GET", "/v1/payouts", key="k")

    assert (len(before.data), len(after.data)) == (0, 1)


async def test_a_refusal_of_the_request_is_kept(wire: Wire) -> None:
    refused = await wire.pay("k1", source_amount="0")
    again = await wire.pay("k1", source_amount="0")

    assert (refused.status, again.status, again.headers[REPLAYED]) == (422, 422, "true")
    assert wire.sandbox.executed == {}


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_trouble_is_not_kept(wire: Wire, status: int) -> None:
    wire.sandbox.on("createPayout").fail(status)

    failed, after = await wire.pay("k1"), await wire.pay("k1")

    assert (failed.status, after.status) == (status, 201)
    assert REPLAYED not in after.headers


@pytest.mark.parametrize("status", [401, 403, 429, 500, 501, 503])
def test_the_store_keeps_no_answer_of_trouble(clock: SteppedClock, status: int) -> None:
    store = IdempotencyStore(clock)
    store.begin(("mer", "/p", "k"), b"{}")
    store.finish(("mer", "/p", "k"), Answer(status, b"{}"))

    assert store.begin(("mer", "/p", "k"), b"other") is None


def test_an_abandoned_key_that_is_taken_again_lives_its_own_24_hours(clock: SteppedClock) -> None:
    store, scope = IdempotencyStore(clock), ("mer", "/p", "k")
    store.begin(scope, b"{}")
    store.abandon(scope)
    clock.step(3600)
    store.begin(scope, b"{}")
    store.finish(scope, Answer(201, b"kept"))
    clock.step(23 * 3600)

    kept = store.begin(scope, b"{}")

    assert kept is not None
    assert kept.body == b"kept"


def test_a_running_request_holds_its_key(clock: SteppedClock) -> None:
    store, scope = IdempotencyStore(clock), ("mer", "/p", "k")
    store.begin(scope, b"{}")

    with pytest.raises(Refusal, match="409 idempotency_in_flight"):
        store.begin(scope, b"{}")


class GatedClock(SteppedClock):
    """Sleeps until the test opens the gate."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()
        self.gate = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.reached.set()
        await self.gate.wait()


async def test_a_repeat_while_the_first_still_runs_is_409(open_sandbox: OpenSandbox) -> None:
    clock = GatedClock()
    wire = await open_sandbox(clock=clock, seed=SEED)
    wire.sandbox.on("createPayout").delay(5)
    await wire.token()

    first = asyncio.create_task(wire.pay("k1"))
    await clock.reached.wait()
    early = await wire.pay("k1")
    clock.gate.set()
    finished = await first
    late = await wire.pay("k1")

    assert (early.status, early.code) == (409, "idempotency_in_flight")
    assert (finished.status, late.json) == (201, finished.json)
    assert wire.sandbox.executed == {"k1": 1}
