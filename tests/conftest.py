"""What all tests share: a clock that is stepped, credentials, a raw server, a client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from anton_async import AntonClient, ApiKeyCredentials, DPoPKey, OAuthCredentials
from tests.support.clock import SteppedClock
from tests.support.raw_server import RawServer


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture(scope="session")
def dpop_key() -> DPoPKey:
    return DPoPKey.generate()


@pytest.fixture
def credentials(dpop_key: DPoPKey) -> OAuthCredentials:
    return OAuthCredentials(client_id="ant_oc_test_" + "0" * 32, client_secret="ant_ocs_test_" + "1" * 48, key=dpop_key)


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    async with RawServer() as running:
        yield running


ClientMaker = Callable[..., AntonClient]


@pytest.fixture
def make_client(server: RawServer, credentials: OAuthCredentials, clock: SteppedClock) -> ClientMaker:
    """Return a function that makes a client of the raw server, on the stepped clock."""

    def make(
        credentials: OAuthCredentials | ApiKeyCredentials = credentials,
        *,
        max_retries: int = 4,
        timeout: float = 60.0,
        max_response_bytes: int = 1024 * 1024,
        connect_timeout: float = 10.0,
        read_timeout: float = 30.0,
    ) -> AntonClient:
        return AntonClient(
            credentials,
            base_url=server.base_url,
            max_retries=max_retries,
            timeout=timeout,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            max_response_bytes=max_response_bytes,
            clock=clock,
        )

    return make


@pytest.fixture
async def anton(make_client: ClientMaker) -> AsyncIterator[AntonClient]:
    async with make_client() as client:
        yield client
