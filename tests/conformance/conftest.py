from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from anton_async import AntonClient, OAuthCredentials
from tests.conformance.server import DocumentServer
from tests.support.clock import SteppedClock


@pytest.fixture
async def api() -> AsyncIterator[DocumentServer]:
    async with DocumentServer() as running:
        yield running


@pytest.fixture
async def anton(api: DocumentServer, credentials: OAuthCredentials, clock: SteppedClock) -> AsyncIterator[AntonClient]:
    client = AntonClient(credentials, base_url=api.base_url, max_retries=0, rate_limit=None, clock=clock)
    async with client:
        yield client
