"""What became of accepted payouts, told by webhook events or looked for in the list, until each is in a terminal state.

Reading the list costs a request for a hundred payouts, and an event one for the payout that it is about. Deliveries can
get lost, so the list is read now and then in any case.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from typing import Any, Protocol, get_args

from anton_async.client import AntonClient
from anton_async.models import PAYOUT_STATUS_TERMINAL, Payout, PayoutStatus

_NOT_TERMINAL = frozenset(get_args(PayoutStatus)) - PAYOUT_STATUS_TERMINAL
_PAGE = 100  # payouts, as many as the API gives at once
_CLOCK_TOLERANCE = 3600.0  # seconds that this machine's clock may differ from the API's
_FIRST_PAUSE = 2.0  # seconds
_LAST_PAUSE = 30.0
_PAUSE_WITH_EVENTS = 300.0
_GROWTH = 1.5


class Event(Protocol):
    """A webhook event, as `WebhookVerifier` returns it."""

    @property
    def data(self) -> Any:
        """What it tells of."""


async def follow(
    anton: AntonClient, payout_ids: set[str], *, since: float, events: AsyncIterable[Event] | None = None
) -> AsyncGenerator[Payout, None]:
    """Yield each payout as it is found in a terminal state; end when all are.

    Args:
        anton: an open client.
        payout_ids: whom to wait for; those found are taken out of it.
        since: Unix time at which the first of them was sent.
        events: verified webhook events, in any order and of any kind.
    """
    earliest = dt.datetime.fromtimestamp(since - _CLOCK_TOLERANCE, dt.UTC)
    terminal = [status for status in get_args(PayoutStatus) if status not in _NOT_TERMINAL]
    feed = None if events is None else _Feed(aiter(events))
    pause = _FIRST_PAUSE if feed is None else _PAUSE_WITH_EVENTS
    try:
        while payout_ids:
            async for payout in anton.payouts.list(limit=_PAGE, created_after=earliest, status=terminal):
                if payout.id in payout_ids:
                    payout_ids.discard(payout.id)
                    yield payout
                    if not payout_ids:
                        return
            rest = asyncio.ensure_future(anton.transport.clock.sleep(pause))
            try:
                while feed is not None and payout_ids and (told := await feed.before(rest)) is not None:
                    if told in payout_ids and (payout := await anton.payouts.retrieve(told)).status in terminal:
                        payout_ids.discard(told)
                        yield payout
                if payout_ids:
                    await rest
            finally:
                rest.cancel()
            pause = min(pause * _GROWTH, _LAST_PAUSE if feed is None else _PAUSE_WITH_EVENTS)
    finally:
        if feed is not None:
            await feed.close()


class _Feed:
    """Events, one at a time; none is lost when the wait for it is given up."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events
        self._next: asyncio.Task[Event | None] | None = None

    async def before(self, end: asyncio.Future[None]) -> str | None:
        """Return whose end the next event may tell; None when `end` is done first, or there are no more events."""
        self._next = self._next or asyncio.ensure_future(self._read())
        first: set[asyncio.Future[Any]] = {self._next, end}
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if not self._next.done():
            return None
        event = self._next.result()
        if event is None:
            return None
        self._next = None
        goes_on = getattr(event.data, "status", None) in _NOT_TERMINAL
        return "" if goes_on else getattr(event.data, "id", "")

    async def _read(self) -> Event | None:
        return await anext(self._events, None)

    async def close(self) -> None:
        """Stop waiting."""
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait({self._next})
