"""The log of calls: a line a call at INFO, once it is asked for, and a line a request at DEBUG.

    anton_async.calls       INFO    off until this very logger is given a level: that of its parents does not count
    anton_async.transport   DEBUG

Every record carries what it tells as `extra` fields, called `anton_*`, for log formats that are made for machines. None
holds an id of a resource, a URL, a header or a body.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from anton_async.log import get_log
from anton_async.operation import Operation

if TYPE_CHECKING:
    from yarl import URL

    from anton_async.hooks import CallEvent

calls: Final = get_log("anton_async.calls")
requests: Final = get_log("anton_async.transport")

# A service that logs at INFO does not want a line a payout before it says so.
if calls.logger.level == logging.NOTSET:
    calls.logger.setLevel(logging.WARNING)

_FIELDS = ("status", "code", "error", "request_id", "quota_left", "delay")


class CallLog:
    """The observer that writes the log."""

    def begin(self, operation: Operation[Any], base_url: URL, /) -> CallLines | None:
        """Return who writes of a call; None while nobody reads it."""
        del base_url
        if calls.isEnabledFor(logging.INFO) or requests.isEnabledFor(logging.DEBUG):
            return CallLines(operation)
        return None


class CallLines:
    """Writes of one call."""

    def __init__(self, operation: Operation[Any]) -> None:
        self._label = label(operation)

    def attempt(self, event: CallEvent, /) -> None:
        """Write nothing yet."""

    def response(self, event: CallEvent, /) -> None:
        """Write what became of a request."""
        came_to = event.error or event.status
        identifier = f", request {event.request_id}" if event.request_id else ""
        told = (self._label, came_to, event.attempt, identifier)
        requests.debug("%s: %s, attempt %d%s", *told, extra=fields(event))

    def retry(self, event: CallEvent, /) -> None:
        """Write that the call is tried again."""
        requests.debug("%s: tried again in %.2f s", self._label, event.delay, extra=fields(event))

    def end(self, event: CallEvent, /) -> None:
        """Write what the call came to."""
        reason = f" ({event.code or event.error})" if event.error else ""
        identifier = f", request id {event.request_id}" if event.request_id else ""
        told = (self._label, outcome(event), reason, event.elapsed, sent(event), identifier)
        calls.info("%s: %s%s after %.3f s, %s%s", *told, extra=fields(event))


def label(operation: Operation[Any]) -> str:
    """Return method and path template; the path of an endpoint without a template may hold ids, and is left out."""
    return operation.method if operation.id == "request" else f"{operation.method} {operation.path}"


def outcome(event: CallEvent) -> str:
    """Return what is known about the effect of a call, in one word."""
    return event.outcome.value if event.outcome else "succeeded"


def sent(event: CallEvent) -> str:
    """Return how many requests a call sent."""
    return "1 request" if event.attempt == 1 else f"{event.attempt} requests"


def fields(event: CallEvent) -> Mapping[str, object]:
    """Return the `extra` fields of a record."""
    told: dict[str, object] = {
        "anton_operation": event.operation,
        "anton_attempt": event.attempt,
        "anton_elapsed": round(event.elapsed, 6),
        "anton_outcome": outcome(event),
        "anton_queued": round(event.queued, 6),
    }
    given = {f"anton_{name}": getattr(event, name) for name in _FIELDS}
    return told | {name: value for name, value in given.items() if value is not None}
