"""A server made from the document: it routes by it, holds every request against it, and answers with its examples.

It stands on a real socket and shares no code with the client or with the sandbox. A request that is not as documented
gets a 400 that says why, and so fails the test that sent it.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey

from tests.conformance.document import ENDPOINTS, Answer, Endpoint, Parameter, flatten, problems
from tests.support.local_application import LocalApplication

TOKEN = str(ENDPOINTS["createAccessToken"].successes[0].example["access_token"])


@dataclass(frozen=True)
class Reply:
    """What to answer next."""

    status: int
    body: bytes = b""
    media_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def like(cls, answer: Answer, body: object = None) -> Reply:
        """Answer as the document's example does, or with another body in its place."""
        shown = answer.example if body is None else body
        content = b"" if answer.media_type is None else shown if isinstance(shown, bytes) else _encoded(shown)
        return cls(answer.status, content, answer.media_type, answer.headers)


@dataclass(frozen=True)
class SentFile:
    """The file of a form."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Seen:
    """One request as it came in."""

    operation_id: str
    method: str
    path: str  # byte by byte as sent, without the query
    query: list[tuple[str, str]]
    headers: dict[str, str]  # names in lower case
    body: Any  # decoded JSON, or the text fields of a form; None where there is no body
    file: SentFile | None


class DocumentServer(LocalApplication):
    """Serves every path of the document.

    Attributes:
        seen: every request but token calls.
        base_url: where it listens.
    """

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._replies: deque[Reply] = deque()
        self._proofs: set[str] = set()

    def prepare(self, *replies: Reply) -> None:
        """Say what the next requests get; the last reply is given again and again."""
        self._replies = deque(replies)

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=64 << 20)
        application.router.add_route("*", "/{path:.*}", self._handle)
        await self.serve(application)
        return self

    async def _handle(self, request: web.Request) -> web.Response:
        target = urlsplit(request.raw_path)
        endpoint = _route(request.method, target.path)
        if endpoint is None:
            return _refuse([f"{request.method} {target.path} is no operation of the document"])
        seen = await _read(request, endpoint)
        wrong = [*_wrong_parameters(endpoint, seen), *_wrong_headers(endpoint, seen), *_wrong_body(endpoint, seen)]
        wrong += self._wrong_proof(endpoint, seen)
        if endpoint.id == "createAccessToken":
            return _refuse(wrong) if wrong else _answer(Reply.like(endpoint.successes[0]))
        self.seen.append(seen)
        if wrong:
            return _refuse(wrong)
        return _answer(self._replies.popleft() if len(self._replies) > 1 else self._replies[0])

    def _wrong_proof(self, endpoint: Endpoint, seen: Seen) -> Iterator[str]:
        """Judge `Authorization` and the proof of RFC 9449 beside it."""
        scheme, _, credentials = seen.headers.get("authorization", "").partition(" ")
        proof = seen.headers.get("dpop")
        if endpoint.id == "createAccessToken":
            if scheme != "Basic":
                yield "the token call is authorised by Basic"
        elif not endpoint.authenticated:
            if scheme or proof:
                yield "an open operation is called with credentials"
            return
        elif (scheme, credentials) != ("DPoP", TOKEN):
            yield f"Authorization is {scheme} {credentials}"
        if proof is None:
            yield "the proof is missing"
            return
        header = json.loads(_unpadded(proof.split(".")[0]))
        key: ECKey | OKPKey = (ECKey if header["jwk"]["kty"] == "EC" else OKPKey).import_key(header["jwk"])
        claims = jwt.decode(proof, key, algorithms=[header["alg"]]).claims
        wanted = {"htm": seen.method, "htu": self.base_url + seen.path}
        if endpoint.id != "createAccessToken":
            digest = hashlib.sha256(TOKEN.encode()).digest()
            wanted["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if header["typ"] != "dpop+jwt" or {name: claims.get(name) for name in wanted} != wanted:
            yield f"the proof is for something else: {claims}"
        if claims["jti"] in self._proofs:
            yield "the proof was used before"
        self._proofs.add(claims["jti"])


def _route(method: str, path: str) -> Endpoint | None:
    """Find the operation of a path; fixed paths win over templates."""
    found = [
        endpoint
        for endpoint in ENDPOINTS.values()
        if endpoint.method == method and _pattern(endpoint.path).fullmatch(path) is not None
    ]
    return min(found, key=lambda endpoint: endpoint.path.count("{"), default=None)


@functools.cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(template)))


async def _read(request: web.Request, endpoint: Endpoint) -> Seen:
    target, body, file = urlsplit(request.raw_path), None, None
    if request.content_type in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        body = {}
        for name, value in (await request.post()).items():
            if isinstance(value, web.FileField):
                with value.file as stream:
                    file = SentFile(value.filename, value.content_type, stream.read())
            else:
                body[name] = value
    elif request.can_read_body:
        body = json.loads(await request.read())
    return Seen(
        operation_id=endpoint.id,
        method=request.method,
        path=target.path,
        query=parse_qsl(target.query, keep_blank_values=True, strict_parsing=bool(target.query)),
        headers={name.lower(): value for name, value in request.headers.items()},
        body=body,
        file=file,
    )


def _wrong_parameters(endpoint: Endpoint, seen: Seen) -> Iterator[str]:
    match = _pattern(endpoint.path).fullmatch(seen.path)
    texts = {name: [unquote(text)] for name, text in (match.groupdict() if match else {}).items()}
    for name, value in seen.query:
        texts.setdefault(name, []).append(value)
    declared = {**endpoint.named("path"), **endpoint.named("query")}
    for name, values in texts.items():
        if name not in declared:
            yield f"query parameter {name} is not documented"
        else:
            yield from problems(declared[name].schema, _typed(declared[name], values))
    yield from (f"{name} is missing" for name, each in declared.items() if each.required and name not in texts)


def _typed(parameter: Parameter, texts: list[str]) -> object:
    """Read a parameter's texts as its schema says."""
    kind = flatten(parameter.schema).get("type")
    if kind == "array":
        return texts
    if len(texts) > 1:
        return f"{len(texts)} values"
    return json.loads(texts[0]) if kind in {"integer", "boolean", "number"} else texts[0]


