"""Webhook subscriptions with their secrets, and the history of events and deliveries.

An endpoint has to be `https://` and public, as the API says; on the loopback address, where a sandbox and what is
tested against it live, plain http is taken too.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import msgspec

from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.errors import NO_CONTENT, Answer, Refusal, not_found
from anton_async.sandbox.events import EventEntry, SubscriptionEntry, new_secret
from anton_async.sandbox.merchant import Merchant
from anton_async.sandbox.presenter import Presenter, bare
from anton_async.sandbox.records import WebhookSubscription, new_id

_VERSION = "2024-01-01"
_PRIVATE_SUFFIXES = (".local", ".internal")


class Webhooks:
    """The handlers of `/v1/webhooks`."""

    def __init__(self, merchant: Merchant, presenter: Presenter) -> None:
        self._merchant = merchant
        self._presenter = presenter

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation id."""
        return {
            "createWebhookSubscription": self.create,
            "listWebhookSubscriptions": self.list_all,
            "getWebhookSubscription": self.retrieve,
            "updateWebhookSubscription": self.update,
            "deleteWebhookSubscription": self.delete,
            "deactivateWebhookSubscription": self.deactivate,
            "getWebhookSecret": self.retrieve_secret,
            "rotateWebhookSecret": self.rotate_secret,
            "testWebhookSubscription": self.test,
            "listWebhookEvents": self.list_events,
            "getWebhookEvent": self.retrieve_event,
            "listWebhookDeliveries": self.list_deliveries,
        }

    def create(self, call: Call) -> Answer:
        """Register an endpoint; the one answer that is bare in both editions, because it carries the secret."""
        _check_url(str(call.body["url"]))
        now = self._merchant.now()
        subscription = WebhookSubscription(
            id=new_id("whk"),
            merchant_id=self._merchant.id,
            url=str(call.body["url"]),
            events=_texts(call.body["events"]),
            status="active",
            version=_VERSION,
            metadata=_labels(call.body.get("metadata")),
            created_at=now,
            updated_at=now,
        )
        entry = SubscriptionEntry(shown=subscription, secret=new_secret())
        self._merchant.events.subscriptions[entry.id] = entry
        return bare({**_shown(subscription), "secret": entry.secret}, 201)

    def list_all(self, call: Call) -> Answer:
        """List subscriptions, newest first."""
        status = call.text("status")
        entries = reversed(self._merchant.events.subscriptions.values())
        return self._presenter.rows([entry.shown for entry in entries if status in {None, entry.shown.status}])

    def retrieve(self, call: Call) -> Answer:
        """Show one subscription, without its secret."""
        return self._presenter.one(self._entry(call.id).shown)

    def update(self, call: Call) -> Answer:
        """Change url, events or metadata; what is left out stays."""
        subscription = self._entry(call.id).shown
        if not call.body:
            raise Refusal(400, "missing_required_field", "send at least one of url, events and metadata")
        if "url" in call.body:
            _check_url(str(call.body["url"]))
            subscription.url = str(call.body["url"])
        if "events" in call.body:
            subscription.events = _texts(call.body["events"])
        if "metadata" in call.body:
            subscription.metadata = _labels(call.body["metadata"])
        subscription.updated_at = self._merchant.now()
        return self._presenter.one(subscription)

    def delete(self, call: Call) -> Answer:
        """Delete a subscription; its events and deliveries stay."""
        entry = self._entry(call.id)
        entry.shown.status = "inactive"
        del self._merchant.events.subscriptions[entry.id]
        return NO_CONTENT

    def deactivate(self, call: Call) -> Answer:
        """Stop deliveries to a subscription, and keep it."""
        subscription = self._entry(call.id).shown
        if subscription.status != "inactive":
            subscription.status = "inactive"
            subscription.updated_at = self._merchant.now()
        return self._presenter.one(subscription)

    def retrieve_secret(self, call: Call) -> Answer:
        """Show the current secret."""
        return self._presenter.one({"secret": self._entry(call.id).secret})

    def rotate_secret(self, call: Call) -> Answer:
        """Make a new secret; the old one signs too for 24 hours unless it has to go at once."""
        entry = self._entry(call.id)
        entry.rotate(self._merchant.now(), immediate=call.flag("immediate"))
        return self._presenter.one({"secret": entry.secret, "previous_secret_expires_at": entry.previous_until})

    def test(self, call: Call) -> Answer:
        """Queue a made-up event for one endpoint."""
        entry = self._entry(call.id)
        payload: dict[str, object] = {
            "test": True,
            "event_type": "test",
            "object": "payout",
            "id": "pay_test000000000000001",
            "status": "completed",
            "source_amount": "100.00",
            "source_currency": "USD",
            "dest_amount": "85.00",
            "dest_currency": "EUR",
            "created_at": self._merchant.now(),
        }
        event = self._merchant.events.record_for(entry, "test", payload)
        return self._presenter.one({"event_id": event.id}, 202)

    def list_events(self, call: Call) -> Answer:
        """List events, newest first."""
        kind = call.text("type")
        after, before = call.moment("created_after"), call.moment("created_before")
        entries, cursor = self._merchant.events.events.page(
            limit=call.limit,
            cursor=call.text("cursor"),
            keep=lambda entry: (
                (kind is None or entry.shown.type == kind)
                and (after is None or entry.shown.created_at >= after)
                and (before is None or entry.shown.created_at <= before)
            ),
        )
        return self._presenter.page([entry.shown for entry in entries], cursor)

    def retrieve_event(self, call: Call) -> Answer:
        """Show one event."""
        return self._presenter.one(self._event(call.id).shown)

    def list_deliveries(self, call: Call) -> Answer:
        """List the deliveries of one event."""
        return self._presenter.rows([entry.shown for entry in self._event(call.id).deliveries])

    def _entry(self, subscription_id: str) -> SubscriptionEntry:
        entry = self._merchant.events.subscriptions.get(subscription_id)
        if entry is None:
            raise not_found("webhook_subscription")
        return entry

    def _event(self, event_id: str) -> EventEntry:
        entry = self._merchant.events.events.get(event_id)
        if entry is None:
            raise not_found("webhook_event")
        return entry


def _shown(subscription: WebhookSubscription) -> dict[str, object]:
    names = subscription.__struct_fields__
    return {name: value for name in names if (value := getattr(subscription, name)) is not None}


def _texts(value: object) -> list[str]:
    return msgspec.convert(value, list[str])


def _labels(value: object) -> dict[str, str] | None:
    return msgspec.convert(value or {}, dict[str, str]) or None


def _check_url(url: str) -> None:
    """Check that deliveries may go there.

    Raises:
        Refusal: 400 with the code of what is wrong.
    """
    if not url.strip():
        raise Refusal(400, "webhook_url_required", "url is required")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
        parts = urlsplit("")
    if not host or parts.scheme not in {"http", "https"}:
        raise Refusal(400, "webhook_url_invalid", "url must be a URL with a host")
    if _is_loopback(host):
        return
    if parts.scheme != "https":
        raise Refusal(400, "webhook_url_not_https", "url must be https, but on the loopback address")
    if _is_private(host):
        raise Refusal(400, "webhook_url_private_address", "url must be on the public internet")


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _is_private(host: str) -> bool:
    address = _address(host)
    return host.endswith(_PRIVATE_SUFFIXES) if address is None else not address.is_global


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
