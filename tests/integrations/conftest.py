from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from anton_async import AntonClient
from anton_async.sandbox import Sandbox
from tests.flows.conftest import SEED

MakeClient = Callable[[], AntonClient]


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(seed=SEED) as running:
        yield running


@pytest.fixture
def make_anton(sandbox: Sandbox) -> MakeClient:
    """Return a function that makes a client of the sandbox which tries once."""
    return lambda: AntonClient(sandbox.credentials, base_url=sandbox.base_url, max_retries=0, timeout=5)