def _wrong_headers(endpoint: Endpoint, seen: Seen) -> Iterator[str]:
    if ("idempotency-key" in seen.headers) != endpoint.takes_key:
        yield f"Idempotency-Key is {seen.headers.get('idempotency-key', 'missing')}"
    accepted = {part.strip() for part in seen.headers.get("accept", "").split(",")}
    offered = {answer.media_type for answer in endpoint.answers if answer.media_type is not None}
    if endpoint.id != "createAccessToken" and not offered <= accepted:
        yield f"Accept {accepted} leaves out some of {offered}"
    sent = seen.headers.get("content-type", "").partition(";")[0]
    if sent != (endpoint.body_type if seen.body is not None else ""):
        yield f"Content-Type is {sent!r}"


def _wrong_body(endpoint: Endpoint, seen: Seen) -> Iterator[str]:
    if seen.body is None:
        if endpoint.body_required:
            yield "the body is missing"
        return
    if endpoint.body_type is None:
        yield "the operation takes no body"
        return
    whole = seen.body if seen.file is None else {**seen.body, "file": seen.file.content.decode("latin-1")}
    yield from problems(endpoint.body_schema, whole)


def _refuse(wrong: list[str]) -> web.Response:
    problem = {"error": {"code": "not_as_documented", "message": "; ".join(wrong)}}
    return web.json_response(problem, status=400)


def _answer(reply: Reply) -> web.Response:
    headers = {**reply.headers, **({"Content-Type": reply.media_type} if reply.media_type else {})}
    return web.Response(status=reply.status, body=reply.body, headers=headers)


def _encoded(shown: object) -> bytes:
    return shown.encode() if isinstance(shown, str) else json.dumps(shown).encode()


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
