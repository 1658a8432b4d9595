"""What the sandbox saw: one line for each request, for tests to look at afterwards. It never holds a secret."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

_KEPT = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRequest:
    """One request and how it ended."""

    method: str
    path: str
    operation_id: str | None  # None when no operation has this path and method
    status: int  # also when the answer was dropped
    code: str | None  # of the error that was answered
    delivered: bool
    replayed: bool
    idempotency_key: str | None
    jti: str | None  # of an accepted proof
    request_id: str


class Traffic:
    """The latest 100,000 requests, oldest first."""

    def __init__(self) -> None:
        self._requests: deque[SeenRequest] = deque(maxlen=_KEPT)

    def add(self, request: SeenRequest) -> None:
        """Note one request."""
        self._requests.append(request)

    def clear(self) -> None:
        """Forget everything."""
        self._requests.clear()

    def requests(self) -> list[SeenRequest]:
        """Return what was seen so far."""
        return list(self._requests)
