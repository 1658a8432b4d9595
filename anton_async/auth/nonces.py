"""The nonces that servers ask for in proofs: the newest of each origin, and when a request may use it.

Most servers take a nonce many times. Where each is good for one request only, requests side by side all carry the same
one, all but one are refused, and the nonces that come with the refusals replace each other: nobody gets through.
`NonceTurns` then lets requests leave one after the other.

Source: RFC 9449 section 8
"""

from __future__ import annotations

import asyncio
import math
import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from yarl import URL

from anton_async.clock import Clock
from anton_async.log import get_log

logger: Final = get_log("anton_async.auth")

_NONCE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,1024}")
_MAX_ORIGINS = 64
_NARROW_FOR = 300.0  # seconds after which requests side by side are tried again
_PATIENCE = 5.0  # seconds after which an answer is no longer waited for


class Nonces:
    """The newest nonce of each origin, of the 64 origins heard from last."""

    def __init__(self) -> None:
        self._newest: OrderedDict[str, str] = OrderedDict()
        self._warned = False

    def get(self, url: URL) -> str | None:
        """Return the nonce for the next proof to the origin of `url`."""
        return self._newest.get(_origin(url)) if self._newest else None

    def learn(self, url: URL, values: Sequence[str]) -> None:
        """Keep the `DPoP-Nonce` of an answer from `url`.

        A missing, repeated or malformed nonce changes nothing (RFC 9449 section 8.1 gives its characters).
        """
        if not values:
            return
        if len(values) > 1 or _NONCE.fullmatch(values[0]) is None:
            if not self._warned:
                self._warned = True
                logger.warning("a DPoP-Nonce header is repeated or malformed, and so ignored")
            return
        origin = _origin(url)
        self._newest[origin] = values[0]
        self._newest.move_to_end(origin)
        if len(self._newest) > _MAX_ORIGINS:
            self._newest.popitem(last=False)


class NonceTurns:
    """Lets requests leave one after the other, for as long as nonces have shown to be good for one request only.

    A request may leave when no other is under way; an answer that never comes holds the next one up for 5 seconds.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._narrow_until = -math.inf
        self._under_way: set[object] = set()
        self._free = asyncio.Event()
        self._free.set()
        self._patience: asyncio.TimerHandle | None = None

    @property
    def open(self) -> bool:
        """Whether a request may leave now."""
        return self._free.is_set() or not self._narrow

    async def wait(self) -> None:
        """Return when a request may perhaps leave; ask `open` again."""
        await self._free.wait()

    def narrow(self) -> None:
        """Let requests leave one after the other for the next 5 minutes."""
        self._narrow_until = self._clock.monotonic() + _NARROW_FOR
        if self._under_way:
            self._hold_back()

    def leaves(self, request: object) -> None:
        """Note that `request` is under way."""
        self._under_way.add(request)
        if self._narrow:
            self._hold_back()

    def answered(self, request: object) -> None:
        """Note that the answer to `request` is here."""
        self._under_way.discard(request)
        if not self._under_way:
            self.release()

    def release(self) -> None:
        """Wait for no answer any longer."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._under_way.clear()
        self._free.set()

    @property
    def _narrow(self) -> bool:
        return self._clock.monotonic() < self._narrow_until

    def _hold_back(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._free.clear()
        self._patience = asyncio.get_running_loop().call_later(_PATIENCE, self.release)


def _origin(url: URL) -> str:
    return f"{url.scheme}://{url.host_port_subcomponent}"
