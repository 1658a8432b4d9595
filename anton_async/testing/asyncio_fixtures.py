"""What the plugin's fixtures become under pytest-asyncio, registered only where that is active.

A test can run in a loop that lives longer than itself, so there is a pair of fixtures for each scope of a loop.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Literal

import pytest
import pytest_asyncio

from anton_async.testing.plugin import open_client, running_sandbox

if TYPE_CHECKING:
    from anton_async.client import AntonClient
    from anton_async.sandbox import Sandbox

LoopScope = Literal["session", "package", "module", "class", "function"]


def loop_scope(item: pytest.Item) -> str:
    """Return the scope of the loop that pytest-asyncio runs a test in."""
    marker = item.get_closest_marker("asyncio")
    chosen = None if marker is None else marker.kwargs.get("loop_scope")
    return str(chosen or item.config.getini("asyncio_default_test_loop_scope"))


def _fixtures(scope: LoopScope) -> dict[str, object]:
    @pytest_asyncio.fixture(loop_scope=scope, name=f"_anton_sandbox_{scope}")
    async def sandbox(request: pytest.FixtureRequest) -> AsyncGenerator[Sandbox, None]:
        async for running in running_sandbox(request):
            yield running

    @pytest_asyncio.fixture(loop_scope=scope, name=f"_anton_client_{scope}")
    async def client(anton_sandbox: Sandbox) -> AsyncGenerator[AntonClient, None]:
        async for running in open_client(anton_sandbox):
            yield running

    return {f"sandbox_{scope}": sandbox, f"client_{scope}": client}


_SCOPES: tuple[LoopScope, ...] = ("session", "package", "module", "class", "function")
for _scope in _SCOPES:
    globals().update(_fixtures(_scope))
