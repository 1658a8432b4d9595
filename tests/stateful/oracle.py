"""The API as an oracle: it keeps keys, tokens, nonces and a ledger, and each request suffers the fate planned for it.

    arrives ── door ── proof and token ── key ── works ── executes ── answers

A fate can end or bend the way at each of these; the ledger tells what was really executed, and for which call.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections import deque
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Literal, cast

from tests.stateful.virtual_time import EPOCH
from tests.support.examples import PAYOUT
from tests.support.raw_server import SeenRequest

CALL_HEADER = "X-Test-Call"
_PROOF_WINDOW = 60.0  # seconds

Door = Literal["open", "lost", "limit", "unavailable", "gateway"]
Verdict = Literal["execute", "decline", "fail before", "fail after"]
Delivery = Literal["whole", "cut", "garbage", "gateway", "nothing"]
End = Literal["keep", "close", "reset", "hang"]


@dataclass(frozen=True)
class Fate:
    """What happens to one request.

    Attributes:
        late: seconds until it arrives.
        door: who answers it: the API, or somebody in front of it.
        takes: seconds the API works on it.
        verdict: what comes of the work.
        twice: whether a gateway behind the door delivers it twice, and passes on the second answer.
        delivery: what reaches the client of the answer.
        gone: whether the connection ends before the work does.
        end: what becomes of the connection.
    """

    late: float = 0.0
    door: Door = "open"
    takes: float = 0.0
    verdict: Verdict = "execute"
    twice: bool = False
    delivery: Delivery = "whole"
    gone: bool = False
    end: End = "keep"


@dataclass(frozen=True)
class Execution:
    """A payout that was really made."""

    call: str
    key: str
    body: bytes
    payout_id: str


@dataclass
class Memory:
    """What is kept under an idempotency key; the answer comes with the end of the work."""

    body: bytes
    answer: Answer | None = None


@dataclass(frozen=True)
class Answer:
    """Status, JSON body and headers."""

    status: int
    body: object
    headers: dict[str, str] = field(default_factory=dict[str, str])


def refusal(status: int, code: str, **headers: str) -> Answer:
    """Return an error in the API's envelope."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"error": {"code": code, "message": "no"}}, named)


