"""Loggers under `anton_async` that cannot break what they report on.

A handler that raises would otherwise turn a payout that was made into a call that failed.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    _Adapter = logging.LoggerAdapter[logging.Logger]
else:
    _Adapter = logging.LoggerAdapter


class Log(_Adapter):
    """A logger whose handlers' and filters' exceptions end here."""

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log `msg % args` when anybody listens at `level`."""
        try:
            super().log(level, msg, *args, stacklevel=2, **kwargs)
        except Exception:  # noqa: BLE001 - whatever a handler of the user's raises
            return

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Return both as they are."""
        return msg, kwargs


def get_log(name: str) -> Log:
    """Return the guarded logger called `name`."""
    return Log(logging.getLogger(name), {})
