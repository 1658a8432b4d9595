"""What callers of a service are told when Anton, or the way to it, says no; and what they are not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, Response

import anton_async.errors as e
from anton_async import AntonClient, AntonError, Outcome
from anton_async.integrations.fastapi import AntonDep, IdempotencyKeyDep, add_error_handlers, anton_lifespan
from anton_async.sandbox import Sandbox
from tests.flows.conftest import ORDER
from tests.integrations.conftest import MakeClient
from tests.integrations.serving import Answer, ask, free_socket, url_of

PRIVATE = "api.internal.test says ant_ocs_live_secret"


def make_app(make: Callable[[], AntonClient]) -> FastAPI:
    app = FastAPI(lifespan=anton_lifespan(make))
    add_error_handlers(app)

    @app.post("/payments")
    async def pay(request: Request, anton: AntonDep, key: IdempotencyKeyDep) -> str:
        changes = await request.json()
        return (await anton.payouts.create(**{**ORDER, **changes}, idempotency_key=key)).id

    @app.get("/payments")
    async def look(anton: AntonDep) -> str:
        return (await anton.payouts.retrieve("pay_NONE")).id

    assert pay is not None
    assert look is not None
    return app


async def pay(make: Callable[[], AntonClient], changes: bytes = b"{}") -> Answer:
    app = make_app(make)
    async with app.router.lifespan_context(app):
        return await ask(app, "/payments", chunks=[changes], headers=[("idempotency-key", "inv-7")])


async def test_a_field_that_is_wrong_is_named(make_anton: MakeClient) -> None:
    answer = await pay(make_anton, b'{"dest_currency": "euro"}')

    assert answer.status == 422
    assert answer.detail["code"] == "invalid_request"
    assert [*answer.detail["fields"]] == ["dest_currency"]
    assert answer.detail["outcome"] == "not_sent"


async def test_a_refusal_keeps_its_status_code_and_fields(make_anton: MakeClient) -> None:
    answer = await pay(make_anton, b'{"source_amount": "900000.00", "dest_amount": "900000.00"}')

    assert answer.status == 422
    assert answer.detail["outcome"] == "rejected"
    assert answer.detail["code"] == "insufficient_balance"
    assert answer.detail["idempotency_key"] == "inv-7"
    assert answer.detail["request_id"]


async def test_what_is_not_there_is_not_there(make_anton: MakeClient) -> None:
    app = make_app(make_anton)

    async with app.router.lifespan_context(app):
        answer = await ask(app, "/payments", method="GET")

    assert (answer.status, answer.detail["code"]) == (404, "payout_not_found")


async def test_a_lost_answer_is_said_to_be_unknown_with_its_key(
    sandbox: Sandbox, make_anton: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.on("createPayout").drop_response()

    answer = await pay(make_anton)

    assert sandbox.executed["inv-7"] == 1
    assert answer.status == 502
    assert answer.detail == {
        "code": "outcome_unknown",
        "message": "This may have been carried out. Repeat it only unchanged, under the same Idempotency-Key.",
        "outcome": "unknown",
        "idempotency_key": "inv-7",
    }
    assert [record.levelno for record in caplog.records if "POST /payments" in record.getMessage()] == [logging.ERROR]


async def test_repeating_it_under_the_same_key_pays_once(sandbox: Sandbox, make_anton: MakeClient) -> None:
    sandbox.on("createPayout").drop_response()

    first, second = await pay(make_anton), await pay(make_anton)

    assert (first.status, second.status) == (502, 200)
    assert sandbox.executed["inv-7"] == 1


async def test_too_late_an_answer_is_a_504(sandbox: Sandbox) -> None:
    sandbox.on("createPayout").delay(60)

    answer = await pay(lambda: AntonClient(sandbox.credentials, base_url=sandbox.base_url, timeout=0.05))

    assert (answer.status, answer.detail["code"]) == (504, "outcome_unknown")


async def test_a_full_quota_passes_the_wait_on(sandbox: Sandbox, make_anton: MakeClient) -> None:
    sandbox.on("createPayout").fail(429, retry_after=7)

    answer = await pay(make_anton)

    assert (answer.status, answer.headers["retry-after"]) == (503, "7")
    assert (answer.detail["code"], answer.detail["outcome"]) == ("upstream_busy", "rejected")


async def test_an_anton_that_is_away_is_a_503(sandbox: Sandbox) -> None:
    nobody = free_socket()

    answer = await pay(lambda: AntonClient(sandbox.credentials, base_url=url_of(nobody), max_retries=0))

    nobody.close()
    assert (answer.status, answer.detail["code"], answer.detail["outcome"]) == (503, "upstream_unavailable", "not_sent")
    assert "127.0.0.1" not in answer.body.decode()


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (e.ConfigurationError(PRIVATE), 500, "internal_error"),
        (e.SignerError(PRIVATE), 500, "internal_error"),
        (e.AntonError(PRIVATE), 500, "internal_error"),
        (e.AuthenticationError(PRIVATE, status=401, code="unauthorized"), 502, "upstream_error"),
        (e.AuthenticationError(PRIVATE, status=400, code="invalid_request"), 502, "upstream_error"),
        (e.PermissionDeniedError(PRIVATE, status=403, code="insufficient_permissions"), 502, "upstream_error"),
        (e.ApiError(PRIVATE, status=302), 502, "upstream_error"),
        (e.ServerError(PRIVATE, status=500, outcome=Outcome.REJECTED), 502, "upstream_error"),
        (e.ServerError(PRIVATE, status=503, outcome=Outcome.REJECTED), 503, "upstream_unavailable"),
        (e.ServerError(PRIVATE, status=503, outcome=Outcome.UNKNOWN, idempotency_key="k"), 502, "outcome_unknown"),
        (e.ServerError(PRIVATE, status=504, outcome=Outcome.UNKNOWN, idempotency_key="k"), 504, "outcome_unknown"),
        (e.ServerError(PRIVATE, status=504, outcome=Outcome.REJECTED), 504, "upstream_timeout"),
        (e.BadRequestError(PRIVATE, status=400, code="invalid_limit"), 400, "invalid_limit"),
        (e.ConflictError(PRIVATE, status=409, code="idempotency_conflict"), 409, "idempotency_conflict"),
        (e.GoneError(PRIVATE, status=410, code="quote_expired"), 410, "quote_expired"),
        (e.UnprocessableEntityError(PRIVATE, status=422, code="<script>"), 422, "refused"),
        (e.UnprocessableEntityError(PRIVATE, status=422), 422, "refused"),
        (e.ReadTimeoutError(PRIVATE), 504, "upstream_timeout"),
        (e.ReadTimeoutError(PRIVATE, idempotency_key="k"), 504, "outcome_unknown"),
        (e.ResponseLostError(PRIVATE, idempotency_key="k"), 502, "outcome_unknown"),
        (e.DeadlineExceededError(PRIVATE), 504, "upstream_timeout"),
        (e.TLSError(PRIVATE), 502, "upstream_error"),
        (e.ConnectionError(PRIVATE, idempotency_key="k"), 503, "upstream_unavailable"),
        (e.ResponseDecodeError(PRIVATE, status=200), 502, "upstream_error"),
        (e.ResponseDecodeError(PRIVATE, status=200, idempotency_key="k"), 502, "outcome_unknown"),
        (e.TokenError(PRIVATE), 502, "upstream_error"),
        (e.PaginationError(PRIVATE), 502, "upstream_error"),
        (e.WebhookSignatureError(PRIVATE), 400, "invalid_delivery"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, AntonError) else None,
)
async def test_each_kind_has_its_answer_and_no_text_of_anybody_else(error: AntonError, status: int, code: str) -> None:
    answer = await raised(error)

    assert (answer.status, answer.detail["code"]) == (status, code)
    assert answer.detail["outcome"] == error.outcome.value
    assert "internal.test" not in answer.body.decode()
    assert "secret" not in answer.body.decode()


async def raised(error: AntonError) -> Answer:
    app = FastAPI()
    add_error_handlers(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    assert fail is not None
    return await ask(app, "/", method="GET")


@pytest.mark.parametrize(
    ("seconds", "header"), [(0.2, "1"), (7.0, "7"), (None, None), (float("inf"), None), (float("nan"), None)]
)
async def test_retry_after_is_in_whole_seconds(seconds: float | None, header: str | None) -> None:
    answer = await raised(e.RateLimitError("no", status=429, retry_after=seconds))

    assert answer.headers.get("retry-after") == header


async def test_what_the_api_found_wrong_with_fields_is_passed_on() -> None:
    details: list[object] = [{"field": "reference", "message": "is too long"}]

    answer = await raised(e.UnprocessableEntityError("no", status=422, code="validation_error", details=details))

    assert answer.detail["fields"] == {"reference": ["is too long"]}


async def test_a_handler_of_ones_own_goes_first() -> None:
    app = FastAPI()
    add_error_handlers(app)

    @app.exception_handler(e.ConflictError)
    async def conflict(request: Request, error: e.ConflictError) -> Response:
        return JSONResponse("mine", 409)

    @app.get("/")
    async def fail() -> None:
        raise e.ConflictError("no", status=409)

    assert (await ask(app, "/", method="GET")).body == b'"mine"'
    assert conflict is not None
    assert fail is not None


async def test_a_path_cannot_write_lines_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    add_error_handlers(app)

    @app.get("/{name}")
    async def fail(name: str) -> None:
        raise e.ConfigurationError("no")

    await ask(app, "/a\nERROR forged", method="GET")

    assert "\n" not in caplog.records[0].getMessage()
    assert fail is not None


async def test_an_error_on_a_websocket_ends_it() -> None:
    app = FastAPI()
    add_error_handlers(app)
    sent: list[Any] = []

    @app.websocket("/")
    async def live(socket: WebSocket) -> None:
        raise e.ConfigurationError("no")

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "websocket", "path": "/", "headers": [], "query_string": b"", "subprotocols": []}
    with pytest.raises(e.ConfigurationError):
        await app(scope, receive, send)

    assert sent == []
    assert live is not None