class Oracle:
    """A server on a loopback port.

    Attributes:
        fates: what happens to the next payout requests; those beyond it fare well.
        token_fates: the same for token calls.
        executions: the ledger.
        seen: every payout request that arrived, wherever it ended.
        nonce: the nonce it asks for; None while it asks for none.
        complaints: what no client may do, whatever happens to it.
    """

    def __init__(self) -> None:
        self.fates: deque[Fate] = deque()
        self.token_fates: deque[Fate] = deque()
        self.executions: list[Execution] = []
        self.seen: list[SeenRequest] = []
        self.nonce: str | None = None
        self.complaints: list[str] = []
        self.port = 0
        self._memory: dict[str, Memory] = {}
        self._tokens: set[str] = set()
        self._proofs: set[str] = set()
        self._minted = 0
        self._nonces = 0
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._work: set[asyncio.Task[Answer | None]] = set()
        self._back_at = 0.0
        self._return: asyncio.Task[None]

    async def open(self) -> None:
        """Take connections on a port of its own."""
        self._return = asyncio.get_running_loop().create_task(self._come_back())
        await self._return

    async def refuse(self, seconds: float) -> None:
        """End all connections, and take none for some time."""
        self._stop_listening()
        self.hang_up()
        loop = asyncio.get_running_loop()
        self._back_at = loop.time() + seconds
        if self._return.done():
            self._return = loop.create_task(self._come_back())

    def hang_up(self) -> None:
        """End all connections."""
        for writer in self._connections.values():
            writer.close()

    async def speak_unasked(self) -> None:
        """Send an answer on every connection, though nobody asked."""
        for writer in self._connections.values():
            writer.write(_http(Answer(201, None), json.dumps({"data": {**PAYOUT, "id": "pay_of_nobody"}}).encode()))

    async def close(self) -> None:
        """Finish the work under way, whoever waits for it, and end."""
        await asyncio.gather(*self._work, self._return)
        self._stop_listening()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._connections)

    def expire_tokens(self) -> None:
        """Forget every token."""
        self._tokens.clear()

    def rotate_nonce(self) -> None:
        """Ask for another nonce from now on."""
        self._nonces += 1
        self.nonce = f"nonce-{self._nonces}"

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _come_back(self) -> None:
        loop = asyncio.get_running_loop()
        while (wait := self._back_at - loop.time()) > 0:  # noqa: ASYNC110 - the end may be put off meanwhile
            await asyncio.sleep(wait)
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def ask_for_no_nonce(self) -> None:
        """Take proofs without a nonce."""
        self.nonce = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        try:
            while (request := await _read(reader)) is not None and await self._serve(request, writer):
                pass
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            del self._connections[task]
            writer.close()

    async def _serve(self, request: SeenRequest, writer: asyncio.StreamWriter) -> bool:
        """Let a request suffer its fate; return whether the connection lives on."""
        is_token_call = request.target == "/oauth/token"
        if not is_token_call:
            self.seen.append(request)
        fates = self.token_fates if is_token_call else self.fates
        fate = fates.popleft() if fates else Fate()
        work = asyncio.get_running_loop().create_task(self._handle(request, fate))
        self._work.add(work)
        work.add_done_callback(self._work.discard)
        if not fate.gone:
            answer = await asyncio.shield(work)
            if answer is None:
                return False
            writer.write(_bytes_of(answer, fate.delivery))
            await writer.drain()
        if fate.end == "hang":
            await asyncio.Event().wait()
        if fate.end == "reset":
            writer.transport.abort()
        return fate.end == "keep" and not fate.gone and fate.delivery not in {"cut", "nothing"}

    async def _handle(self, request: SeenRequest, fate: Fate) -> Answer | None:
        await asyncio.sleep(fate.late)
        match fate.door:
            case "lost":
                return None
            case "limit":
                return refusal(429, "rate_limit_exceeded", Retry_After="7")
            case "unavailable":
                return refusal(503, "idempotency_unavailable")
            case "gateway":
                return Answer(404, None)
            case "open":
                pass
        if request.target == "/oauth/token":
            return self._mint(request)
        return self._proof_refusal(request) or self._token_refusal(request) or await self._create(request, fate)

    def _mint(self, request: SeenRequest) -> Answer:
        if self._proof_refusal(request) is not None:
            asked = self.nonce is not None and request.proof.get("nonce") != self.nonce
            code = "use_dpop_nonce" if asked else "invalid_dpop_proof"
            return Answer(400, {"error": code}, {"DPoP-Nonce": self.nonce} if self.nonce else {})
        self._minted += 1
        token = f"token-{self._minted}"
        self._tokens.add(token)
        return Answer(200, {"access_token": token, "token_type": "DPoP", "expires_in": 3600})

    def _proof_refusal(self, request: SeenRequest) -> Answer | None:
        proof = request.proof
        if proof["jti"] in self._proofs:
            self.complaints.append("a proof was sent twice")
        self._proofs.add(proof["jti"])
        fits = proof["htm"] == request.method and proof["htu"] == f"http://127.0.0.1:{self.port}{request.target}"
        now = EPOCH + asyncio.get_running_loop().time()
        if not fits or abs(proof["iat"] - now) > _PROOF_WINDOW:
            return refusal(401, "invalid_dpop_proof")
        if self.nonce is not None and proof.get("nonce") != self.nonce:
            asks = {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": self.nonce}
            return Answer(401, {"error": {"code": "unauthorized", "message": "no"}}, asks)
        return None

    def _token_refusal(self, request: SeenRequest) -> Answer | None:
        token = request.headers["authorization"].removeprefix("DPoP ")
        digest = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()
        good = token in self._tokens and request.proof.get("ath") == digest
        return None if good else refusal(401, "invalid_token")

    async def _create(self, request: SeenRequest, fate: Fate) -> Answer:
        first = asyncio.ensure_future(self._keyed(request, fate))
        if not fate.twice:
            return await first
        await asyncio.sleep(0.01)
        second = await self._keyed(request, Fate())
        await first
        return second

    async def _keyed(self, request: SeenRequest, fate: Fate) -> Answer:
        key = request.headers["idempotency-key"]
        known = self._memory.get(key)
        if known is None:
            self._memory[key] = memory = Memory(request.body)
            await asyncio.sleep(fate.takes)
            return self._judge(request, key, memory, fate.verdict)
        if known.body != request.body:
            return refusal(409, "idempotency_conflict")
        if known.answer is None:
            return refusal(409, "idempotency_in_flight")
        return Answer(known.answer.status, known.answer.body, {"X-Idempotent-Replayed": "true"})

    def _judge(self, request: SeenRequest, key: str, memory: Memory, verdict: Verdict) -> Answer:
        if verdict == "fail before":
            del self._memory[key]
            return refusal(500, "internal_error")
        if verdict == "decline":
            memory.answer = refusal(422, "insufficient_balance")
            return memory.answer
        payout_id = f"pay_{len(self.executions) + 1:026d}"
        self.executions.append(Execution(request.headers[CALL_HEADER.lower()], key, request.body, payout_id))
        order = cast("dict[str, Any]", request.json)
        memory.answer = Answer(201, {"data": {**PAYOUT, "id": payout_id, "reference": order["reference"]}})
        return refusal(500, "internal_error") if verdict == "fail after" else memory.answer


def _bytes_of(answer: Answer, delivery: Delivery) -> bytes:
    match delivery:
        case "nothing":
            return b""
        case "gateway":
            return _http(Answer(502, None), b"<html>Bad Gateway</html>")
        case "garbage":
            return _http(Answer(200, None), b'{"data": {"id": ')
        case "cut":
            whole = _http(answer, json.dumps(answer.body).encode())
            return whole[: len(whole) * 2 // 3]
        case "whole":
            return _http(answer, b"" if answer.body is None else json.dumps(answer.body).encode())


def _http(answer: Answer, content: bytes) -> bytes:
    now = EPOCH + asyncio.get_running_loop().time()
    headers = {"Content-Length": str(len(content)), "Date": formatdate(now, usegmt=True), **answer.headers}
    lines = [f"HTTP/1.1 {answer.status} X", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


async def _read(reader: asyncio.StreamReader) -> SeenRequest | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except asyncio.IncompleteReadError:
        return None
    method, target, _ = first.split(" ")
    return SeenRequest(method, target, headers, body, 0)
