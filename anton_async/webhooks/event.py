"""The body of a webhook delivery, as a typed event.

Read in two steps: the envelope first, which is the same for all, then the whole by its `type`. An event of a type that
this version does not know is still read, as an `UnknownEvent`.

Source: https://docs.antonpayments.com/api-reference/webhook-events
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias, cast

import msgspec

from anton_async.errors import WebhookPayloadError
from anton_async.finite import refuse_endless
from anton_async.models.events import EVENTS, KnownEvent
from anton_async.place import place

_NULL = msgspec.Raw(b"null")


class UnknownEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a type that this version does not know, or one without data."""

    id: str
    """Identifier of the event, the same each time it is delivered."""

    type: str
    """What happened."""

    created_at: datetime | None = None
    """When the event was created."""

    data: Any = None
    """What came with it, as plain dicts and lists."""


Event: TypeAlias = KnownEvent | UnknownEvent
"""Any event; `match` on the classes, or compare `type`."""


class _Envelope(msgspec.Struct, frozen=True):
    id: str
    type: str
    data: msgspec.Raw = _NULL


_ENVELOPE = msgspec.json.Decoder(_Envelope)


def read_event(body: bytes) -> Event:
    """Return the event in the body of a delivery whose signature has been verified.

    Args:
        body: the raw bytes of the request.

    Raises:
        WebhookPayloadError: it is not JSON, has no `id` or `type`, or a known event is not as documented; the error
            names the place and repeats no value.
    """
    try:
        envelope = _ENVELOPE.decode(body)
        known = EVENTS.get(envelope.type) if envelope.data != _NULL else None
        return cast("Event", _reader(known or UnknownEvent)(body))
    except msgspec.ValidationError as error:
        problem = f"is not as documented at {place(error)}"
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        problem = "is not JSON"
    except RecursionError:
        problem = "is nested too deeply"
    raise WebhookPayloadError(f"The body of the delivery {problem}.")


@functools.cache
def _reader(kind: type[Any]) -> Callable[[bytes], object]:
    return refuse_endless(kind, msgspec.json.Decoder(kind).decode, lambda event: (event,), "$")
