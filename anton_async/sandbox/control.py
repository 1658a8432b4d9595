"""The control API: what a test in Python does with the `Sandbox` object, for tests in other languages.

    GET  /control/scenarios/{operation}           steps that wait, and requests that are held
    POST /control/scenarios/{operation}           add steps: {"steps": [{"action": "fail", "status": 503}]}
    POST /control/scenarios/{operation}/release   let held requests go on
    POST /control/scenarios/{operation}/clear     drop the steps, and let held requests go on
    GET  /control/clock    POST /control/clock/hold, /control/clock/release, /control/clock/advance {"seconds": 60}
    GET  /control/executed      how often each idempotency key was carried out
    GET  /control/requests      the latest 100 requests, oldest first
    POST /control/deliver       deliver what is due of webhooks, and wait for the answers
    POST /control/reset         begin again from the seed

Anybody who reaches it can do all that, so it is off unless asked for, and answers this machine only unless told
otherwise. Requests from web pages are refused: a browser must not be a way in.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from anton_async.sandbox.errors import Answer, Refusal
from anton_async.sandbox.presenter import bare
from anton_async.sandbox.scenario import Script

if TYPE_CHECKING:
    from anton_async.sandbox.server import Sandbox

ControlReach = Literal["loopback", "anywhere"]

_KNOWN = ("scenarios", "clock", "executed", "requests", "deliver", "reset")
_LATEST = 100  # requests
_Times = Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class _Step(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="action"):
    times: _Times = 1

    def add_to(self, script: Script) -> None:
        raise NotImplementedError


class _Fail(_Step, tag="fail"):
    status: int = 503
    code: str | None = None
    retry_after: int | None = None

    def add_to(self, script: Script) -> None:
        script.fail(self.status, times=self.times, code=self.code, retry_after=self.retry_after)


class _RateLimit(_Step, tag="rate_limit"):
    retry_after: int = 1

    def add_to(self, script: Script) -> None:
        script.rate_limit(retry_after=self.retry_after, times=self.times)


class _Delay(_Step, tag="delay"):
    seconds: float

    def add_to(self, script: Script) -> None:
        script.delay(self.seconds, times=self.times)


class _DropResponse(_Step, tag="drop_response"):
    def add_to(self, script: Script) -> None:
        script.drop_response(times=self.times)


class _LetThrough(_Step, tag="let_through"):
    def add_to(self, script: Script) -> None:
        script.let_through(times=self.times)


class _Hold(_Step, tag="hold"):
    def add_to(self, script: Script) -> None:
        script.hold(times=self.times)


class _Steps(msgspec.Struct, forbid_unknown_fields=True):
    steps: list[_Fail | _RateLimit | _Delay | _DropResponse | _LetThrough | _Hold]


class _Advance(msgspec.Struct, forbid_unknown_fields=True):
    seconds: Annotated[float, msgspec.Meta(ge=0, le=10 * 366 * 86_400)]


class Control:
    """Answers requests under `/control`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def handle(self, method: str, path: str, body: bytes) -> Answer:
        """Return the answer to one request.

        Raises:
            Refusal: 400 for a body that cannot be used, 404 and 405 for what does not exist.
        """
        place = path.removeprefix("/control/").split("/")
        try:
            return bare(await self._carry_out(method, place, body))
        except (msgspec.DecodeError, ValueError, OverflowError) as error:
            raise Refusal(400, "invalid_request", str(error)) from None

    async def _carry_out(self, method: str, place: list[str], body: bytes) -> dict[str, object]:
        sandbox = self._sandbox
        match method, place:
            case "GET" | "POST", ["scenarios", operation, *action]:
                return self._script(method, operation, action, body)
            case "GET" | "POST", ["clock", *action]:
                return self._clock(method, action, body)
            case "GET", ["executed"]:
                return {"executed": dict(sandbox.executed)}
            case "GET", ["requests"]:
                return {"requests": sandbox.requests[-_LATEST:]}
            case "POST", ["deliver"]:
                await sandbox.deliver_webhooks()
            case "POST", ["reset"]:
                await sandbox.reset()
            case _:
                raise _no_route(method, place)
        return {"done": place[0]}

    def _script(self, method: str, operation: str, action: list[str], body: bytes) -> dict[str, object]:
        try:
            script = self._sandbox.on(operation)
        except ValueError as error:
            raise Refusal(404, "unknown_operation", str(error)) from None
        match method, action:
            case "GET", []:
                pass
            case "POST", []:
                _add_steps(script, msgspec.json.decode(body, type=_Steps).steps)
            case "POST", ["release"]:
                script.release()
            case "POST", ["clear"]:
                script.clear()
            case _:
                raise _no_route(method, ["scenarios", operation, *action])
        return {"operation": operation, "steps": script.waiting, "held": script.held}

    def _clock(self, method: str, action: list[str], body: bytes) -> dict[str, object]:
        clock = self._sandbox.clock
        match method, action:
            case "GET", []:
                pass
            case "POST", ["advance"]:
                clock.advance(msgspec.json.decode(body, type=_Advance).seconds)
            case "POST", ["hold"]:
                clock.hold()
            case "POST", ["release"]:
                clock.release()
            case _:
                raise _no_route(method, ["clock", *action])
        return {"now": datetime.fromtimestamp(clock.time(), UTC), "held": clock.held}


def _add_steps(script: Script, steps: Sequence[_Step]) -> None:
    for step in steps:
        # On a script of its own first, so that a bad step leaves nothing of the good ones behind.
        step.add_to(Script())
    for step in steps:
        step.add_to(script)


def _no_route(method: str, place: list[str]) -> Refusal:
    if place[0] in _KNOWN and method not in {"GET", "POST"}:
        return Refusal(405, "method_not_allowed", "use GET or POST", headers={"Allow": "GET, POST"})
    where = "/".join(place)[:100]
    return Refusal(404, "not_found", f"there is no {method} /control/{where}; there are {', '.join(_KNOWN)}")


def refuse_stranger(headers: Mapping[str, str], peer: str | None, reach: ControlReach) -> None:
    """Let nobody in who should not: other machines, unless told so, and web pages.

    Args:
        headers: of the request.
        peer: address that it came from.
        reach: who may come.

    Raises:
        Refusal: 403.
    """
    if "Origin" in headers:
        raise Refusal(403, "forbidden", "requests from web pages are refused")
    if reach == "anywhere":
        return
    if not _is_loopback(peer):
        raise Refusal(403, "forbidden", "only requests from this machine are answered")
    if not names_this_machine(headers.get("Host", "")):
        raise Refusal(403, "forbidden", "the Host header must name this machine: localhost or a loopback address")


def names_this_machine(host: str) -> bool:
    """Tell whether a Host header is one of this machine; another name may be a web page's that was pointed here."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    name = name.strip("[]").lower()
    return name == "localhost" or name.endswith(".localhost") or _is_loopback(name)


def _is_loopback(address: str | None) -> bool:
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
