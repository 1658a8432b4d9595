"""Every event of the document, as it is shown and as it may look one day."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest

from anton_async import WebhookPayloadError
from anton_async.models.events import EVENTS
from anton_async.webhooks import UnknownEvent, read_event
from tests.conformance.calls import differences
from tests.conformance.changes import NEW, NO_MONEY, VALUE, add, changed, decoded_at, is_enum, is_model, put
from tests.conformance.document import DOCUMENT, Json, Place, fields, filled, is_money, is_nullable, places

SHOWN: dict[str, Json] = {
    kind: item["post"]["requestBody"]["content"]["application/json"] for kind, item in DOCUMENT["webhooks"].items()
}
KINDS = list(SHOWN)


def schema(kind: str) -> Json:
    return fields(SHOWN[kind]["schema"])


def example(kind: str) -> Any:
    """Return the event with everything in it that the document allows."""
    return filled(schema(kind), SHOWN[kind]["example"])


def inside(kind: str) -> list[Place]:
    return [place for place in places(schema(kind), example(kind)) if place.path != ("type",)]


def read(body: object) -> Any:
    return read_event(json.dumps(body).encode())


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_is_read_field_by_field(kind: str) -> None:
    for body in (SHOWN[kind]["example"], example(kind)):
        event = read(body)

        assert type(event) is EVENTS[kind]
        assert list(differences(schema(kind), body, event)) == []


@pytest.mark.fault("G14")
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_new_in_an_event_is_passed_over_or_kept(kind: str) -> None:
    enums = [place.path for place in inside(kind) if is_enum(place)]
    body = changed(example(kind), add(NEW), [place.path for place in inside(kind) if is_model(place)])

    assert msgspec.to_builtins(read(body)) == msgspec.to_builtins(read(example(kind)))
    event = read(changed(example(kind), put(VALUE), enums))
    assert {decoded_at(event, path) for path in enums} <= {VALUE}


@pytest.mark.parametrize("kind", KINDS)
def test_null_in_an_event_is_nothing_where_a_field_may_be_missing(kind: str) -> None:
    for place in inside(kind):
        if place.path and place.path != ("data",) and (place.optional or is_nullable(place.flat)):
            event = read(changed(example(kind), put(None), [place.path]))

            assert not isinstance(event, UnknownEvent)
            assert decoded_at(event, place.path) is None


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_money_in_an_event_is_refused_with_its_place(kind: str) -> None:
    for place in inside(kind):
        for wrong in NO_MONEY if is_money(place.flat) else ():
            with pytest.raises(WebhookPayloadError, match=re.escape(place.ending)):
                read(changed(example(kind), put(wrong), [place.path]))
