"""The event loops the tests run on; `ANTON_TEST_LOOP` picks one for a whole run."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from collections.abc import Callable

import pytest

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def debugging() -> asyncio.AbstractEventLoop:
    """Return asyncio's loop in debug mode."""
    loop = asyncio.new_event_loop()
    loop.set_debug(True)
    return loop


def eager() -> asyncio.AbstractEventLoop:
    """Return asyncio's loop with tasks that start at once; Python 3.12 has it first."""
    return make_eager(asyncio.new_event_loop())


def make_eager(loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
    """Let the tasks of `loop` start at once."""
    if sys.version_info >= (3, 12):
        loop.set_task_factory(asyncio.eager_task_factory)
    return loop


def uvloop() -> asyncio.AbstractEventLoop:
    """Return libuv's loop."""
    from uvloop import new_event_loop  # noqa: PLC0415 - not everywhere installed

    return new_event_loop()


FACTORIES: dict[str, LoopFactory] = {
    "asyncio": asyncio.new_event_loop,
    "debug": debugging,
    "eager": eager,
    "uvloop": uvloop,
}


def missing(name: str) -> str | None:
    """Return why this machine has no such loop; None when it has."""
    if name == "eager" and sys.version_info < (3, 12):
        return "eager tasks need Python 3.12"
    if name == "uvloop" and importlib.util.find_spec("uvloop") is None:
        return "uvloop is not installed"
    return None


def chosen() -> dict[str, LoopFactory]:
    """Return the loop that `ANTON_TEST_LOOP` names, asyncio's own by default."""
    name = os.environ.get("ANTON_TEST_LOOP") or "asyncio"
    if name not in FACTORIES:
        raise pytest.UsageError(f"ANTON_TEST_LOOP must be one of {', '.join(FACTORIES)}")
    if reason := missing(name):
        raise pytest.UsageError(f"ANTON_TEST_LOOP={name}: {reason}")
    return {name: FACTORIES[name]}
