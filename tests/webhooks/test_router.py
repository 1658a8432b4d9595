"""Each event is handled once: acknowledged first, handled afterwards, and lost in no shutdown."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any, cast

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
        router.on("payout.flown")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType] - the point
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


async def test_an_event_is_not_handled_again_because_the_store_was_away() -> None:
    class Blinking(MemoryEventStore):
        failures = 2

        async def done(self, event_id: str) -> None:
            if self.failures:
                self.failures -= 1
                raise ConnectionResetError
            await super().done(event_id)

    store, seen = Blinking(), Seen()
    async with make(seen, store) as router:
        await router.receive(*delivery())

    assert seen.events == ["evt_1"]
    assert await store.pending() == []


async def test_a_handler_that_awaits_something_cancelled_costs_no_worker() -> None:
    handled = list[str]()
    router = WebhookRouter(WebhookVerifier(SECRET), fallback=Seen(), concurrency=1, attempts=2, clock=SteppedClock())

    @router.on("beneficiary.deleted")
    async def fragile(event: BeneficiaryDeletedEvent) -> None:
        if event.id == "evt_1":
            raise asyncio.CancelledError
        handled.append(event.id)

    async with router:
        await router.receive(*delivery(1))
        await router.receive(*delivery(2))

    assert handled == ["evt_2"]


async def test_a_store_that_is_away_at_the_start_leaves_a_router_that_can_be_opened() -> None:
    class Away(MemoryEventStore):
        away = True

        async def pending(self) -> list[bytes]:
            if self.away:
                raise ConnectionResetError
            return [*await super().pending()]

    store, seen = Away(), Seen()
    router = make(seen, store)
    with pytest.raises(ConnectionResetError):
        await router.__aenter__()
    with pytest.raises(ConfigurationError, match="not open"):
        await router.receive(*delivery())
    store.away = False

    async with router:
        assert await router.receive(*delivery())

    assert seen.events == ["evt_1"]


async def test_a_stored_event_that_cannot_be_read_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    store, seen = MemoryEventStore(), Seen()
    await store.add("evt_0", b"{}")
    await store.add("evt_1", delivery()[0])

    async with make(seen, store):
        pass

    assert seen.events == ["evt_1"]
    assert len(await store.pending()) == 1
    assert "cannot be read" in caplog.text


async def test_a_sender_that_goes_away_does_not_lose_the_event() -> None:
    class Slow(MemoryEventStore):
        async def add(self, event_id: str, body: bytes) -> bool:
            kept = await super().add(event_id, body)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return kept

    store, seen = Slow(), Seen()
    async with make(seen, store) as router:
        taking = asyncio.create_task(router.receive(*delivery()))
        await asyncio.sleep(0)
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking
        await router.receive(*delivery())

    assert seen.events == ["evt_1"]


async def test_an_event_that_is_stored_and_not_handled_is_taken_when_it_comes_again() -> None:
    store, seen = MemoryEventStore(), Seen()

    async with make(seen, store) as router:
        await store.add("evt_1", delivery()[0])
        assert await router.receive(*delivery())

    assert seen.events == ["evt_1"]


def test_a_handler_that_cannot_be_awaited_is_refused() -> None:
    router = make(Seen())

    def credit(_: object) -> None: ...

    with pytest.raises(ConfigurationError, match="coroutine function"):
        router.on("payout.sent")(credit)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the point


@pytest.mark.parametrize(
    "wrong", [{"concurrency": 0}, {"attempts": 0}, {"grace": -1.0}, {"sweep": 0.0}, {"fallback": None}]
)
def test_a_router_that_could_not_work_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        make_with({"verifier": WebhookVerifier(SECRET), "fallback": Seen(), **wrong})


def make_with(arguments: dict[str, Any]) -> WebhookRouter:
    return WebhookRouter(**arguments)


def test_a_secret_is_no_verifier() -> None:
    with pytest.raises(ConfigurationError, match="WebhookVerifier"):
        WebhookRouter(cast("WebhookVerifier", SECRET), fallback=Seen())


class Ticks(SteppedClock):
    """A clock whose sleepers go on when they are told to."""

    def __init__(self) -> None:
        super().__init__()
        self.tick = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await self.tick.wait()
        self.tick.clear()


async def idle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_sweep_takes_over_what_others_left_behind_and_nothing_twice() -> None:
    seen, store, clock = Seen(), MemoryEventStore(), Ticks()
    verifier = WebhookVerifier(SECRET)

    async with WebhookRouter(verifier, fallback=seen, store=store, sweep=60, clock=clock) as router:
        await router.receive(*delivery(1))
        await store.add("evt_2", delivery(2)[0])
        for _ in range(3):
            clock.tick.set()
            await idle()

    assert seen.events == ["evt_1", "evt_2"]
    assert set(clock.pauses) == {60}


@pytest.mark.fault("G15")
async def test_a_sweep_does_not_repeat_what_is_done_before_the_store_has_answered() -> None:
    class Slow(MemoryEventStore):
        """Answers with what was true when it was asked."""

        asked, answer = asyncio.Event(), asyncio.Event()

        async def pending(self) -> list[bytes]:
            found = [*await super().pending()]
            if found:
                self.asked.set()
                await self.answer.wait()
            return found

    entered, leave, seen = asyncio.Event(), asyncio.Event(), list[str]()

    async def handle(event: Event) -> None:
        seen.append(event.id)
        entered.set()
        await leave.wait()

    store, clock = Slow(), Ticks()
    async with WebhookRouter(WebhookVerifier(SECRET), fallback=handle, store=store, sweep=60, clock=clock) as router:
        await router.receive(*delivery(1))
        await entered.wait()
        clock.tick.set()
        await store.asked.wait()
        leave.set()
        await router.receive(*delivery(2))
        await idle()
        store.answer.set()
        await idle()

    assert seen == ["evt_1", "evt_2"]


async def test_a_sweep_that_fails_is_repeated(caplog: pytest.LogCaptureFixture) -> None:
    class Flaky(MemoryEventStore):
        asked = 0

        async def pending(self) -> list[bytes]:
            self.asked += 1
            if self.asked == 2:
                raise OSError("away")
            return [*await super().pending()]

    seen, store, clock = Seen(), Flaky(), Ticks()
    async with WebhookRouter(WebhookVerifier(SECRET), fallback=seen, store=store, sweep=60, clock=clock):
        await store.add("evt_1", delivery(1)[0])
        for _ in range(2):
            clock.tick.set()
            await idle()

    assert seen.events == ["evt_1"]
    assert "could not be asked" in caplog.text
