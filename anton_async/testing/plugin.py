"""The pytest plugin: a sandbox of its own for each test that asks, and a client of it.

    async def test_a_payout(anton_sandbox: Sandbox, anton_client: AntonClient) -> None: ...

Async tests may run under pytest-asyncio, in either mode, or under anyio on asyncio; then the sandbox lives in the
test's own loop. For a plain function it runs in a thread beside it. Nothing but pytest is imported until a test asks.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncGenerator, Generator, Mapping
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from anton_async.client import AntonClient
    from anton_async.sandbox import Sandbox

_MARKER = "anton_sandbox(**options): options of the `Sandbox` that this test gets, for example settle=0"
_NO_LOOP = (
    "Nothing runs this async test: install pytest-asyncio and mark the test with @pytest.mark.asyncio (or set"
    ' asyncio_mode = "auto"), or mark it with @pytest.mark.anyio.'
)
_TRIO = (
    "The Anton client needs asyncio: let a fixture in conftest.py choose it,"
    ' @pytest.fixture\ndef anyio_backend(): return "asyncio"'
)
_PLAIN_FUNCTION = "anton_client is awaited: make the test `async def`, or let your service bring a client of its own."


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and the fixtures that need pytest-asyncio where it is active."""
    config.addinivalue_line("markers", _MARKER)
    runner = sys.modules.get("pytest_asyncio.plugin")
    if runner is not None and config.pluginmanager.is_registered(runner):
        from anton_async.testing import asyncio_fixtures  # noqa: PLC0415 - imports pytest-asyncio

        config.pluginmanager.register(asyncio_fixtures, "anton_async_asyncio")


@pytest.fixture
def anton_sandbox_options() -> Mapping[str, object]:
    """Return the options that every sandbox is made with; override it in a conftest.py, a module or a class."""
    return {}


@pytest.fixture
def anton_sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Return a running local Anton that belongs to this test alone."""
    sandbox: Sandbox = request.getfixturevalue(f"_anton_sandbox_{_surroundings(request)}")
    return sandbox


@pytest.fixture
def anton_client(request: pytest.FixtureRequest) -> AntonClient:
    """Return an open client of `anton_sandbox`."""
    surroundings = _surroundings(request)
    if surroundings == "thread":
        pytest.fail(_PLAIN_FUNCTION, pytrace=False)
    client: AntonClient = request.getfixturevalue(f"_anton_client_{surroundings}")
    return client


@pytest.fixture
def anton_environment(anton_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """Point `AntonClient.from_env` at `anton_sandbox` for this test, and return the variables."""
    for name in ("ANTON_API_KEY", "ANTON_DPOP_KEY_FILE", "ANTON_ENVIRONMENT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in anton_sandbox.environment.items():
        monkeypatch.setenv(name, value)
    return anton_sandbox.environment


def make_sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """Make the sandbox of one test from `anton_sandbox_options` and its marker."""
    try:
        from anton_async.sandbox import Sandbox  # noqa: PLC0415 - nothing is loaded for tests that do not ask
    except ImportError as missing:
        pytest.fail(f'{missing}; for tests: pip install "anton-async[testing]"', pytrace=False)
    options: dict[str, Any] = dict(request.getfixturevalue("anton_sandbox_options"))
    for marker in reversed(list(request.node.iter_markers("anton_sandbox"))):
        options.update(marker.kwargs)
    return Sandbox(**options)


async def running_sandbox(request: pytest.FixtureRequest) -> AsyncGenerator[Sandbox, None]:
    """Run a sandbox in the test's loop."""
    async with make_sandbox(request) as sandbox:
        yield sandbox


async def open_client(anton_sandbox: Sandbox) -> AsyncGenerator[AntonClient, None]:
    """Open a client in the test's loop."""
    from anton_async.client import AntonClient  # noqa: PLC0415 - nothing is loaded for tests that do not ask

    async with AntonClient(anton_sandbox.credentials, base_url=anton_sandbox.base_url) as client:
        yield client


@pytest.fixture
def _anton_sandbox_thread(request: pytest.FixtureRequest) -> Generator[Sandbox, None, None]:
    sandbox = make_sandbox(request)

    from anton_async.testing.background import running_in_a_thread  # noqa: PLC0415 - imports asyncio

    with running_in_a_thread(sandbox):
        yield sandbox


# anyio runs these two; its plugin takes any async fixture of a test that it runs.
_anton_sandbox_anyio = pytest.fixture(name="_anton_sandbox_anyio")(running_sandbox)
_anton_client_anyio = pytest.fixture(name="_anton_client_anyio")(open_client)


def _surroundings(request: pytest.FixtureRequest) -> str:
    """Return what runs the test: `anyio`, pytest-asyncio's loop by its scope, or `thread` for a plain function.

    Fails the test when nothing runs it.
    """
    item = cast("pytest.Item", request.node)
    if not inspect.iscoroutinefunction(inspect.unwrap(request.function)):
        return "thread"
    if request.config.pluginmanager.hasplugin("anton_async_asyncio"):
        from pytest_asyncio import is_async_test  # noqa: PLC0415 - not everywhere installed

        from anton_async.testing.asyncio_fixtures import loop_scope  # noqa: PLC0415 - imports it, too

        if is_async_test(item):
            return loop_scope(item)
    if "anyio_backend" not in request.fixturenames:
        pytest.fail(_NO_LOOP, pytrace=False)
    if _backend_name(request.getfixturevalue("anyio_backend")) != "asyncio":
        pytest.fail(_TRIO, pytrace=False)
    return "anyio"


def _backend_name(backend: str | tuple[str, object]) -> str:
    return backend if isinstance(backend, str) else backend[0]
