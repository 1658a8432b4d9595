"""Webhook deliveries, and a router that remembers what it was handed."""

from __future__ import annotations

import json

from anton_async.webhooks import Event, EventStore, WebhookRouter, WebhookVerifier, sign
from tests.support.clock import SteppedClock

SECRET = "whsec_" + "0123456789abcdef" * 4
PATH = "/webhooks/anton"

Delivery = tuple[bytes, list[tuple[str, str]]]


def delivery(number: int = 1, *, secret: str = SECRET, timestamp: int | None = None) -> Delivery:
    event = {
        "id": f"evt_{number}",
        "type": "beneficiary.deleted",
        "created_at": "2026-09-14T09:00:00Z",
        "data": {"id": "ben_1"},
    }
    # Spaces and order as no encoder would write them again.
    body = json.dumps({"data": event["data"], **event}, indent=3).encode() + b"\n"
    return body, [*sign(secret, body, timestamp=timestamp).items()]


class Seen:
    """A fallback that collects what it is given."""

    def __init__(self) -> None:
        self.events: list[str] = []

    async def __call__(self, event: Event) -> None:
        self.events.append(event.id)


def make_router(seen: Seen, store: EventStore | None = None) -> WebhookRouter:
    return WebhookRouter(WebhookVerifier(SECRET), fallback=seen, store=store, clock=SteppedClock())
