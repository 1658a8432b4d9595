"""Webhooks: what Anton reports, verified, typed, and handled once."""

from anton_async.webhooks.event import Event, UnknownEvent, read_event
from anton_async.webhooks.router import Handler, WebhookRouter
from anton_async.webhooks.store import EventStore, MemoryEventStore
from anton_async.webhooks.verifier import Headers, WebhookVerifier, sign

__all__ = [
    "Event",
    "EventStore",
    "Handler",
    "Headers",
    "MemoryEventStore",
    "UnknownEvent",
    "WebhookRouter",
    "WebhookVerifier",
    "read_event",
    "sign",
]
