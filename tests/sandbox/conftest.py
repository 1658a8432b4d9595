"""Sandboxes on the stepped clock, with a raw client each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from typing import Any, Protocol

import aiohttp
import pytest

from anton_async.sandbox import Sandbox
from tests.sandbox.wire import SEED, Wire
from tests.support.clock import SteppedClock


class OpenSandbox(Protocol):
    """Start one more sandbox and return a client of it."""

    def __call__(self, **options: Any) -> Awaitable[Wire]: ...


@pytest.fixture
async def open_sandbox(clock: SteppedClock) -> AsyncIterator[OpenSandbox]:
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> Wire:
            chosen: dict[str, Any] = {"seed": SEED, "clock": clock, "check_answers": True, **options}
            sandbox = await stack.enter_async_context(Sandbox(**chosen))
            timeout = aiohttp.ClientTimeout(total=10)
            session = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
            return Wire(sandbox, session, clock, chosen.get("edition", "newest"))

        yield start


@pytest.fixture
async def wire(open_sandbox: OpenSandbox) -> Wire:
    return await open_sandbox()
