"""Loggers under `anton_async` that cannot break what they report on, and what of our objects a log may show.

A handler that raises would otherwise turn a payout that was made into a call that failed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, cast

import msgspec

from anton_async.errors import AntonError
from anton_async.masking import HIDDEN, Masked

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


def loggable(value: object) -> object:
    """Return `value` as plain data for a structured log; what is no object of the SDK's is returned as it is.

    A struct becomes a dict whose sensitive fields, as the API's document marks them, show as `<hidden>`. An error
    becomes a dict of what it says about the call: its message is left out, since the API may repeat in it what it was
    sent.
    """
    if isinstance(value, AntonError):
        return {name: told for name, told in _error_fields(value).items() if told is not None}
    if isinstance(value, msgspec.Struct):
        return {name: loggable(each) for name, each in _fields(value) if each is not msgspec.UNSET}
    if isinstance(value, Mapping):
        return {name: loggable(each) for name, each in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [loggable(each) for each in cast("list[object]", value)]
    return repr(HIDDEN) if value is HIDDEN else value


def _fields(struct: msgspec.Struct) -> Iterable[tuple[str, object]]:
    if isinstance(struct, Masked):
        return struct.__rich_repr__()
    return [(name, getattr(struct, name)) for name in struct.__struct_fields__]


def extra(value: AntonError) -> dict[str, object]:
    """Return what `value` says about its call as `extra` of a log record, under the names of the log of calls."""
    return {f"anton_{name}": told for name, told in _error_fields(value).items() if told is not None}


def _error_fields(error: AntonError) -> dict[str, object]:
    return {
        "error": type(error).__name__,
        "outcome": error.outcome.value,
        "status": getattr(error, "status", None),
        "code": getattr(error, "code", None),
        "request_id": error.request_id,
        "idempotency_key": error.idempotency_key,
        "attempt": error.attempts,
    }
