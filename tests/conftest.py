"""What all tests share: the loop they run on, a clock that is stepped, credentials, a raw server, a client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping

import pytest
from pytest_asyncio import is_async_test

from anton_async import AntonClient, ApiKeyCredentials, DPoPKey, OAuthCredentials
from tests.fault_catalogue import CATALOGUE
from tests.fault_report import fault_ids
from tests.support import loops
from tests.support.clock import SteppedClock
from tests.support.raw_server import RawServer


def pytest_configure() -> None:
    loops.chosen()


def pytest_asyncio_loop_factories() -> Mapping[str, loops.LoopFactory]:
    return loops.chosen()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if unknown := fault_ids(item) - set(CATALOGUE):
            raise pytest.UsageError(f"{item.nodeid}: the fault catalogue has no row {', '.join(sorted(unknown))}")
    if "asyncio" not in loops.chosen():
        # What runs on no loop, or brings its own, is the same whichever is chosen.
        config.hook.pytest_deselected(items=[item for item in items if not runs_on_the_chosen_loop(item)])
        items[:] = [item for item in items if runs_on_the_chosen_loop(item)]


def runs_on_the_chosen_loop(item: pytest.Item) -> bool:
    return is_async_test(item) or "stateful" in item.path.parts


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
