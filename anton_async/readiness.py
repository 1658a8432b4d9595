"""What a first call would otherwise load and build while others wait: done ahead, by `AntonClient.warm_up`."""

from __future__ import annotations

import gc
from importlib import import_module
from pkgutil import iter_modules

from anton_async import resources
from anton_async.transport.decode import check_readable


def get_ready() -> None:
    """Import all resources and build the decoders of all operations; meant for a thread, and quick the second time.

    All that is here to stay, which the garbage collector would find out while others wait: it is told at once.
    """
    for module in iter_modules(resources.__path__):
        import_module(f"{resources.__name__}.{module.name}")
    from anton_async.resources.operations import OPERATIONS  # noqa: PLC0415 - by now

    for operation in OPERATIONS.values():
        check_readable(operation)
    gc.collect()
