"""An aiohttp application on a loopback port, for as long as it is open."""

from __future__ import annotations

from types import TracebackType

from aiohttp import web


class LocalApplication:
    """Base of servers that tests talk to; a subclass calls `serve` when it is entered."""

    base_url: str

    async def serve(self, application: web.Application) -> None:
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
