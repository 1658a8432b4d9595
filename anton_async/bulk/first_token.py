"""The access token that a run fetches before its first row is marked SENT, so that a dead API ends it there."""

from __future__ import annotations

import asyncio

from anton_async.bulk.errors import JobStoppedError
from anton_async.errors import AntonError, AuthenticationError, ConfigurationError, TokenError
from anton_async.transport import Transport
from anton_async.transport.retry import repeat

_TIME = 12.0  # seconds after which an API that gives no token counts as down
_RETRIES = 3


class FirstToken:
    """Fetched once in a run, however many rows wait for it.

    Args:
        transport: an open client's.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._turn = asyncio.Lock()
        self._tried = self._over = False

    async def fetch(self) -> None:
        """Wait until there is a token, or until the one who fetched it has failed and told so.

        Raises:
            JobStoppedError: the API gives none for now.
            AuthenticationError: the credentials were refused.
            TokenError: the answer cannot be used.
        """
        if self._over:
            return
        async with self._turn:
            if not self._tried:
                self._tried = True
                try:
                    await self._fetch()
                finally:
                    self._over = True

    async def _fetch(self) -> None:
        clock = self._transport.clock
        ends = clock.monotonic() + _TIME
        cause: AntonError | None = None
        try:
            async with asyncio.timeout(_TIME):
                try:
                    await self._transport.authorize()
                except AntonError as failure:
                    await repeat(
                        failure,
                        self._transport.authorize,
                        retry="safe",
                        max_retries=_RETRIES,
                        remaining=lambda: ends - clock.monotonic(),
                        clock=clock,
                    )
        except TimeoutError:
            reason = f"no answer within {_TIME:g} seconds"
        except AntonError as error:
            if concerns_every_row(error):
                raise
            cause, reason = error, error.message.removesuffix(".")
        else:
            return
        origin = self._transport.settings.base_url.origin()
        raise JobStoppedError(
            f"The API at {origin} gives no access token: {reason}; run it again with the same journal when it answers"
        ) from cause


def concerns_every_row(error: AntonError) -> bool:
    """Return whether what failed for one row would fail for every row."""
    return isinstance(error, AuthenticationError | ConfigurationError | TokenError)
