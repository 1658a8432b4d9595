"""The sandbox's HTTP side: turns requests into what the world reads, and its outcomes into responses.

/            the page            page.py
/control/*   the control API     control.py, where it is on
the rest     the API             service.py
"""

from __future__ import annotations

import email.utils
import math
import re
import secrets
from collections.abc import Callable, Mapping

import msgspec
from aiohttp import web

from anton_async.clock import Clock
from anton_async.sandbox import page
from anton_async.sandbox.control import Control, ControlReach, names_this_machine, refuse_stranger
from anton_async.sandbox.errors import Answer, Refusal
from anton_async.sandbox.forms import read_body, read_form
from anton_async.sandbox.incoming import Incoming, Outcome
from anton_async.sandbox.proof import Nonces
from anton_async.sandbox.traffic import SeenRequest, Traffic
from anton_async.sandbox.world import World

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_MAX_BODY_BYTES = 1024 * 1024
_SHUTDOWN_GRACE = 0.1  # seconds; a scripted delay must not hold up the end of a test
_SERVER = "anton-sandbox"


class Listener:
    """Listens on one port while it is open."""

    def __init__(
        self,
        *,
        world: Callable[[], World],
        after: Callable[[], None],
        traffic: Traffic,
        nonces: Nonces | None,
        clock: Clock,
        control: Control | None,
        reach: ControlReach,
    ) -> None:
        self._world = world
        self._after = after
        self._traffic = traffic
        self._nonces = nonces
        self._clock = clock
        self._control = control
        self._reach: ControlReach = reach
        self._runner: web.ServerRunner | None = None

    @property
    def is_open(self) -> bool:
        """Whether requests are answered."""
        return self._runner is not None

    async def open(self, host: str, port: int) -> int:
        """Listen, and return the port; raises OSError when it is taken."""
        runner = web.ServerRunner(web.Server(self._respond, access_log=None), shutdown_timeout=_SHUTDOWN_GRACE)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        return int(runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening and close every connection."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/" and request.method in {"GET", "HEAD"}:
            return self._show_page(request)
        if self._control is not None and request.path.startswith("/control/"):
            return await self._obey(self._control, request)
        return await self._serve(request)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        request_id = _request_id(request)
        outcome = await self._outcome(request)
        self._after()
        answer = outcome.answer
        self._traffic.add(
            SeenRequest(
                method=request.method,
                path=request.rel_url.raw_path,
                operation_id=outcome.operation_id,
                status=answer.status,
                code=_code(answer),
                delivered=not outcome.dropped,
                replayed=outcome.replayed,
                idempotency_key=request.headers.get("Idempotency-Key"),
                jti=outcome.jti,
                request_id=request_id,
            )
        )
        if outcome.dropped and request.transport is not None:
            # aiohttp notices the closed connection and sends nothing.
            request.transport.close()
        headers = {
            **answer.headers,
            **self._quota_headers(outcome.operation_id, request.path, answer),
            "Date": email.utils.formatdate(self._clock.time(), usegmt=True),
            "Server": _SERVER,
            "X-Request-ID": request_id,
        }
        if self._nonces is not None:
            headers["DPoP-Nonce"] = self._nonces.current()
        return _response(answer, headers)

    async def _outcome(self, request: web.BaseRequest) -> Outcome:
        service = self._world().service
        operation = service.operation(request.method, request.rel_url.raw_path)
        body, form, unread = b"", None, None
        try:
            if operation is not None and operation.form:
                form = await read_form(request, operation.max_bytes)
            else:
                body = await read_body(request, _MAX_BODY_BYTES if operation is None else operation.max_bytes)
        except Refusal as refusal:
            unread = refusal
        headers = request.headers
        incoming = Incoming(
            method=request.method,
            path=request.rel_url.raw_path,
            query=request.rel_url.raw_query_string,
            host=request.host,
            content_type=request.content_type,
            authorizations=headers.getall("Authorization", ()),
            proofs=headers.getall("DPoP", ()),
            idempotency_key=headers.get("Idempotency-Key"),
            body=body,
            form=form,
            unread=unread,
        )
        return await service.handle(incoming)

    def _quota_headers(self, operation_id: str | None, path: str, answer: Answer) -> Mapping[str, str]:
        headers = self._world().quota.headers(operation_id, path)
        if answer.status == 429 and "Retry-After" in answer.headers:
            # A scripted refusal has to look like a real one.
            reset = math.ceil(self._clock.time() + int(answer.headers["Retry-After"]))
            headers |= {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
        return headers

    async def _obey(self, control: Control, request: web.BaseRequest) -> web.StreamResponse:
        try:
            refuse_stranger(request.headers, request.remote, self._reach)
            body = await read_body(request, _MAX_BODY_BYTES)
            answer = await control.handle(request.method, request.path, body)
        except Refusal as refusal:
            answer = refusal.answer()
        return _response(answer, {**answer.headers, "Server": _SERVER, "Cache-Control": "no-store"})

    def _show_page(self, request: web.BaseRequest) -> web.StreamResponse:
        bound = request.transport and request.transport.get_extra_info("sockname")
        if bound and names_this_machine(str(bound[0])) and not names_this_machine(request.host):
            # A name that was pointed at this machine would let a foreign web page read this one.
            answer = Refusal(403, "forbidden", "open this page as localhost").answer()
            return _response(answer, {"Server": _SERVER})
        answer = page.render(self._world().merchant, self._traffic.requests())
        return _response(answer, {**answer.headers, "Server": _SERVER})


def _response(answer: Answer, headers: Mapping[str, str]) -> web.Response:
    typed = {**headers, "Content-Type": answer.content_type} if answer.body else headers
    return web.Response(status=answer.status, body=answer.body, headers=typed)


def _code(answer: Answer) -> str | None:
    if answer.status < 400 or not answer.body:
        return None
    error = msgspec.json.decode(answer.body, type=_Refused).error
    return error if isinstance(error, str) else error.code


class _RefusedError(msgspec.Struct):
    code: str


class _Refused(msgspec.Struct):
    error: _RefusedError | str


def _request_id(request: web.BaseRequest) -> str:
    own = request.headers.get("X-Request-ID", "")
    return own if _SANE_REQUEST_ID.fullmatch(own) else secrets.token_hex(10)
