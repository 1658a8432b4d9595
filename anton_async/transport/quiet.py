"""Connection pools that never hand out a connection on which the server has spoken unasked.

aiohttp keeps what arrives on an idle connection and takes it for the answer to the next request: a late answer, or a
load balancer's "408", would become the answer to somebody's payout. `AntonClient` quietens the pool it sends with,
also that of a session it was given.

A quiet pool also tells when a request was handed a connection: what fails before that was not sent, whatever the
exception's type says about it.
"""

from __future__ import annotations

import asyncio
import select
from typing import Protocol
from weakref import WeakSet

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

_CAN_POLL = hasattr(select, "poll")  # Windows has none

_quiet: WeakSet[aiohttp.BaseConnector] = WeakSet()
_used: WeakSet[object] = WeakSet()


class Watcher(Protocol):
    """Follows one request."""

    def connect(self) -> None:
        """Learn that the request was handed a connection, and so may be sent."""
        ...


watched: dict[aiohttp.ClientRequest, Watcher] = {}
"""Requests that are to be handed a connection of a quiet pool."""


def quieten(connector: aiohttp.BaseConnector) -> None:
    """Let `connector` drop idle connections with anything to read instead of handing them out."""
    if connector in _quiet:
        return
    _quiet.add(connector)
    connect = connector.connect

    async def connect_quietly(
        req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        while True:
            connection = await connect(req, traces, timeout)
            protocol = connection.protocol
            fresh = protocol not in _used
            if fresh or not _is_silent(connection):
                try:
                    # Lets the loop read what has arrived and was not seen yet. Twice, because a step that is queued
                    # behind a busy callback runs before the loop looks at its sockets.
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
                except asyncio.CancelledError:
                    connection.close()
                    raise
            if protocol is not None and not protocol.should_close and (fresh or protocol.is_connected()):
                if fresh:
                    _used.add(protocol)
                if (watcher := watched.get(req)) is not None:
                    watcher.connect()
                return connection
            connection.close()
            if fresh:  # connecting again would meet the same
                raise aiohttp.ClientConnectionError("The server spoke before it was asked")

    connector.connect = connect_quietly  # type: ignore[method-assign]  # aiohttp has no hook for this


def _is_silent(connection: Connection) -> bool:
    """Return whether nothing has arrived at the socket that the loop has not read yet; asking costs no loop turn."""
    socket = None if connection.transport is None else connection.transport.get_extra_info("socket")
    handle = -1 if socket is None else socket.fileno()
    if handle < 0 or not _CAN_POLL:
        return False
    arrivals = select.poll()
    arrivals.register(handle, select.POLLIN)
    return not arrivals.poll(0)
