"""An API that reads forms with aiohttp's own multipart reader: a judge that nobody here wrote."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import BodyPartReader, web
from aiohttp.test_utils import TestServer

from tests.support.examples import BATCH

UPLOADS = ("/v1/batches", "/v1/beneficiaries/import")


@dataclass(frozen=True)
class Part:
    """One part of a form, as aiohttp understood it."""

    name: str | None
    file_name: str | None
    media_type: str | None
    content: bytes


@dataclass
class FormJudge:
    """What arrived, and what to answer.

    Attributes:
        forms: the parts of every form.
        keys: the idempotency key of every form.
        replies: status and body of the next answers; afterwards every form gets a batch.
    """

    base_url: str = ""
    forms: list[list[Part]] = field(default_factory=list[list[Part]])
    keys: list[str] = field(default_factory=list[str])
    replies: deque[tuple[int, object]] = field(default_factory=deque[tuple[int, object]])

    async def token(self, request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"access_token": "opaque", "token_type": "DPoP", "expires_in": 28800})

    async def upload(self, request: web.Request) -> web.Response:
        reader = await request.multipart()
        form: list[Part] = []
        while (part := await reader.next()) is not None:
            assert isinstance(part, BodyPartReader)
            content = bytes(await part.read())
            form.append(Part(part.name, part.filename, part.headers.get("Content-Type"), content))
        self.forms.append(form)
        self.keys.append(request.headers["Idempotency-Key"])
        status, body = self.replies.popleft() if self.replies else (201, {"data": BATCH})
        return web.json_response(body, status=status)


@asynccontextmanager
async def form_judge() -> AsyncGenerator[FormJudge]:
    """Run a judge on a loopback port."""
    judge = FormJudge()
    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/oauth/token", judge.token)
    for path in UPLOADS:
        app.router.add_post(path, judge.upload)
    server = TestServer(app)
    await server.start_server()
    judge.base_url = str(server.make_url("/"))
    try:
        yield judge
    finally:
        await server.close()
