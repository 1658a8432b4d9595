"""One client for as long as the application lives, and the dependency that hands it to routes.

startup:   client opened ──> access token fetched ──> your own lifespan ──> webhook routes opened
shutdown:  the other way round, so that handlers of events still have the client and what you opened
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Annotated, Any, Final

from fastapi import Depends
from fastapi.requests import HTTPConnection
from starlette.applications import Starlette
from starlette.types import Lifespan

from anton_async.client import AntonClient
from anton_async.errors import AntonError, ConfigurationError
from anton_async.log import get_log

logger: Final = get_log("anton_async.integrations.fastapi")

_WARM_UP_SECONDS = 10.0


def anton_lifespan(
    make: Callable[[], AntonClient] = AntonClient.from_env, *, inner: Lifespan[Any] | None = None
) -> Callable[[Starlette], AbstractAsyncContextManager[Mapping[str, Any]]]:
    """Return the lifespan of an application with one client, which is also `app.state.anton`.

        app = FastAPI(lifespan=anton_lifespan())

    The first access token is fetched at the start. Credentials that are refused end it; an Anton that is away does
    not, since the application may have other work and the token is fetched again with the first call.

    Args:
        make: makes the client, anew for each start; from the environment's variables when left out.
        inner: your own lifespan; it begins when the client is open, and its state is passed on.

    Raises:
        ConfigurationError: at the start, where `make` does.
        AuthenticationError: at the start, when the token endpoint refuses the credentials (400, 401 or 403).
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[Mapping[str, Any], None]:
        async with make() as anton:
            await _warm_up(anton)
            app.state.anton = anton
            try:
                async with inner(app) if inner is not None else nullcontext() as state:
                    yield state or {}
            finally:
                del app.state.anton

    return lifespan


def get_anton(connection: HTTPConnection) -> AntonClient:
    """Return the application's client; override it in tests by `app.dependency_overrides[get_anton]`.

    Raises:
        ConfigurationError: the application was not started with `anton_lifespan`.
    """
    anton = getattr(connection.app.state, "anton", None)
    if not isinstance(anton, AntonClient):
        raise ConfigurationError(
            "The application has no open client: make it with FastAPI(lifespan=anton_lifespan()), let the server run "
            "its lifespan, and give a mounted application the same state (`mounted.state = app.state`)."
        )
    return anton


AntonDep = Annotated[AntonClient, Depends(get_anton)]
"""The application's client, as the parameter of a route: `async def pay(anton: AntonDep)`."""


async def _warm_up(anton: AntonClient) -> None:
    try:
        async with asyncio.timeout(_WARM_UP_SECONDS):
            await anton.warm_up()
    except TimeoutError:
        logger.warning("no access token within %g seconds; starting without one", _WARM_UP_SECONDS)
    except AntonError as error:
        if not error.is_retryable:
            raise
        logger.warning("no access token yet, starting without one: %s", error)
