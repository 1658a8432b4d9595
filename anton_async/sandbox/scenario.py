"""Scripted trouble: what the sandbox does to the next requests of an operation.

    sandbox.on("createPayout").fail(status=503, times=2).drop_response()

Each request of the operation takes the next step of its script; when the script is used up, everything is normal
again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass

from anton_async.sandbox.errors import Refusal, TokenRefusal

_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "insufficient_permissions",
    404: "not_found",
    429: "rate_limit_exceeded",
    504: "timeout",
}
_OTHER_CODE = "internal_error"
_TOKEN_CODES = {400: "invalid_request", 401: "invalid_client", 403: "invalid_client"}
_OTHER_TOKEN_CODE = "server_error"  # noqa: S105  # an error code


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to one request."""

    refusal: Refusal | None = None
    delay: float = 0.0  # seconds
    dropped: bool = False


NO_STEP: Step = Step()


class Script:
    """The steps that await one operation; every method adds some and returns the script."""

    def __init__(self, *, flat_errors: bool) -> None:
        self._steps: deque[Step] = deque()
        self._refusal: type[Refusal] = TokenRefusal if flat_errors else Refusal
        self._codes = _TOKEN_CODES if flat_errors else _CODES
        self._other_code = _OTHER_TOKEN_CODE if flat_errors else _OTHER_CODE

    def fail(
        self, status: int = 503, *, times: int = 1, code: str | None = None, retry_after: int | None = None
    ) -> Script:
        """Refuse the next requests before they have any effect.

        Args:
            status: HTTP status, 400 to 599.
            times: Number of requests.
            code: Error code; left out, the one the API documents for the status.
            retry_after: Value of `Retry-After` in seconds; left out, no such header.
        """
        if not 400 <= status <= 599:
            raise ValueError("A scripted failure has a status from 400 to 599.")
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        chosen = code or self._codes.get(status, self._other_code)
        message = "scripted by the test"
        return self._add(lambda: Step(refusal=self._refusal(status, chosen, message, headers=headers)), times)

    def drop_response(self, *, times: int = 1) -> Script:
        """Carry out the next requests, then close the connection without an answer."""
        return self._add(lambda: Step(dropped=True), times)

    def let_through(self, *, times: int = 1) -> Script:
        """Do nothing to the next requests, so that later steps meet later ones."""
        return self._add(lambda: NO_STEP, times)

    def delay(self, seconds: float, *, times: int = 1) -> Script:
        """Let the next requests wait before they are carried out; their idempotency keys are in flight meanwhile."""
        return self._add(lambda: Step(delay=seconds), times)

    def take(self) -> Step:
        """Return the step for the request that just came, an empty one when the script is used up."""
        return self._steps.popleft() if self._steps else NO_STEP

    def _add(self, make: Callable[[], Step], times: int) -> Script:
        if times < 1:
            raise ValueError("times must be 1 or more.")
        # A step each, because an exception that is raised twice carries the traceback of both.
        self._steps.extend(make() for _ in range(times))
        return self


class Scenario:
    """The scripts of all operations."""

    def __init__(self, operation_ids: Collection[str]) -> None:
        self._scripts = {
            operation_id: Script(flat_errors=operation_id == "createAccessToken") for operation_id in operation_ids
        }

    def on(self, operation_id: str) -> Script:
        """Return the script of an operation; raises ValueError for an id the document does not have."""
        script = self._scripts.get(operation_id)
        if script is None:
            known = ", ".join(sorted(self._scripts))
            raise ValueError(f"There is no operation {operation_id!r}; the document has: {known}.")
        return script
