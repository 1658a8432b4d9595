"""Servers with one ledger, and clients that pay through them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from anton_async import AntonClient, DPoPKey, OAuthCredentials
from tests.faults.ledger import Ledger
from tests.faults.server import FaultServer
from tests.support.clock import SteppedClock

Connect = Callable[..., AntonClient]


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """A ledger that is checked once more after every test."""
    ledger = Ledger()
    yield ledger
    ledger.check_sendings()


@pytest.fixture
async def api(ledger: Ledger) -> AsyncIterator[FaultServer]:
    """The API: what it does is scripted."""
    async with FaultServer(ledger) as running:
        yield running


@pytest.fixture
async def issuer(ledger: Ledger) -> AsyncIterator[FaultServer]:
    """A token endpoint of its own, so that scripts of the API speak of payouts only."""
    async with FaultServer(ledger, "issuer") as running:
        yield running


@pytest.fixture
def connect(api: FaultServer, issuer: FaultServer, dpop_key: DPoPKey, clock: SteppedClock) -> Connect:
    """Return a function that makes a client of the API; arguments as of `AntonClient`."""
    credentials = OAuthCredentials(
        client_id="ant_oc_test_" + "0" * 32,
        client_secret="ant_ocs_test_" + "1" * 48,
        key=dpop_key,
        token_url=f"{issuer.base_url}/oauth/token",
    )

    def make(**changes: Any) -> AntonClient:
        arguments: dict[str, Any] = {
            "credentials": credentials,
            "base_url": api.base_url,
            "clock": clock,
            "max_response_bytes": 1 << 20,
        }
        return AntonClient(**{**arguments, **changes})

    return make


@pytest.fixture
async def anton(connect: Connect) -> AsyncIterator[AntonClient]:
    async with connect() as client:
        yield client
