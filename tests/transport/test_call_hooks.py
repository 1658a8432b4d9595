from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable
from typing import Any

import pytest

from anton_async import AntonClient, AntonError, ApiKeyCredentials, CallEvent, ConfigurationError, Outcome
from tests.support.clock import SteppedClock
from tests.support.examples import BALANCE, ORDER, PAYOUT
from tests.support.raw_server import LOST, RawServer, Reply, answer, failure

KEY = ApiKeyCredentials("ak_test_" + "5" * 32)
CREATED = answer(201, {"data": PAYOUT}, headers={"X-Request-ID": "r9"})
DOWN = failure(503, "internal_error", headers={"X-Request-ID": "r1"})


class Watcher:
    """Notes every event of a client."""

    def __init__(self) -> None:
        self.events: list[tuple[str, CallEvent]] = []
        self.hooks: Any = {name: self._note(name) for name in ("on_attempt", "on_retry", "on_response")}

    def _note(self, name: str) -> Callable[[CallEvent], None]:
        return lambda event: self.events.append((name, event))

    @property
    def told(self) -> list[tuple[str, int, Outcome | None, int | None, str | None]]:
        return [(name, at.attempt, at.outcome, at.status, at.request_id) for name, at in self.events]


def make_client(server: RawServer, clock: SteppedClock, **options: Any) -> AntonClient:
    return AntonClient(KEY, base_url=server.base_url, clock=clock, **options)


@pytest.mark.fault("I10")
async def test_hooks_are_told_of_every_request_and_every_pause(server: RawServer, clock: SteppedClock) -> None:
    server.script(LOST, DOWN, CREATED)
    watcher = Watcher()

    async with make_client(server, clock, **watcher.hooks) as anton:
        await anton.payouts.create(**ORDER)

    assert watcher.told == [
        ("on_attempt", 1, None, None, None),
        ("on_response", 1, Outcome.UNKNOWN, None, None),
        ("on_retry", 1, Outcome.UNKNOWN, None, None),
        ("on_attempt", 2, None, None, None),
        ("on_response", 2, Outcome.UNKNOWN, 503, "r1"),
        ("on_retry", 2, Outcome.UNKNOWN, 503, "r1"),
        ("on_attempt", 3, None, None, None),
        ("on_response", 3, None, 201, "r9"),
    ]
    assert {event.operation for _, event in watcher.events} == {"createPayout"}
    assert [event.delay for _, event in watcher.events if event.delay is not None] == clock.pauses
    assert watcher.events[-1][1].elapsed == pytest.approx(sum(clock.pauses))


async def test_a_request_id_that_echoes_our_key_is_told_without_it(
    server: RawServer, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script(answer(201, {"data": PAYOUT}, headers={"X-Request-ID": f"r-{KEY.bearer().split()[1]}"}))
    watcher = Watcher()

    async with make_client(server, clock, **watcher.hooks) as anton:
        raw = await anton.payouts.with_response.create(**ORDER)

    assert raw.request_id == watcher.events[-1][1].request_id == "r-***"
    assert "5" * 32 not in caplog.text


async def test_a_refusal_is_told_with_its_outcome(server: RawServer, clock: SteppedClock) -> None:
    server.script(failure(422, "insufficient_balance"))
    watcher = Watcher()

    async with make_client(server, clock, **watcher.hooks) as anton:
        with pytest.raises(AntonError):
            await anton.payouts.create(**ORDER)

    assert watcher.told == [
        ("on_attempt", 1, None, None, None),
        ("on_response", 1, Outcome.REJECTED, 422, None),
    ]


@pytest.mark.fault("L03", "C22")
async def test_a_cancelled_request_is_told_as_unknown(server: RawServer, clock: SteppedClock) -> None:
    server.script(Reply(b"", "hang"))
    watcher = Watcher()

    async with make_client(server, clock, **watcher.hooks) as anton:
        paying = asyncio.create_task(anton.payouts.create(**ORDER))
        await server.asked.wait()
        paying.cancel()
        await asyncio.wait([paying])

    assert paying.cancelled()
    assert watcher.told[1:] == [("on_response", 1, Outcome.UNKNOWN, None, None)]


@pytest.mark.fault("I10", "I04")
async def test_an_event_holds_nothing_but_its_allow_list(server: RawServer, clock: SteppedClock) -> None:
    server.script(DOWN, answer(200, {"data": PAYOUT}))
    watcher = Watcher()

    async with make_client(server, clock, **watcher.hooks) as anton:
        await anton.payouts.cancel(PAYOUT["id"], idempotency_key="k-secret")

    allowed = {"operation", "attempt", "elapsed", "outcome", "status", "request_id", "delay", "error", "code", "queued"}
    allowed |= {"quota", "quota_left", "replayed"}
    assert {field.name for field in dataclasses.fields(CallEvent)} == allowed
    for private in (PAYOUT["id"], KEY.client_id, "5" * 32, "k-secret", server.base_url):
        assert private not in repr(watcher.events)
    with pytest.raises(dataclasses.FrozenInstanceError):
        watcher.events[0][1].attempt = 7  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue] - it is frozen


