"""Webhooks: what Anton reports, as typed events."""

from anton_async.webhooks.event import Event, UnknownEvent, read_event

__all__ = ["Event", "UnknownEvent", "read_event"]
