"""What became of accepted payouts: they are looked for in the list until each has reached a terminal state.

Reading the list costs a request for a hundred payouts, and none is asked for by itself; webhooks tell sooner.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncGenerator
from typing import get_args

from anton_async.client import AntonClient
from anton_async.models import PAYOUT_STATUS_TERMINAL, Payout, PayoutStatus

_PAGE = 100  # payouts, as many as the API gives at once
_CLOCK_TOLERANCE = 3600.0  # seconds that this machine's clock may differ from the API's
_FIRST_PAUSE = 2.0  # seconds
_LAST_PAUSE = 30.0
_GROWTH = 1.5


async def follow(anton: AntonClient, payout_ids: set[str], *, since: float) -> AsyncGenerator[Payout, None]:
    """Yield each payout as it is found in a terminal state; end when all are.

    Args:
        anton: an open client.
        payout_ids: whom to wait for; those found are taken out of it.
        since: Unix time at which the first of them was sent.
    """
    earliest = dt.datetime.fromtimestamp(since - _CLOCK_TOLERANCE, dt.UTC)
    terminal = [status for status in get_args(PayoutStatus) if status in PAYOUT_STATUS_TERMINAL]
    pause = _FIRST_PAUSE
    while payout_ids:
        async for payout in anton.payouts.list(limit=_PAGE, created_after=earliest, status=terminal):
            if payout.id in payout_ids:
                payout_ids.discard(payout.id)
                yield payout
                if not payout_ids:
                    return
        await anton.transport.clock.sleep(pause)
        pause = min(pause * _GROWTH, _LAST_PAUSE)
