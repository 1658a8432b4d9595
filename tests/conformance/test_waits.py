"""Methods that wait, each against the answers it may see on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from anton_async import AntonClient, DeadlineExceededError
from tests.conformance.calls import first_call
from tests.conformance.document import ENDPOINTS
from tests.conformance.server import DocumentServer, Reply
from tests.support.clock import SteppedClock


def states(operation_id: str, *changes: dict[str, Any]) -> Iterator[Reply]:
    """Yield the document's answer again and again, each time with other fields."""
    answer = ENDPOINTS[operation_id].successes[0]
    for change in changes:
        yield Reply.like(answer, {"data": {**answer.example["data"], **change}})


def id_of(operation_id: str) -> str:
    return first_call(operation_id).positional[0]


async def test_a_payout_is_waited_for_until_it_ends(
    anton: AntonClient, api: DocumentServer, clock: SteppedClock
) -> None:
    way = ["created", "pending_screening", "approved", "processing", "sent", "invented_tomorrow", "completed"]
    api.prepare(*states("getPayout", *({"status": status} for status in way)))

    payout = await anton.payouts.wait(id_of("getPayout"), timeout=300)

    assert (payout.status, len(api.seen)) == ("completed", len(way))
    assert clock.pauses == sorted(clock.pauses)


@pytest.mark.parametrize("end", ["validated", "validation_failed", "cancelled", "failed", "processing"])
async def test_a_batch_is_waited_for_until_it_is_validated(anton: AntonClient, api: DocumentServer, end: str) -> None:
    api.prepare(*states("getBatch", {"status": "uploaded"}, {"status": "validating"}, {"status": end}))

    batch = await anton.batches.wait_until_validated(id_of("getBatch"), timeout=60)

    assert (batch.status, len(api.seen)) == (end, 3)


@pytest.mark.parametrize("end", ["completed", "partial", "failed", "cancelled"])
async def test_a_batch_is_waited_for_until_it_ends(anton: AntonClient, api: DocumentServer, end: str) -> None:
    way = ["validated", "confirmed", "processing", end]
    api.prepare(*states("getBatch", *({"status": status} for status in way)))

    batch = await anton.batches.wait(id_of("getBatch"), timeout=60)

    assert (batch.status, len(api.seen)) == (end, len(way))


@pytest.mark.parametrize("end", ["complete", "partial", "failed", "error"])
async def test_an_evaluation_is_waited_for_until_it_ends(anton: AntonClient, api: DocumentServer, end: str) -> None:
    api.prepare(*states("getIntelligenceEvaluation", {"status": "pending"}, {"status": end}))

    evaluation = await anton.intelligence.wait(id_of("getIntelligenceEvaluation"), timeout=60)

    assert (evaluation.status, len(api.seen)) == (end, 2)


async def test_a_verification_is_waited_for_from_before_its_first_attempt(
    anton: AntonClient, api: DocumentServer
) -> None:
    newest, older = (dict(ENDPOINTS["reverifySubject"].successes[0].example["data"]) for _ in range(2))
    older["status"] = "declined"
    way = [[], [{**newest, "status": "link_sent"}, older], [{**newest, "status": "approved"}, older]]
    api.prepare(*states("getVerificationSubject", *({"attempts": attempts} for attempts in way)))

    subject = await anton.verifications.wait(id_of("getVerificationSubject"), timeout=60)

    assert subject.attempts
    assert (subject.attempts[0].status, len(api.seen)) == ("approved", 3)


async def test_a_verification_without_attempts_is_waited_for_in_vain(
    anton: AntonClient, api: DocumentServer, clock: SteppedClock
) -> None:
    api.prepare(*states("getVerificationSubject", {"attempts": []}))
    started = clock.monotonic()

    with pytest.raises(DeadlineExceededError):
        await anton.verifications.wait(id_of("getVerificationSubject"), timeout=30)

    assert clock.monotonic() - started == pytest.approx(30, abs=1)
