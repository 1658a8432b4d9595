"""`delivery`: events of every type, as Anton would deliver them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from anton_async import ConfigurationError
from anton_async.models import PayoutCompletedEvent
from anton_async.models.events import EVENTS
from anton_async.testing import delivery
from anton_async.webhooks import WebhookVerifier

SECRET = "whsec_test"


@pytest.mark.parametrize("event_type", EVENTS)
def test_each_type_of_event_is_taken_for_genuine(event_type: Any) -> None:
    event = WebhookVerifier(SECRET).unwrap(*delivery(SECRET, event_type))

    assert type(event) is EVENTS[event_type]


def test_given_fields_take_the_place_of_the_examples() -> None:
    moment = datetime(2026, 9, 1, tzinfo=UTC)
    body, headers = delivery(
        SECRET, "payout.completed", reference="inv-1", dest_amount=Decimal("12.50"), completed_at=moment
    )

    event = WebhookVerifier(SECRET).unwrap(body, headers)

    assert isinstance(event, PayoutCompletedEvent)
    assert (event.data.reference, event.data.dest_amount) == ("inv-1", Decimal("12.50"))
    assert (event.data.completed_at, event.data.status) == (moment, "completed")
    assert headers["Content-Type"] == "application/json"


def test_two_deliveries_are_two_events() -> None:
    first, second = (WebhookVerifier(SECRET).unwrap(*delivery(SECRET, "payout.failed")) for _ in range(2))

    assert first.id != second.id


@pytest.mark.parametrize(
    ("event_type", "data", "told"),
    [
        ("payout.complete", {}, "There is no event 'payout.complete'; did you mean one of payout.completed"),
        ("zzz", {}, "did you mean one of payout.created, payout.approved"),
        ("payout.completed", {"referenc": "x"}, "The data of payout.completed has no field 'referenc'; it has"),
        ("payout.completed", {"reference": 7}, "is not as documented at $.data.reference"),
        ("payout.completed", {"reference": object()}, "There can be no such payout.completed."),
    ],
)
def test_what_anton_would_not_send_is_refused(event_type: Any, data: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        delivery(SECRET, event_type, **data)


def test_a_secret_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="whsec_"):
        delivery("", "payout.completed")
