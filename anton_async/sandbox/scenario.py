"""Scripted trouble: what the sandbox does to the next requests of an operation.

    sandbox.on("createPayout").fail(status=503, times=2).drop_response()

Each request of the operation takes the next step of its script; when the script is used up, everything is normal
again.
"""

from __future__ import annotations

import asyncio
import difflib
import threading
from collections import deque
from collections.abc import Callable, Mapping
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
_OTHER_TOKEN_CODE = "server_error"  # noqa: S105 - an error code
_NEAR = 3  # names that an unknown one is compared with


class Barrier:
    """Where requests wait until a test lets them go on; safe to use from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Lock()
        self._held: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._watching: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = []

    @property
    def held(self) -> int:
        """How many requests wait."""
        return len(self._held)

    async def wait(self) -> None:
        """Hold the calling request until `release`."""
        place = asyncio.get_running_loop(), asyncio.Event()
        with self._changed:
            self._held.append(place)
            reached = [watcher for watcher in self._watching if watcher[0] <= len(self._held)]
        for _, loop, event in reached:
            loop.call_soon_threadsafe(event.set)
        try:
            await place[1].wait()
        finally:
            with self._changed:
                if place in self._held:
                    self._held.remove(place)

    async def reach(self, count: int) -> None:
        """Return as soon as `count` requests wait at once."""
        watcher = count, asyncio.get_running_loop(), asyncio.Event()
        with self._changed:
            if len(self._held) >= count:
                return
            self._watching.append(watcher)
        try:
            await watcher[2].wait()
        finally:
            with self._changed:
                self._watching.remove(watcher)

    def release(self) -> None:
        """Let every request that waits go on."""
        with self._changed:
            released, self._held = self._held, []
        for loop, event in released:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to one request."""

    refusal: Refusal | None = None
    delay: float = 0.0  # seconds
    dropped: bool = False
    barrier: Barrier | None = None


NO_STEP: Step = Step()


class Script:
    """The steps that await one operation; the methods that add steps return the script."""

    def __init__(self, *, flat_errors: bool = False) -> None:
        self._steps: deque[Step] = deque()
        self._barrier = Barrier()
        self._refusal: type[Refusal] = TokenRefusal if flat_errors else Refusal
        self._codes = _TOKEN_CODES if flat_errors else _CODES
        self._other_code = _OTHER_TOKEN_CODE if flat_errors else _OTHER_CODE

    def fail(
        self, status: int = 503, *, times: int = 1, code: str | None = None, retry_after: int | None = None
    ) -> Script:
        """Refuse the next requests before they have any effect.

        Args:
            status: HTTP status, 400 to 599.
            times: number of requests.
            code: error code; left out, the one the API documents for the status.
            retry_after: value of `Retry-After` in seconds, 0 or more; left out, no such header.

        Raises:
            ValueError: an argument is out of its bounds.
        """
        if not 400 <= status <= 599:
            raise ValueError("A scripted failure has a status from 400 to 599.")
        if retry_after is not None and retry_after < 0:
            raise ValueError("retry_after must be 0 seconds or more.")
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        chosen = code or self._codes.get(status, self._other_code)
        message = "scripted by the test"
        return self._add(lambda: Step(refusal=self._refusal(status, chosen, message, headers=headers)), times)

    def rate_limit(self, *, retry_after: int = 1, times: int = 1) -> Script:
        """Refuse the next requests with the 429 of a used-up quota, and its headers.

        Args:
            retry_after: value of `Retry-After` in seconds, 0 or more.
            times: number of requests.

        Raises:
            ValueError: an argument is out of its bounds.
        """
        return self.fail(429, times=times, code=_CODES[429], retry_after=retry_after)

    def drop_response(self, *, times: int = 1) -> Script:
        """Carry out the next requests, then close the connection without an answer."""
        return self._add(lambda: Step(dropped=True), times)

    def let_through(self, *, times: int = 1) -> Script:
        """Do nothing to the next requests, so that later steps meet later ones."""
        return self._add(lambda: NO_STEP, times)

    def delay(self, seconds: float, *, times: int = 1) -> Script:
        """Let the next requests wait before they are carried out; their idempotency keys are in flight meanwhile.

        Raises:
            ValueError: an argument is out of its bounds.
        """
        if not 0 <= seconds <= 86_400:
            raise ValueError("A scripted delay has 0 to 86400 seconds.")
        return self._add(lambda: Step(delay=seconds), times)

    def hold(self, *, times: int = 1) -> Script:
        """Stop the next requests before they are carried out, until `release`.

        They are let in and their idempotency keys are in flight, but nothing has changed yet. A request whose client
        goes away meanwhile is carried out all the same when it is released.
        """
        return self._add(lambda: Step(barrier=self._barrier), times)

    @property
    def waiting(self) -> int:
        """How many steps no request has taken yet."""
        return len(self._steps)

    @property
    def held(self) -> int:
        """How many requests `hold` stops at present."""
        return self._barrier.held

    async def wait_held(self, count: int = 1) -> None:
        """Return as soon as `hold` stops `count` requests at once."""
        await self._barrier.reach(count)

    def release(self) -> None:
        """Let the requests that are held go on; steps that no request has taken yet stay."""
        self._barrier.release()

    def clear(self) -> None:
        """Drop the steps that no request has taken yet, and release what is held."""
        self._steps.clear()
        self.release()

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
    """The scripts of all operations.

    Args:
        operations: by operationId what the client calls each, such as `payouts.create`.
    """

    def __init__(self, operations: Mapping[str, str]) -> None:
        self._scripts = {
            operation_id: Script(flat_errors=operation_id == "createAccessToken") for operation_id in operations
        }
        self._by_client_name = {name: operation_id for operation_id, name in operations.items()}

    def on(self, operation_id: str) -> Script:
        """Return the script of an operation.

        Raises:
            ValueError: the document has no such operation; the message names those with a similar name, else all.
        """
        script = self._scripts.get(operation_id)
        if script is None:
            if meant := self._by_client_name.get(operation_id):
                raise ValueError(f"There is no operation {operation_id!r}; the document calls it {meant}.")
            by_small_name = {name.lower(): name for name in self._scripts}
            near = difflib.get_close_matches(operation_id.lower(), by_small_name, n=_NEAR)
            if near:
                names = ", ".join(by_small_name[name] for name in near)
                raise ValueError(f"There is no operation {operation_id!r}; did you mean one of {names}?")
            raise ValueError(f"There is no operation {operation_id!r}; there are {', '.join(sorted(self._scripts))}.")
        return script

    def clear(self) -> None:
        """Forget every step, and release every request that is held."""
        for script in self._scripts.values():
            script.clear()
