"""The application owns one client: opened and warm before the first request, closed after the last."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, Request, WebSocket

from anton_async import AntonClient, AuthenticationError, ConfigurationError, DPoPKey, OAuthCredentials
from anton_async.integrations.fastapi import AntonDep, anton_lifespan, get_anton
from anton_async.sandbox import Sandbox
from tests.integrations.conftest import MakeClient
from tests.integrations.serving import ask, free_socket, url_of


def make_app(app: FastAPI) -> FastAPI:
    @app.get("/currencies")
    async def currencies(anton: AntonDep) -> list[str]:
        return [balance.currency for balance in await anton.balances.list()]

    assert currencies is not None
    return app


async def test_a_route_gets_the_one_client_which_is_warm(sandbox: Sandbox, make_anton: MakeClient) -> None:
    app = make_app(FastAPI(lifespan=anton_lifespan(make_anton)))

    async with app.router.lifespan_context(app):
        at_start = [seen.path for seen in sandbox.requests]
        answers = [await ask(app, "/currencies", method="GET") for _ in range(2)]

    assert at_start == ["/oauth/token"]
    assert [answer.body for answer in answers] == [b'["EUR","USD"]'] * 2
    assert [seen.path for seen in sandbox.requests].count("/oauth/token") == 1


async def test_the_client_is_closed_at_the_end_and_new_at_the_next_start(make_anton: MakeClient) -> None:
    app = make_app(FastAPI(lifespan=anton_lifespan(make_anton)))
    clients = list[AntonClient]()

    for _ in range(2):
        async with app.router.lifespan_context(app):
            clients.append(app.state.anton)
            assert (await ask(app, "/currencies", method="GET")).status == 200

    assert clients[0] is not clients[1]
    with pytest.raises(ConfigurationError):
        await clients[1].balances.list()


async def test_a_lifespan_of_ones_own_has_the_client_and_keeps_its_state(make_anton: MakeClient) -> None:
    order = list[object]()

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncGenerator[Mapping[str, Any], None]:
        order.append(len(await app.state.anton.balances.list()))
        yield {"db": "open"}
        order.append(len(await app.state.anton.balances.list()))

    app = FastAPI(lifespan=anton_lifespan(make_anton, inner=own))
    async with app.router.lifespan_context(app) as state:
        pass

    assert state == {"db": "open"}
    assert order == [2, 2]


async def test_it_also_fits_inside_a_lifespan_of_ones_own(make_anton: MakeClient) -> None:
    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncGenerator[None, None]:
        async with anton_lifespan(make_anton)(app):
            yield

    app = make_app(FastAPI(lifespan=own))
    async with app.router.lifespan_context(app):
        assert (await ask(app, "/currencies", method="GET")).status == 200


async def test_a_client_is_closed_when_the_application_does_not_start(make_anton: MakeClient) -> None:
    clients = list[AntonClient]()

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncGenerator[None, None]:
        clients.append(app.state.anton)
        raise OSError("no database")
        yield  # pragma: no cover - never reached; it makes this a generator

    app = FastAPI(lifespan=anton_lifespan(make_anton, inner=own))
    with pytest.raises(OSError, match="no database"):
        async with app.router.lifespan_context(app):
            pass

    with pytest.raises(ConfigurationError):
        await clients[0].balances.list()


async def test_settings_come_from_the_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTON_CLIENT_ID", sandbox.client_id)
    monkeypatch.setenv("ANTON_CLIENT_SECRET", sandbox.client_secret)
    monkeypatch.setenv("ANTON_DPOP_KEY", sandbox.private_key_pem)
    monkeypatch.setenv("ANTON_BASE_URL", sandbox.base_url)
    app = make_app(FastAPI(lifespan=anton_lifespan()))

    async with app.router.lifespan_context(app):
        assert (await ask(app, "/currencies", method="GET")).status == 200


async def test_an_application_without_credentials_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTON_CLIENT_ID", "ANTON_CLIENT_SECRET", "ANTON_DPOP_KEY", "ANTON_DPOP_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    app = FastAPI(lifespan=anton_lifespan())

    with pytest.raises(ConfigurationError, match="ANTON_DPOP_KEY"):
        async with app.router.lifespan_context(app):
            pass


async def test_an_application_with_refused_credentials_does_not_start(sandbox: Sandbox) -> None:
    key = DPoPKey.from_pem(sandbox.private_key_pem)
    wrong = OAuthCredentials(client_id=sandbox.client_id, client_secret="ant_ocs_test_" + "0" * 48, key=key)
    app = FastAPI(lifespan=anton_lifespan(lambda: AntonClient(wrong, base_url=sandbox.base_url)))

    with pytest.raises(AuthenticationError):
        async with app.router.lifespan_context(app):
            pass


async def test_an_application_starts_while_anton_is_away(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    nobody = free_socket()
    app = FastAPI(lifespan=anton_lifespan(lambda: AntonClient(sandbox.credentials, base_url=url_of(nobody))))

    async with app.router.lifespan_context(app):
        assert isinstance(app.state.anton, AntonClient)

    nobody.close()
    assert "no access token yet" in caplog.text


async def test_a_missing_lifespan_is_said() -> None:
    app = make_app(FastAPI())

    with pytest.raises(ConfigurationError, match=r"FastAPI\(lifespan=anton_lifespan\(\)\)"):
        await ask(app, "/currencies", method="GET")


async def test_a_mounted_application_shares_the_state(make_anton: MakeClient) -> None:
    app = FastAPI(lifespan=anton_lifespan(make_anton))
    mounted = make_app(FastAPI())
    mounted.state = app.state
    app.mount("/inner", mounted)

    async with app.router.lifespan_context(app):
        assert (await ask(app, "/inner/currencies", method="GET")).status == 200


async def test_a_test_may_override_the_client(make_anton: MakeClient) -> None:
    app = make_app(FastAPI())

    async with make_anton() as anton:
        app.dependency_overrides[get_anton] = lambda: anton
        assert (await ask(app, "/currencies", method="GET")).status == 200


def test_the_dependency_is_for_requests_and_websockets() -> None:
    app = FastAPI()

    @app.websocket("/live")
    async def live(socket: WebSocket, anton: AntonDep) -> None: ...

    @app.get("/")
    async def index(request: Request, anton: AntonDep) -> None: ...

    assert live is not None
    assert index is not None
    assert app.openapi()["paths"]["/"]["get"].get("parameters", []) == []
