"""Deliveries of webhooks over HTTP: signed, tried five times, never redirected.

    pending --2xx--> success
       |
       +--anything else--> failed --30 s, 2 min, 8 min, 32 min--> ... --> abandoned

Waits run on the sandbox's clock, the timestamp in the signature on the machine's, which is what a receiver compares
it with.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import Sequence

import aiohttp
import msgspec

from anton_async.clock import Clock
from anton_async.sandbox.events import DeliveryEntry, EventLog
from anton_async.sandbox.history import History
from anton_async.sandbox.timeline import Timeline

WAITS = (30.0, 120.0, 480.0, 1920.0)  # seconds before the second to the fifth try
_TIMEOUT = aiohttp.ClientTimeout(total=30)
_KEPT_OF_BODY = 1024  # bytes
_CONCURRENCY = 8


class Courier:
    """Carries what the event log has queued."""

    def __init__(self, log: EventLog, timeline: Timeline, clock: Clock, history: History) -> None:
        self._log = log
        self._timeline = timeline
        self._clock = clock
        self._history = history
        self._room = asyncio.Semaphore(_CONCURRENCY)
        self._session: aiohttp.ClientSession | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    def dispatch(self) -> None:
        """Start every delivery that is due now."""
        while self._log.outbox:
            task = asyncio.get_running_loop().create_task(self._deliver(self._log.outbox.popleft()))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def flush(self) -> None:
        """Carry out every delivery that is due now, and wait for the answers."""
        self.dispatch()
        while tasks := list(self._under_way):
            await asyncio.gather(*tasks)
            # Their own callbacks have not run yet where nothing had to be waited for, as with eager tasks.
            self._under_way.difference_update(tasks)
            self.dispatch()

    async def close(self) -> None:
        """Drop what is under way; it is due again when the sandbox comes back."""
        tasks, self._under_way = list(self._under_way), set()
        self._room = asyncio.Semaphore(_CONCURRENCY)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _deliver(self, delivery: DeliveryEntry) -> None:
        shown = delivery.shown
        if delivery.subscription.shown.status != "active" and delivery.event.shown.type != "test":
            shown.error = "the subscription is gone or inactive"
            self._conclude(delivery, sent=False)
            return
        body = _envelope(delivery)
        shown.url = delivery.subscription.shown.url
        shown.request_headers = self._headers(delivery, body)
        started = time.perf_counter()
        try:
            async with self._room:
                await self._post(delivery, body)
        except asyncio.CancelledError:
            self._log.outbox.append(delivery)
            raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            shown.error = _fault(error)
            shown.response_status = shown.response_body = shown.response_headers = None
        shown.duration_ms = int((time.perf_counter() - started) * 1000)
        self._conclude(delivery, sent=True)

    def repeat(self, content: bytes) -> None:
        """Note a try of the history once more, without sending anything."""
        tried = msgspec.msgpack.decode(content, type=_Try)
        outbox = self._log.outbox
        place = next(place for place, entry in enumerate(outbox) if entry.shown.id == tried.id)
        delivery = outbox[place]
        del outbox[place]
        for name in _TRIED:
            setattr(delivery.shown, name, getattr(tried, name))
        self._conclude(delivery, sent=tried.sent)

    def _conclude(self, delivery: DeliveryEntry, *, sent: bool) -> None:
        shown = delivery.shown
        with self._history.moment() as entry:
            if sent:
                self._note(delivery)
            else:
                shown.status, shown.next_retry_at = "abandoned", None
            tried = _Try(sent=sent, id=shown.id, **{name: getattr(shown, name) for name in _TRIED})
            self._history.keep(entry, "delivery", tried)

    async def _post(self, delivery: DeliveryEntry, body: bytes) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())
        shown = delivery.shown
        headers = shown.request_headers
        async with self._session.post(shown.url, data=body, headers=headers, allow_redirects=False) as response:
            shown.response_status = response.status
            shown.response_headers = dict(response.headers)
            shown.response_body = (await response.content.read(_KEPT_OF_BODY)).decode(errors="replace")
            shown.error = None

    def _note(self, delivery: DeliveryEntry) -> None:
        shown = delivery.shown
        shown.attempts += 1
        shown.updated_at = self._timeline.now()
        shown.next_retry_at = None
        if shown.response_status is not None and 200 <= shown.response_status < 300:
            shown.status, shown.delivered_at = "success", shown.updated_at
        elif shown.attempts > len(WAITS):
            shown.status = "abandoned"
        else:
            shown.status = "failed"
            self._log.retry(delivery, WAITS[shown.attempts - 1])

    def _headers(self, delivery: DeliveryEntry, body: bytes) -> dict[str, str]:
        event, timestamp = delivery.event.shown, int(self._clock.time())
        secrets = delivery.subscription.secrets(self._timeline.now())
        return {
            "Content-Type": "application/json",
            "User-Agent": "AntonPayments-Webhook/1.0",
            "X-Webhook-ID": event.id,
            "X-Webhook-Event": event.type,
            "X-Webhook-Timestamp": str(timestamp),
            "X-Webhook-Signature": signature(secrets, timestamp, body),
        }


class _Try(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the history keeps of one try."""

    id: str
    sent: bool
    url: str
    request_headers: dict[str, str] | None = None
    response_status: int | None = None
    response_body: str | None = None
    response_headers: dict[str, str] | None = None
    error: str | None = None
    duration_ms: int | None = None


_TRIED = tuple(name for name in _Try.__struct_fields__ if name not in {"id", "sent"})


def signature(secrets: Sequence[str], timestamp: int, body: bytes) -> str:
    """Return the signature header: one `v1=` entry a secret, over the timestamp and the raw body."""
    signed = f"{timestamp}.".encode() + body
    return ",".join(f"v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}" for secret in secrets)


def _envelope(delivery: DeliveryEntry) -> bytes:
    event = delivery.event.shown
    envelope = {"id": event.id, "type": event.type, "created_at": event.created_at, "data": event.payload}
    return msgspec.json.encode(envelope)


def _fault(error: BaseException) -> str:
    return "timeout" if isinstance(error, TimeoutError) else type(error).__name__
