# ruff: noqa: ASYNC240 - small files of a test's own

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "template.csv"


@pytest.fixture(autouse=True)
async def nothing_is_left(tmp_path: Path) -> AsyncIterator[None]:
    """See that a test leaves no task and no part of a file."""
    before = {task for task in asyncio.all_tasks() if "_connected" not in repr(task)}
    yield
    for _ in range(10):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert [repr(task) for task in left if "_connected" not in repr(task)] == []
    assert [found.name for found in tmp_path.iterdir() if found.name.endswith(".part")] == []
