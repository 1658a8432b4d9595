"""The route that takes webhook deliveries: raw bytes, under a cap, acknowledged at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import APIRouter
from fastapi.requests import Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from anton_async.errors import ConfigurationError, WebhookError, WebhookSignatureError
from anton_async.log import get_log
from anton_async.webhooks import WebhookRouter

logger: Final = get_log("anton_async.integrations.fastapi")


class _TooLargeError(Exception):
    """The body is larger than the route takes."""


def webhook_route(
    router: WebhookRouter, *, path: str = "/webhooks/anton", max_bytes: int = 1 << 20, timeout: float = 25.0
) -> APIRouter:
    """Return a route that takes Anton's deliveries and hands them to `router`.

        app.include_router(webhook_route(router, path="/webhooks/anton"))

    It opens `router` when the application starts, after the application's own lifespan, and closes it first. It
    answers 200 when the event is in the store, before its handler runs; 400 to a delivery that is not Anton's or
    cannot be read, 413 to one above `max_bytes`, 408 to one that does not arrive in time, and 503 while `router` is
    not open, so that Anton delivers again. Whatever the store raises is not caught: that is a 500, and delivered again.

    Args:
        router: takes the events; a router belongs to one route.
        path: where the route is.
        max_bytes: size above which a body is not read on.
        timeout: seconds that a body may take to arrive; Anton gives up after 30.
    """

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncGenerator[None, None]:
        async with router:
            yield

    routes = APIRouter(lifespan=lifespan)

    async def receive(request: Request) -> Response:
        try:
            async with asyncio.timeout(timeout):
                body = await _read(request, max_bytes)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it; an exception would be a 500 in the logs
        except TimeoutError:
            return _refusal(408, "delivery_timeout")
        except _TooLargeError:
            return _refusal(413, "delivery_too_large")
        try:
            await router.receive(body, request.scope["headers"])
        except WebhookError as error:
            logger.warning("webhook delivery refused: %s", error)
            return _refusal(400, "invalid_signature" if isinstance(error, WebhookSignatureError) else "invalid_payload")
        except ConfigurationError as error:
            logger.warning("webhook delivery refused: %s", error)
            return _refusal(503, "not_ready")
        return Response(status_code=200)

    routes.add_api_route(path, receive, methods=["POST"], include_in_schema=False)
    return routes


async def _read(request: Request, max_bytes: int) -> bytes:
    """Return the body as it arrived.

    Raises:
        _TooLargeError: it is announced as larger than `max_bytes`, or turns out to be.
        ClientDisconnect: the rest of it will not come.
    """
    announced = request.headers.get("content-length", "")
    # Twenty digits are enough: more of them Python may refuse to read.
    if announced.isdecimal() and int(announced.lstrip("0")[:20] or "0") > max_bytes:
        raise _TooLargeError
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise _TooLargeError
    return bytes(body)


def _refusal(status: int, code: str) -> Response:
    return JSONResponse({"detail": {"code": code}}, status)
