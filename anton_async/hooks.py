"""Hooks: functions of the user's that are told what becomes of each request.

`AntonClient` takes `on_attempt`, `on_retry` and `on_response`. A hook is called on the event loop and must not block;
what it raises is logged once and changes nothing.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from anton_async.errors import ConfigurationError, Outcome
from anton_async.log import get_log

logger: Final = get_log("anton_async.hooks")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    """One moment in the life of a call. It holds no ids of resources, no URLs, no headers and no bodies.

    Attributes:
        operation: the operation's id in the API's document, such as `createPayout`; `request` for `anton.request`.
        attempt: number of the request within its call, from 1; 0 in `on_retry` while nothing has left yet.
        elapsed: seconds since the call began, over queues, requests and pauses.
        outcome: what is known about the effect of the whole call so far; None in `on_attempt` and for a success.
        status: HTTP status; None where no answer arrived.
        request_id: `X-Request-ID` of the answer, to quote to support.
        delay: seconds until the call is tried again; in `on_retry` only.
    """

    operation: str
    attempt: int
    elapsed: float
    outcome: Outcome | None = None
    status: int | None = None
    request_id: str | None = None
    delay: float | None = None


Hook: TypeAlias = Callable[[CallEvent], object]


class Hooks:
    """The hooks of one client, each of them optional.

    Args:
        on_attempt: called when a request is about to leave.
        on_retry: called before the pause that precedes another try.
        on_response: called once for each request that left: its answer arrived, or will not.

    Raises:
        ConfigurationError: one of them cannot be called, or is a coroutine function.
    """

    def __init__(
        self, *, on_attempt: Hook | None = None, on_retry: Hook | None = None, on_response: Hook | None = None
    ) -> None:
        self._hooks = {"on_attempt": on_attempt, "on_retry": on_retry, "on_response": on_response}
        self._failed: set[str] = set()
        for name, hook in cast("dict[str, object]", self._hooks).items():
            if hook is not None and (not callable(hook) or inspect.iscoroutinefunction(hook)):
                raise ConfigurationError(f"{name} must be a plain function of one argument, not a coroutine function.")

    def attempt(self, event: CallEvent) -> None:
        """Tell that a request is about to leave."""
        self._tell("on_attempt", event)

    def retry(self, event: CallEvent) -> None:
        """Tell that the call is tried again after a pause."""
        self._tell("on_retry", event)

    def response(self, event: CallEvent) -> None:
        """Tell what became of a request."""
        self._tell("on_response", event)

    def _tell(self, name: str, event: CallEvent) -> None:
        hook = self._hooks[name]
        if hook is None:
            return
        try:
            hook(event)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever a hook of the user's raises
            if name not in self._failed:
                self._failed.add(name)
                logger.warning("the %s hook raised %s; this is said once", name, type(error).__name__)
