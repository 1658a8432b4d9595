"""Deliveries, acknowledged at once and handled afterwards.

    receive ──> verify ──> store ──> (acknowledge) ──> handler of the type, or the fallback ──> done

An event is in the store before it is acknowledged and leaves it when its handler has returned. One that is delivered
again is acknowledged and not handled again; one whose handler failed, or was cut off, is handled by the next start, or
by the next sweep.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Self, TypeAlias, TypeVar, cast

from anton_async.clock import SYSTEM_CLOCK, Clock
from anton_async.errors import ConfigurationError, WebhookPayloadError
from anton_async.log import get_log
from anton_async.models.events import EVENTS, Subscribe
from anton_async.webhooks.event import Event, read_event
from anton_async.webhooks.store import EventStore, MemoryEventStore
from anton_async.webhooks.verifier import Headers, WebhookVerifier

logger: Final = get_log("anton_async.webhooks")

E = TypeVar("E")
Handler: TypeAlias = Callable[[E], Awaitable[object]]

_FIRST_PAUSE = 1.0  # seconds


class WebhookRouter:
    """Takes deliveries and hands each event once to the handler of its type.

        from anton_async.models import PayoutCompletedEvent
        from anton_async.webhooks import WebhookRouter, WebhookVerifier

        router = WebhookRouter(WebhookVerifier("whsec_..."), fallback=log_it)

        @router.on("payout.completed")
        async def paid(event: PayoutCompletedEvent) -> None: ...

        async with router:
            await router.receive(body, headers)   # then answer 200

    Args:
        verifier: checks the signatures.
        fallback: handles every event that has no handler, also those of types that are newer than this version.
        store: keeps events until they are handled; in memory when left out, which loses them with the process.
        concurrency: how many events are handled at once.
        attempts: how often a failing handler is called; afterwards the event waits in the store for the next start.
        grace: seconds that handlers get to finish when the router closes.
        sweep: seconds after which the store is asked again for what is to be handled, such as events that another
            process left behind, or whose handler failed; None asks it when the router is opened only.
        clock: where pauses between attempts are slept, for tests.
    """

    def __init__(
        self,
        verifier: WebhookVerifier,
        *,
        fallback: Handler[Event],
        store: EventStore | None = None,
        concurrency: int = 16,
        attempts: int = 5,
        grace: float = 25.0,
        sweep: float | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        if not isinstance(verifier, WebhookVerifier):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
            raise ConfigurationError("verifier must be a WebhookVerifier.")
        if min(concurrency, attempts) < 1 or not grace >= 0:
            raise ConfigurationError("concurrency and attempts must be 1 or more, and grace 0 seconds or more.")
        if sweep is not None and not sweep > 0:
            raise ConfigurationError("sweep must be a number of seconds above 0, or None.")
        self._verifier = verifier
        self._fallback: Handler[Any] = _checked(fallback)
        self._store = store or MemoryEventStore()
        self._concurrency = concurrency
        self._attempts = attempts
        self._grace = grace
        self._sweep_seconds = sweep
        self._clock = clock
        self._handlers: dict[str, Handler[Any]] = {}
        self._queue: asyncio.Queue[Event] | None = None
        self._workers: list[asyncio.Task[None]] = []
        self._here: set[str] = set()
        self._met: set[str] | None = None
        self._taking: dict[str, asyncio.Future[bool]] = {}

    @property
    def on(self) -> Subscribe:
        """Decorate the handler of one type of event: `@router.on("payout.completed")`.

        Raises:
            ConfigurationError: there is no such type, it has a handler already, or the router is open.
        """
        return cast("Subscribe", self._on)

    def _on(self, type: str, /) -> Callable[[Handler[E]], Handler[E]]:
        if type not in EVENTS:
            raise ConfigurationError(
                f"There is no event type {type!r}; types this version does not know are the fallback's."
            )
        if type in self._handlers or self._queue is not None:
            raise ConfigurationError(f"The handler of {type} must be registered once, and before the router is opened.")

        def register(handler: Handler[E]) -> Handler[E]:
            self._handlers[type] = _checked(handler)
            return handler

        return register

    async def __aenter__(self) -> Self:
        if self._queue is not None:
            raise ConfigurationError("This router is open already.")
        queue: asyncio.Queue[Event] = asyncio.Queue()
        await self._take_over(queue)
        self._queue = queue
        self._workers = [asyncio.create_task(self._work(queue)) for _ in range(self._concurrency)]
        if self._sweep_seconds is not None:
            self._workers.append(asyncio.create_task(self._sweep(queue, self._sweep_seconds)))
        return self

    async def receive(self, body: bytes, headers: Headers) -> bool:
        """Take a delivery. Answer 200 when this returns; its handler runs afterwards.

        Args:
            body: the raw bytes of the request.
            headers: its headers, in any shape.

        Returns:
            Whether this delivery is the one that gets handled; False for one that was delivered before.

        Raises:
            WebhookSignatureError: it is not Anton's: answer 400.
            WebhookPayloadError: no event can be read from it: answer 400.
            ConfigurationError: the router is not open: answer 503, and Anton delivers again.
        """
        queue = self._queue
        if queue is None:
            raise ConfigurationError("The router is not open: use it inside `async with router:`.")
        event = self._verifier.unwrap(body, headers)
        if event.id in self._here:
            return False
        taking = self._taking.get(event.id)
        if taking is not None:
            await asyncio.shield(taking)
            return False
        # To the end, also when the sender goes away: what is in the store is acknowledged when it is delivered again.
        taking = asyncio.ensure_future(self._take(queue, event, bytes(body)))
        if not taking.done():  # an eager task may be through already
            self._taking[event.id] = taking
            taking.add_done_callback(lambda _: self._taking.pop(event.id))
        return await asyncio.shield(taking)

    async def _take(self, queue: asyncio.Queue[Event], event: Event, body: bytes) -> bool:
        new = await self._store.add(event.id, body)
        if new:
            self._enqueue(queue, event)
        return new

    async def _take_over(self, queue: asyncio.Queue[Event]) -> None:
        # What the store names may have been taken, and even handled, before its answer is here.
        self._met = {*self._here}
        try:
            bodies = await self._store.pending()
        finally:
            met, self._met = {*self._met, *self._taking}, None
        for body in bodies:
            try:
                event = read_event(body)
            except WebhookPayloadError:
                logger.exception("A stored webhook event cannot be read any more; it stays in the store")
            else:
                if event.id not in met:
                    self._enqueue(queue, event)

    async def _sweep(self, queue: asyncio.Queue[Event], seconds: float) -> None:
        while True:
            await self._clock.sleep(seconds)
            try:
                await self._take_over(queue)
            except Exception:  # whatever a store of the user's raises
                logger.exception("The store of webhook events could not be asked; it is asked again")

    def _enqueue(self, queue: asyncio.Queue[Event], event: Event) -> None:
        self._here.add(event.id)
        if self._met is not None:
            self._met.add(event.id)
        queue.put_nowait(event)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        queue, self._queue = self._queue, None
        try:
            if queue is not None:
                async with asyncio.timeout(self._grace):
                    await queue.join()
        except TimeoutError:
            logger.warning("Not all webhook events were handled in time; the store has them")
        finally:
            for worker in self._workers:
                worker.cancel()
            await asyncio.gather(*self._workers, return_exceptions=True)
            self._here.clear()

    async def _work(self, queue: asyncio.Queue[Event]) -> None:
        while True:
            event = await queue.get()
            try:
                await self._serve(event)
            finally:
                self._here.discard(event.id)
                queue.task_done()

    async def _serve(self, event: Event) -> None:
        handler = self._handlers.get(event.type, self._fallback)
        # Each for itself: an event must not be handled again because the store was away.
        if await self._repeat("Handling", event, lambda: handler(event)):
            await self._repeat("Noting as handled", event, lambda: self._store.done(event.id))

    async def _repeat(self, doing: str, event: Event, step: Callable[[], Awaitable[object]]) -> bool:
        """Return whether `step` succeeded at last."""
        for attempt in range(1, self._attempts + 1):
            try:
                await step()
            except (Exception, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                    raise
                told = {"anton_event_id": event.id, "anton_event_type": event.type, "anton_attempt": attempt}
                logger.exception("%s webhook event %s (%s) failed, attempt %d", doing, *told.values(), extra=told)
            else:
                return True
            if attempt < self._attempts:
                await self._clock.sleep(_FIRST_PAUSE * 2 ** (attempt - 1))
        return False


def _checked(handler: Handler[E]) -> Handler[E]:
    """Refuse what cannot be awaited: it would have run before anybody noticed."""
    if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None)):  # noqa: B004 - an object may be one
        return handler
    raise ConfigurationError("A handler must be a coroutine function: `async def handle(event): ...`.")


def _is_cancelled() -> bool:
    """Return whether the running task is cancelled itself, and not something that it awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
