"""A sandbox with payable people, its client, and the rows to pay them; all on the stepped clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from anton_async import AntonClient, OAuthCredentials
from anton_async.sandbox import Sandbox
from tests.support.clock import SteppedClock
from tests.support.payroll import CLIENT_ID, SEED


@pytest.fixture
async def sandbox(clock: SteppedClock) -> AsyncIterator[Sandbox]:
    async with Sandbox(seed=SEED, client_id=CLIENT_ID, clock=clock) as running:
        yield running


@pytest.fixture
def credentials(sandbox: Sandbox) -> OAuthCredentials:
    return sandbox.credentials


@pytest.fixture
async def anton(sandbox: Sandbox, credentials: OAuthCredentials, clock: SteppedClock) -> AsyncIterator[AntonClient]:
    async with AntonClient(credentials, base_url=sandbox.base_url, clock=clock) as client:
        yield client


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "payroll.db"
