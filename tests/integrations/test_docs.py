"""The code of docs/fastapi.md and docs/webhooks.md, run as it stands."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from fastapi import FastAPI

from anton_async import AntonClient
from anton_async.sandbox import Sandbox
from anton_async.webhooks import Event, WebhookRouter, WebhookVerifier
from tests.flows.conftest import SEED
from tests.integrations.deliveries import PATH, SECRET, Seen, delivery, make_router
from tests.integrations.serving import free_socket, serve, url_of

ROOT = Path(__file__).resolve().parent.parent.parent
ORDER = {"beneficiary_id": "ben_ADA", "instrument_id": "ins_ADA", "amount": "12.50", "reference": "INV-1042"}


def programs(name: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / name).read_text("utf-8"), re.DOTALL)


FASTAPI, WEBHOOKS = programs("fastapi.md"), programs("webhooks.md")


def run(program: str, **names: object) -> dict[str, Any]:
    """Run a program of a page as a module, with `names` as what stands before it."""
    module = sys.modules["program"] = ModuleType("program")
    vars(module).update(names)
    exec(compiled(program), vars(module))  # noqa: S102 - our own pages
    return vars(module)


def compiled(program: str) -> CodeType:
    return compile(program, "docs", "exec", dont_inherit=True)


async def post(session: aiohttp.ClientSession, url: str, **options: Any) -> tuple[int, bytes]:
    async with session.post(url, **options) as answer:
        return answer.status, await answer.read()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> pytest.MonkeyPatch:
    monkeypatch.setenv("ANTON_CLIENT_ID", sandbox.client_id)
    monkeypatch.setenv("ANTON_CLIENT_SECRET", sandbox.client_secret)
    monkeypatch.setenv("ANTON_DPOP_KEY", sandbox.private_key_pem)
    monkeypatch.setenv("ANTON_BASE_URL", sandbox.base_url)
    return monkeypatch


@pytest.fixture
async def sandbox() -> AsyncGenerator[Sandbox, None]:
    async with Sandbox(seed=SEED, settle=0) as running:
        yield running


async def test_the_service_pays_and_hears_that_it_was_paid(
    sandbox: Sandbox, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listening = free_socket()
    async with AntonClient(sandbox.credentials, base_url=sandbox.base_url) as anton:
        hook = await anton.webhooks.create(url=url_of(listening) + PATH, events=["*"])
    environment.setenv("ANTON_WEBHOOK_SECRETS", hook.secret or "")

    app = run(FASTAPI[0])["app"]
    async with serve(app, listening) as url, aiohttp.ClientSession(url) as session:
        answers = [
            await post(session, "/payments", json=ORDER, headers={"Idempotency-Key": key}) for key in ("k", "k", "")
        ]
        await sandbox.deliver_webhooks()

    assert [status for status, _ in answers] == [202, 202, 400]
    assert answers[0] == answers[1]
    assert dict(sandbox.executed)["k"] == 1
    assert capsys.readouterr().out.count("paid: INV-1042") == 1


@pytest.mark.usefixtures("environment")
async def test_what_prepares_the_local_anton_prints_what_to_paste() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-c", FASTAPI[1]), stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()

    assert re.fullmatch(rb"export ANTON_WEBHOOK_SECRETS=whsec_\w+\nexport PAYEE=ben_\w+ ACCOUNT=ins_\w+\n", printed)


@pytest.mark.usefixtures("environment")
async def test_a_lifespan_of_ones_own() -> None:
    app: FastAPI = run(FASTAPI[2])["app"]

    async with app.router.lifespan_context(app) as state:
        assert state == {"region": "127.0.0.1"}


async def test_keys_of_callers_and_the_pattern_for_tests() -> None:
    run(FASTAPI[3])
    started = list[str]()

    def make_app(lifespan: Any) -> FastAPI:
        @asynccontextmanager
        async def noted(app: FastAPI) -> AsyncGenerator[None, None]:
            async with lifespan(app):
                started.append(app.state.anton.client_id)
                yield

        return FastAPI(lifespan=noted)

    await run(FASTAPI[4])["check"](make_app)

    assert len(started) == 1
    assert len(FASTAPI) == 5


def test_the_first_program_about_webhooks_runs_when_pasted() -> None:
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", WEBHOOKS[0]], capture_output=True, text=True, check=True
    )

    assert sorted(found.stdout.splitlines()) == [
        "The delivery is not signed with one of the secrets",
        "True False",
        "forget ben_1",
    ]
    assert found.stderr == ""


@pytest.mark.fault("G15")
async def test_the_store_in_a_file_loses_nothing_and_knows_duplicates(tmp_path: Path) -> None:
    store_class = run(WEBHOOKS[1])["SqliteEventStore"]
    reached = asyncio.Event()

    async def hangs(event: Event) -> None:
        reached.set()
        await asyncio.Event().wait()

    @asynccontextmanager
    async def router(handler: Any) -> AsyncGenerator[WebhookRouter, None]:
        store = store_class(str(tmp_path / "events.db"))
        with closing(store):
            async with WebhookRouter(WebhookVerifier(SECRET), fallback=handler, store=store, grace=0.01) as opened:
                yield opened

    seen = Seen()
    body, headers = delivery()
    async with router(hangs) as first:
        assert await first.receive(body, headers)
        await reached.wait()
    async with router(seen) as second:
        again = await second.receive(body, headers)
    async with router(seen):
        pass

    assert not again
    assert seen.events == ["evt_1"]


@asynccontextmanager
async def serve_aiohttp(app: web.Application, listening: Any) -> AsyncGenerator[str, None]:
    runner = web.AppRunner(app)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    yield url_of(listening)
    await runner.cleanup()


@pytest.mark.fault("G18")
@pytest.mark.parametrize("recipe", WEBHOOKS[4:], ids=["starlette", "aiohttp", "litestar"])
async def test_a_recipe_takes_deliveries_and_nothing_else(recipe: str) -> None:
    seen = Seen()
    app = run(recipe, router=make_router(seen))["app"]
    body, headers = delivery()
    server: AbstractAsyncContextManager[str] = (
        serve_aiohttp(app, free_socket()) if isinstance(app, web.Application) else serve(app, free_socket())
    )

    async def flood() -> AsyncGenerator[bytes, None]:
        for _ in range(16):
            yield b" " * (1 << 16)
        yield b" "

    async with server as url, aiohttp.ClientSession() as session:
        answers = [
            await post(session, url + PATH, data=data, headers=headers) for data in (body, body, body + b" ", flood())
        ]

    assert [status for status, _ in answers] == [200, 200, 400, 413]
    assert seen.events == ["evt_1"]


def test_each_page_begins_with_code_and_names_files_that_exist() -> None:
    for name in ("fastapi.md", "webhooks.md"):
        text = (ROOT / "docs" / name).read_text("utf-8")
        links = re.findall(r"\]\(((?!https?:)[^)#]+)[^)]*\)", text)
        assert text.index("```python") < 150
        assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
