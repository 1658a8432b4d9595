"""The quota as a job feels it: others' requests are yielded to, late answers neither waste nor overdraw it."""

from __future__ import annotations

from pathlib import Path

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from anton_async import AntonClient, OAuthCredentials, RateLimit
from anton_async.bulk import Accepted
from anton_async.sandbox import Sandbox
from anton_async.transport.rate import RateGate
from tests.support.clock import SteppedClock
from tests.support.payroll import CLIENT_ID, SEED, pay, payout_requests, rows

QUOTA = 100


def announced(remaining: int) -> CIMultiDictProxy[str]:
    headers = {"X-RateLimit-Limit": str(QUOTA), "X-RateLimit-Remaining": str(remaining)}
    return CIMultiDictProxy(CIMultiDict(headers))


async def admit(gate: RateGate, clock: SteppedClock, *, takes: float) -> float:
    with await gate.admit("POST /v1/payouts") as admission:
        clock.step(takes)
    return admission.left


@pytest.mark.fault("F19")
async def test_a_job_yields_to_other_users_of_the_same_quota(clock: SteppedClock, journal: Path) -> None:
    async with Sandbox(seed=SEED, client_id=CLIENT_ID, clock=clock, rate_limit_per_minute=QUOTA) as sandbox:
        credentials: OAuthCredentials = sandbox.credentials
        quota = RateLimit(per_minute=QUOTA)
        async with (
            AntonClient(credentials, base_url=sandbox.base_url, clock=clock, rate_limit=None) as other,
            AntonClient(credentials, base_url=sandbox.base_url, clock=clock, rate_limit=quota) as ours,
        ):
            for _ in range(60):
                await other.balances.retrieve("USD")
            results = await pay(ours, journal, rows(150))

    assert all(isinstance(result, Accepted) for result in results.values())
    refused = [request for request in payout_requests(sandbox) if request.status == 429]
    assert refused == []
    assert 60 < sum(clock.pauses) < 200


async def test_an_answer_that_comes_late_counts_from_its_arrival(clock: SteppedClock) -> None:
    gate = RateGate(RateLimit(per_minute=1), 10, clock)

    await admit(gate, clock, takes=5.0)
    await admit(gate, clock, takes=0.0)

    assert sum(clock.pauses) == pytest.approx(60.05)


async def test_what_the_api_counted_when_it_answered_is_not_taken_for_others(clock: SteppedClock) -> None:
    gate = RateGate(RateLimit(per_minute=QUOTA), 200, clock)
    for _ in range(QUOTA - 1):
        await admit(gate, clock, takes=0.0)
    clock.step(59.5)

    left = await admit(gate, clock, takes=1.0)
    gate.observe("POST /v1/payouts", announced(0), left)

    assert gate.used() == (1, QUOTA)


async def test_what_others_used_counts_although_an_answer_was_late(clock: SteppedClock) -> None:
    gate = RateGate(RateLimit(per_minute=QUOTA), 200, clock)
    for _ in range(50):
        await admit(gate, clock, takes=0.0)
    clock.step(59.5)

    left = await admit(gate, clock, takes=1.0)
    gate.observe("POST /v1/payouts", announced(0), left)

    assert gate.used() == (50, QUOTA)
