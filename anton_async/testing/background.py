"""A sandbox in a thread of its own, for tests and services that run no loop, or another one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager

from anton_async.sandbox import Sandbox


@contextmanager
def running_in_a_thread(sandbox: Sandbox) -> Generator[Sandbox, None, None]:
    """Run a sandbox in a thread; its clock and its scripts may be used from any other."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="anton-sandbox", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result()
        try:
            yield sandbox
        finally:
            asyncio.run_coroutine_threadsafe(sandbox.stop(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
