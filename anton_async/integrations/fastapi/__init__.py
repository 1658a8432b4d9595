"""FastAPI: one client for the application's life, verified webhooks, errors as answers, idempotency keys passed on.

Needs the `fastapi` extra: `pip install "anton-async[fastapi]"`.

    app = FastAPI(lifespan=anton_lifespan())
    app.include_router(webhook_route(webhooks, path="/webhooks/anton"))
    add_error_handlers(app)

    @app.post("/payments")
    async def pay(order: Order, anton: AntonDep, key: IdempotencyKeyDep) -> Payment: ...
"""

from __future__ import annotations

try:
    import fastapi as _  # noqa: F401 - to say what is missing
except ImportError:
    raise ImportError('anton_async.integrations.fastapi needs FastAPI: pip install "anton-async[fastapi]"') from None

from anton_async.integrations.fastapi.errors import add_error_handlers
from anton_async.integrations.fastapi.idempotency import (
    IdempotencyKeyDep,
    OptionalIdempotencyKeyDep,
    get_idempotency_key,
    get_optional_idempotency_key,
    scoped_key,
)
from anton_async.integrations.fastapi.lifespan import AntonDep, anton_lifespan, get_anton
from anton_async.integrations.fastapi.webhook import webhook_route

__all__ = [
    "AntonDep",
    "IdempotencyKeyDep",
    "OptionalIdempotencyKeyDep",
    "add_error_handlers",
    "anton_lifespan",
    "get_anton",
    "get_idempotency_key",
    "get_optional_idempotency_key",
    "scoped_key",
    "webhook_route",
]
