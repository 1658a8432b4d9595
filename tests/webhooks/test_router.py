"""Each event is handled once: acknowledged first, handled afterwards, and lost in no shutdown."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from anton_async import ConfigurationError, WebhookSignatureError
from anton_async.models import BeneficiaryDeletedEvent
from anton_async.webhooks import Event, MemoryEventStore, WebhookRouter, WebhookVerifier, sign
from tests.support.clock import SteppedClock

SECRET = "whsec_" + "0123456789abcdef" * 4


def delivery(number: int = 1, kind: str = "beneficiary.deleted") -> tuple[bytes, dict[str, str]]:
    event = {"id": f"evt_{number}", "type": kind, "created_at": "2026-09-14T09:00:00Z", "data": {"id": "ben_1"}}
    body = json.dumps(event).encode()
    return body, sign(SECRET, body)


class Seen:
    """A fallback that collects what it is given."""

    def __init__(self) -> None:
        self.events: list[str] = []

    async def __call__(self, event: Event) -> None:
        self.events.append(event.id)


def make(seen: Seen, store: MemoryEventStore | None = None, *, attempts: int = 5, grace: float = 5.0) -> WebhookRouter:
    return WebhookRouter(
        WebhookVerifier(SECRET), fallback=seen, store=store, attempts=attempts, grace=grace, clock=SteppedClock()
    )


async def test_an_event_goes_to_the_handler_of_its_type_and_the_rest_to_the_fallback() -> None:
    fallback, deleted = Seen(), list[str]()
    router = make(fallback)

    @router.on("beneficiary.deleted")
    async def forget(event: BeneficiaryDeletedEvent) -> None:
        deleted.append(event.data.id)

    async with router:
        await router.receive(*delivery(1))
        await router.receive(*delivery(2, "payout.teleported"))

    assert (deleted, fallback.events) == (["ben_1"], ["evt_2"])


@pytest.mark.fault("G15")
async def test_an_event_that_is_delivered_again_is_handled_once() -> None:
    seen = Seen()

    async with make(seen) as router:
        first, again = await router.receive(*delivery()), await router.receive(*delivery())

    assert (first, again, seen.events) == (True, False, ["evt_1"])


async def test_a_delivery_is_acknowledged_before_a_slow_handler_has_begun() -> None:
    release, handled = asyncio.Event(), list[str]()
    router = make(Seen())

    @router.on("beneficiary.deleted")
    async def slow(event: BeneficiaryDeletedEvent) -> None:
        await release.wait()
        handled.append(event.id)

    async with router:
        assert await router.receive(*delivery())
        assert handled == []
        release.set()

    assert handled == ["evt_1"]


async def test_what_was_not_handled_in_time_is_handled_by_the_next_start(caplog: pytest.LogCaptureFixture) -> None:
    store, seen = MemoryEventStore(), Seen()
    router = make(seen, store, grace=0.01)

    @router.on("beneficiary.deleted")
    async def stuck(_: BeneficiaryDeletedEvent) -> None:
        await asyncio.Event().wait()

    with caplog.at_level(logging.WARNING, "anton_async.webhooks"):
        async with router:
            await router.receive(*delivery())
    async with make(seen, store):
        pass

    assert "handled in time" in caplog.text
    assert seen.events == ["evt_1"]
    assert await store.pending() == []


async def test_a_failing_handler_is_called_again_less_and_less_often() -> None:
    clock, calls = SteppedClock(), list[str]()
    router = WebhookRouter(WebhookVerifier(SECRET), fallback=Seen(), clock=clock)

    @router.on("beneficiary.deleted")
    async def flaky(event: BeneficiaryDeletedEvent) -> None:
        calls.append(event.id)
        if len(calls) < 4:
            raise RuntimeError("the database is away")

    async with router:
        await router.receive(*delivery())

    assert (len(calls), clock.pauses) == (4, [1.0, 2.0, 4.0])


async def test_an_event_whose_handler_keeps_failing_stays_in_the_store(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryEventStore()
    router = make(Seen(), store, attempts=2)

    @router.on("beneficiary.deleted")
    async def broken(_: BeneficiaryDeletedEvent) -> None:
        raise RuntimeError("for good")

    async with router:
        await router.receive(*delivery())

    assert len(await store.pending()) == 1
    assert caplog.text.count("evt_1") == 2
    assert SECRET not in caplog.text


async def test_a_forgery_is_neither_stored_nor_handled() -> None:
    store, seen = MemoryEventStore(), Seen()
    body, headers = delivery()

    async with make(seen, store) as router:
        with pytest.raises(WebhookSignatureError):
            await router.receive(body + b" ", headers)

    assert (seen.events, await store.pending()) == ([], [])


async def test_a_router_that_is_not_open_takes_nothing() -> None:
    router = make(Seen())

    with pytest.raises(ConfigurationError, match="not open"):
        await router.receive(*delivery())


async def test_handlers_are_registered_once_for_known_types_and_before_the_start() -> None:
    router = make(Seen())
    router.on("payout.failed")(Seen())

    with pytest.raises(ConfigurationError, match="once"):
        router.on("payout.failed")(Seen())
    with pytest.raises(ConfigurationError, match="no event type"):
        router.on("payout.flown")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    async with router:
        with pytest.raises(ConfigurationError, match="before the router is opened"):
            router.on("payout.sent")(Seen())


async def test_the_memory_of_handled_events_is_bounded() -> None:
    store = MemoryEventStore(most_done=2)
    for number in range(4):
        await store.add(f"evt_{number}", b"")
        await store.done(f"evt_{number}")

    assert not await store.add("evt_3", b"")
    assert await store.add("evt_0", b"")
