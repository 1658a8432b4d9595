"""Webhook deliveries for tests: documented examples of events, changed as a test needs them, and signed."""

from __future__ import annotations

import difflib
import secrets
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from anton_async.models.enums import WebhookEventType


def delivery(secret: str | bytes, event_type: WebhookEventType, /, **data: object) -> tuple[bytes, dict[str, str]]:
    """Return the body and the headers of a delivery as Anton would send it now.

    The event is the documented example of its type under an id of its own; post one pair twice to test that an event
    is handled once.

    Args:
        secret: the subscription's secret, one of those that your service verifies with.
        event_type: what happened, for example `payout.completed`.
        **data: fields of the event's `data` that differ from the example; text, `Decimal`, `datetime`, lists, dicts.

    Returns:
        The bytes to post, and the headers to post them with.

    Raises:
        ValueError: there is no such type of event, no such field in its data, or a value is not as documented.
        ConfigurationError: the secret cannot be one.

    Source: https://docs.antonpayments.com/api-reference/webhook-events
    """
    import msgspec  # noqa: PLC0415 - the pytest plugin lives beside this, and loads nothing until a test asks

    from anton_async.errors import WebhookPayloadError  # noqa: PLC0415 - as above
    from anton_async.webhooks import read_event, sign  # noqa: PLC0415 - as above

    example = _example(event_type)
    known = read_event(msgspec.json.encode(example)).data
    fields = (
        {field.encode_name for field in msgspec.structs.fields(known)} if isinstance(known, msgspec.Struct) else {*data}
    )
    if foreign := sorted(data.keys() - fields):
        raise ValueError(f"The data of {event_type} has no field {foreign[0]!r}; it has {', '.join(sorted(fields))}.")
    event = {**example, "id": f"evt_{secrets.token_hex(13).upper()}", "data": {**example["data"], **data}}
    try:
        body = msgspec.json.encode(event)
        read_event(body)
    except (TypeError, WebhookPayloadError) as error:
        raise ValueError(f"There can be no such {event_type}. {error}") from None
    return body, {"Content-Type": "application/json", **sign(secret, body)}


def _example(event_type: str) -> dict[str, Any]:
    """Return the document's example of an event."""
    from anton_async.sandbox.document import load_json  # noqa: PLC0415 - as above

    webhooks = cast("dict[str, Any]", load_json()["webhooks"])
    if event_type not in webhooks:
        names = difflib.get_close_matches(event_type, webhooks) or webhooks
        raise ValueError(f"There is no event {event_type!r}; did you mean one of {', '.join(names)}?")
    example: dict[str, Any] = webhooks[event_type]["post"]["requestBody"]["content"]["application/json"]["example"]
    return example
