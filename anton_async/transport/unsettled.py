"""What an error with an unknown outcome keeps of its call, so that the very same request can be sent again.

It hangs on the error as one private attribute: not in its text, and not in a pickle, since a body holds personal data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from anton_async.transport.call import Call
from anton_async.transport.idempotency import KeyLife

_ATTRIBUTE = "_unsettled"
_DEEPEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """A call that may have been executed.

    Attributes:
        call: what was sent.
        life: for how long its key may still be sent.
        owner: the client id and base URL it was sent for: under another merchant's the same key would pay again.
    """

    call: Call[Any] = field(repr=False)
    life: KeyLife
    owner: tuple[str, str]

    def __reduce__(self) -> tuple[object, ...]:
        return _nothing, ()


def _nothing() -> None:
    """Stand for an `Unsettled` in pickles and deep copies."""


def keep(error: BaseException, unsettled: Unsettled) -> None:
    """Let `error` carry `unsettled`."""
    vars(error)[_ATTRIBUTE] = unsettled


def kept(error: BaseException) -> Unsettled | None:
    """Return what `error` carries, or the cancellation that it came from, as under `asyncio.timeout`."""
    carrier: object = error
    for _ in range(_DEEPEST):
        found = getattr(carrier, _ATTRIBUTE, None)
        if isinstance(found, Unsettled):
            return found
        carrier = getattr(carrier, "__cause__", None) or getattr(carrier, "__context__", None)
    return None
