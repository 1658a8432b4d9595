"""A sandbox in a thread, since commands run an event loop of their own; its credentials are in the environment."""

from __future__ import annotations

import asyncio
import csv
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from anton_async.cli.commands import anton
from anton_async.sandbox import Sandbox
from tests.support.payroll import CLIENT_ID, FIELDS, SEED

Invoke = Callable[..., Result]


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    made = Sandbox(seed=SEED, client_id=CLIENT_ID, rate_limit_per_minute=100_000)
    asyncio.run_coroutine_threadsafe(made.start(), loop).result(10)
    monkeypatch.setenv("ANTON_BASE_URL", made.base_url)
    monkeypatch.setenv("ANTON_CLIENT_ID", made.client_id)
    monkeypatch.setenv("ANTON_CLIENT_SECRET", made.client_secret)
    monkeypatch.setenv("ANTON_DPOP_KEY", made.private_key_pem)
    monkeypatch.delenv("ANTON_DPOP_KEY_FILE", raising=False)
    yield made
    asyncio.run_coroutine_threadsafe(made.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let retries follow at once."""

    def at_once(attempt: int, retry_after: float | None) -> float:
        del attempt, retry_after
        return 0.0

    monkeypatch.setattr("anton_async.transport.retry.delay_before", at_once)


@pytest.fixture
def invoke() -> Invoke:
    def run(*arguments: object) -> Result:
        return CliRunner().invoke(anton, [str(argument) for argument in arguments], catch_exceptions=False)

    return run


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "payroll.db"


@pytest.fixture
def write_rows(tmp_path: Path) -> Callable[[list[dict[str, Any]]], Path]:
    def write(rows: list[dict[str, Any]]) -> Path:
        file = tmp_path / "payroll.csv"
        with file.open("w", encoding="utf-8", newline="") as text:
            table = csv.DictWriter(text, ["row_id", *FIELDS])
            table.writeheader()
            table.writerows(rows)
        return file

    return write
