"""Every event that the document names is read as its own type, and the rest as what it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest

from anton_async import WebhookPayloadError
from anton_async.models import PayoutCompletedEvent
from anton_async.models.events import EVENTS
from anton_async.webhooks import Event, UnknownEvent, read_event

DOCUMENT = json.loads((files("anton_async.sandbox") / "document.json").read_text("utf-8"))

CATALOGUE: dict[str, Any] = {
    kind: item["post"]["requestBody"]["content"]["application/json"]["example"]
    for kind, item in DOCUMENT["webhooks"].items()
}


def test_the_catalogue_has_all_types() -> None:
    assert len(EVENTS) == 45
    assert set(EVENTS) == set(CATALOGUE)


@pytest.mark.parametrize("kind", CATALOGUE)
def test_the_example_of_each_type_is_read_as_its_struct(kind: str) -> None:
    event = read_event(json.dumps(CATALOGUE[kind]).encode())

    assert type(event) is EVENTS[kind]
    assert event.type == kind
    assert event.id == CATALOGUE[kind]["id"]


def test_money_in_an_event_is_exact() -> None:
    event = read_event(json.dumps(CATALOGUE["payout.completed"]).encode())

    assert isinstance(event, PayoutCompletedEvent)
    assert event.data.source_amount == Decimal(CATALOGUE["payout.completed"]["data"]["source_amount"])


@pytest.mark.fault("D03")
@pytest.mark.parametrize("value", ["NaN", "sNaN", "-Infinity"])
def test_money_without_end_in_an_event_is_refused(value: str) -> None:
    example = CATALOGUE["payout.completed"]
    body = json.dumps({**example, "data": {**example["data"], "source_amount": value}}).encode()

    with pytest.raises(WebhookPayloadError, match=r"not as documented at \$\.data\.source_amount") as caught:
        read_event(body)

    assert value not in str(caught.value)


def test_a_type_checker_tells_events_apart_by_type() -> None:
    def reference(event: Event) -> str | None:
        if not isinstance(event, UnknownEvent) and event.type == "payout.completed":
            return event.data.reference
        return None

    assert reference(read_event(json.dumps(CATALOGUE["payout.completed"]).encode())) is not None


@pytest.mark.fault("G14")
@pytest.mark.parametrize(
    "body",
    [
        {"id": "evt_1", "type": "payout.teleported", "created_at": "2026-09-14T09:00:00Z", "data": {"a": [1]}},
        {"id": "evt_1", "type": "payout.completed"},
        {"id": "evt_1", "type": "payout.completed", "data": None, "extra": 1},
    ],
)
def test_what_is_not_known_yet_is_still_read(body: dict[str, Any]) -> None:
    event = read_event(json.dumps(body).encode())

    assert event == UnknownEvent(
        id="evt_1",
        type=body["type"],
        created_at=datetime(2026, 9, 14, 9, tzinfo=UTC) if "created_at" in body else None,
        data=body.get("data"),
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is not JSON"),
        (b"<html>", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[]", r"at \$"),
        (b'{"type":"payout.completed"}', r"at \$\.id$"),
        (
            b'{"id":"evt_1","type":"payout.completed","created_at":"2026-09-14T09:00:00Z","data":{}}',
            r"at \$\.data\.id$",
        ),
        (b'{"id":"evt_1","type":"payout.completed","created_at":"soon","data":{}}', r"at \$\.created_at"),
        (b'{"id":"evt_1","type":"x","data":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "is nested too deeply"),
    ],
)
def test_a_body_that_is_no_event_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(WebhookPayloadError, match=said):
        read_event(body)