@pytest.mark.fault("L08")
async def test_a_hook_that_raises_harms_nothing_and_is_told_of_once(
    server: RawServer, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(LOST, DOWN, CREATED, CREATED)

    def broken(event: CallEvent) -> None:
        raise RuntimeError(f"secret of the hook at {event.attempt}")

    async with make_client(server, clock, on_attempt=broken, on_retry=broken, on_response=broken) as anton:
        response = await anton.payouts.with_response.create(**ORDER)
        await anton.payouts.create(**ORDER)

    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert (response.attempts, len(server.requests)) == (3, 4)
    assert [text.split()[1] for text in warnings] == ["on_attempt", "on_response", "on_retry"]
    assert "secret of the hook" not in caplog.text


@pytest.mark.fault("L08")
async def test_a_log_handler_that_raises_changes_no_outcome(server: RawServer, clock: SteppedClock) -> None:
    class Broken(logging.Handler):
        seen = 0

        def emit(self, record: logging.LogRecord) -> None:
            Broken.seen += 1
            raise RuntimeError(record.getMessage())

    def broken(event: CallEvent) -> None:
        raise RuntimeError(event.operation)

    ours, handler = logging.getLogger("anton_async"), Broken()
    ours.addHandler(handler)
    ours.setLevel(logging.DEBUG)
    try:
        server.script(LOST, CREATED, failure(422, "insufficient_balance"))
        async with make_client(server, clock, on_response=broken) as anton:
            payout = await anton.payouts.create(**ORDER)
            with pytest.raises(AntonError) as caught:
                await anton.payouts.create(**ORDER)
    finally:
        ours.removeHandler(handler)
        ours.setLevel(logging.NOTSET)

    assert (payout.id, caught.value.outcome) == (PAYOUT["id"], Outcome.REJECTED)
    assert Broken.seen > 3


@pytest.mark.fault("L08", "A20")
async def test_a_log_handler_that_raises_over_a_nonce_changes_no_outcome(anton: AntonClient, server: RawServer) -> None:
    def broken(record: logging.LogRecord) -> bool:
        raise RuntimeError(record.getMessage())

    ours = logging.getLogger("anton_async.auth")
    ours.addFilter(broken)
    try:
        server.script(answer(201, {"data": PAYOUT}, headers={"DPoP-Nonce": 'a "nonce"'}))

        assert (await anton.payouts.create(**ORDER)).id == PAYOUT["id"]
    finally:
        ours.removeFilter(broken)


async def test_a_log_line_names_the_module_that_wrote_it(
    server: RawServer, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "anton_async.transport")
    server.script(answer(200, {"data": BALANCE}, headers={"X-Request-ID": "r7"}))

    async with make_client(server, clock) as anton:
        await anton.balances.retrieve("USD")

    (record,) = (record for record in caplog.records if record.name == "anton_async.transport")
    assert (record.module, record.getMessage()) == (
        "call_log",
        "GET /v1/balances/{currency}: 200, attempt 1, request r7",
    )


async def a_coroutine_function(event: CallEvent) -> None:
    del event


@pytest.mark.parametrize("hook", [a_coroutine_function, "print", 7])
@pytest.mark.parametrize("name", ["on_attempt", "on_retry", "on_response"])
def test_a_hook_that_cannot_be_called_is_refused(name: str, hook: Any) -> None:
    options: Any = {name: hook}
    with pytest.raises(ConfigurationError, match=name):
        AntonClient(KEY, **options)
