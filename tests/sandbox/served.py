"""A sandbox on a thread of its own, for clients that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from anton_async.sandbox import Sandbox


@contextmanager
def served(**options: Any) -> Generator[Sandbox]:
    """Serve a sandbox that checks its answers until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        sandbox = Sandbox(check_answers=True, **options)
        asyncio.run_coroutine_threadsafe(sandbox.start(), loop).result(10)
        try:
            yield sandbox
        finally:
            asyncio.run_coroutine_threadsafe(sandbox.stop(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
