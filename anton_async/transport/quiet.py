"""Connection pools that never hand out a connection on which the server has spoken unasked.

aiohttp keeps what arrives on an idle connection and takes it for the answer to the next request: a late answer, or a
load balancer's "408", would become the answer to somebody's payout. `AntonClient` quietens the pool it sends with,
also that of a session it was given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias
from weakref import WeakSet

import aiohttp
from aiohttp.connector import Connection

_Connect: TypeAlias = Callable[..., Coroutine[Any, Any, Connection]]

_quiet: WeakSet[aiohttp.BaseConnector] = WeakSet()


def quieten(connector: aiohttp.BaseConnector) -> None:
    """Let `connector` drop idle connections with anything to read instead of handing them out."""
    if connector.force_close or connector in _quiet:
        return
    _quiet.add(connector)
    connect: _Connect = connector.connect

    async def connect_quietly(*arguments: Any, **options: Any) -> Connection:
        while True:
            connection = await connect(*arguments, **options)
            try:
                await asyncio.sleep(0)  # lets the loop read what has arrived and was not seen yet
            except asyncio.CancelledError:
                connection.close()
                raise
            if connection.protocol is not None and not connection.protocol.should_close:
                return connection
            connection.close()

    connector.connect = connect_quietly  # type: ignore[method-assign]
