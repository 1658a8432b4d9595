"""What happened, as the API tells it: an event for each, and a delivery of it for each endpoint that wants it.

Recording is all that happens here; `deliveries.py` sends. Events are kept whether or not anyone listens, the
latest 10,000 of them at least.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from anton_async.sandbox import chance
from anton_async.sandbox.paging import Collection
from anton_async.sandbox.records import WebhookDelivery, WebhookEvent, WebhookSubscription, new_id
from anton_async.sandbox.timeline import Timeline

MAX_ATTEMPTS = 5
_KEPT = 10_000  # events at least; twice as many before the older half is forgotten
_OVERLAP = timedelta(hours=24)


@dataclass(slots=True, kw_only=True)
class SubscriptionEntry:
    """An endpoint, and what its deliveries are signed with."""

    shown: WebhookSubscription
    secret: str
    previous_secret: str | None = None
    previous_until: datetime | None = None

    @property
    def id(self) -> str:
        """The subscription's id."""
        return self.shown.id

    def rotate(self, now: datetime, *, immediate: bool) -> None:
        """Take a new secret; the old one signs for another 24 hours unless it has to go at once."""
        self.previous_secret = None if immediate else self.secret
        self.previous_until = None if immediate else now + _OVERLAP
        self.secret = new_secret()

    def secrets(self, now: datetime) -> list[str]:
        """Return what a delivery is signed with at this moment."""
        overlaps = self.previous_secret is not None and self.previous_until is not None and now < self.previous_until
        return [self.secret, self.previous_secret] if overlaps and self.previous_secret else [self.secret]

    def wants(self, event_type: str) -> bool:
        """Tell whether events of this type are delivered here."""
        return self.shown.status == "active" and ("*" in self.shown.events or event_type in self.shown.events)


@dataclass(slots=True, kw_only=True)
class DeliveryEntry:
    """One delivery and the endpoint it goes to."""

    shown: WebhookDelivery
    subscription: SubscriptionEntry
    event: EventEntry


@dataclass(slots=True, kw_only=True)
class EventEntry:
    """An event and its deliveries."""

    shown: WebhookEvent
    deliveries: list[DeliveryEntry] = field(default_factory=list[DeliveryEntry])

    @property
    def id(self) -> str:
        """The event's id."""
        return self.shown.id


class EventLog:
    """The events of a merchant, the endpoints that want them, and the deliveries that are due."""

    def __init__(self, merchant_id: str, timeline: Timeline) -> None:
        self._merchant_id = merchant_id
        self._timeline = timeline
        self.events: Collection[EventEntry] = Collection()
        self.subscriptions: dict[str, SubscriptionEntry] = {}
        self.outbox: deque[DeliveryEntry] = deque()

    def record(self, event_type: str, payload: Mapping[str, object] | msgspec.Struct) -> EventEntry:
        """Keep an event and queue it for every endpoint that wants it."""
        entry = self._keep(event_type, payload)
        for subscription in self.subscriptions.values():
            if subscription.wants(event_type):
                self._queue(entry, subscription)
        return entry

    def record_for(self, subscription: SubscriptionEntry, event_type: str, payload: Mapping[str, object]) -> EventEntry:
        """Keep an event and queue it for one endpoint, whatever that one asked for."""
        entry = self._keep(event_type, payload)
        self._queue(entry, subscription)
        return entry

    def retry(self, delivery: DeliveryEntry, seconds: float) -> None:
        """Queue a failed delivery again after a while."""
        delivery.shown.next_retry_at = self._timeline.now() + timedelta(seconds=seconds)
        self._timeline.after(seconds, lambda: self.outbox.append(delivery))

    def _keep(self, event_type: str, payload: Mapping[str, object] | msgspec.Struct) -> EventEntry:
        event = WebhookEvent(
            id=new_id("evt"),
            merchant_id=self._merchant_id,
            type=event_type,
            # A copy: what the event tells is how things were, whatever becomes of the object.
            payload=msgspec.to_builtins(payload),
            created_at=self._timeline.now(),
        )
        entry = EventEntry(shown=event)
        if len(self.events) >= 2 * _KEPT:
            self.events = self.events.latest(_KEPT)
        self.events.add(entry)
        return entry

    def _queue(self, event: EventEntry, subscription: SubscriptionEntry) -> None:
        now = self._timeline.now()
        delivery = WebhookDelivery(
            id=new_id("dlv"),
            event_id=event.id,
            subscription_id=subscription.id,
            status="pending",
            url=subscription.shown.url,
            attempts=0,
            max_attempts=MAX_ATTEMPTS,
            next_retry_at=now,
            created_at=now,
            updated_at=now,
        )
        entry = DeliveryEntry(shown=delivery, subscription=subscription, event=event)
        event.deliveries.append(entry)
        self.outbox.append(entry)


def new_secret() -> str:
    """Return a fresh signing secret."""
    return f"whsec_{chance.draw(32).hex()}"
