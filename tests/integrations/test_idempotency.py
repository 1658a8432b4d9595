"""A caller's `Idempotency-Key` becomes the outgoing one, checked before anything is done."""

from __future__ import annotations

import uuid

import pytest
from fastapi import FastAPI

from anton_async.integrations.fastapi import AntonDep, IdempotencyKeyDep, OptionalIdempotencyKeyDep, anton_lifespan
from anton_async.integrations.fastapi import scoped_key as scoped
from anton_async.sandbox import Sandbox
from tests.flows.conftest import ORDER
from tests.integrations.conftest import MakeClient
from tests.integrations.serving import ask


def make_app() -> FastAPI:
    app = FastAPI()

    @app.post("/needed")
    async def needed(key: IdempotencyKeyDep) -> str:
        return key

    @app.post("/optional")
    async def optional(key: OptionalIdempotencyKeyDep) -> str:
        return key

    assert needed is not None
    assert optional is not None
    return app


@pytest.mark.parametrize("path", ["/needed", "/optional"])
@pytest.mark.parametrize("key", ["k", "inv-7/2 b", "x" * 255, '"8e03978e"'])
async def test_a_key_is_handed_on_as_it_is(path: str, key: str) -> None:
    answer = await ask(make_app(), path, headers=[("Idempotency-Key", key)])

    assert (answer.status, answer.body) == (200, b'"' + key.replace('"', r"\"").encode() + b'"')


@pytest.mark.parametrize("path", ["/needed", "/optional"])
@pytest.mark.parametrize("key", ["", "x" * 256, "é", "a\x7f", " a", "a\x00"])
async def test_a_key_that_the_api_would_not_take_is_refused(path: str, key: str) -> None:
    answer = await ask(make_app(), path, headers=[("Idempotency-Key", key)])

    assert (answer.status, answer.detail["code"]) == (400, "invalid_idempotency_key")
    assert answer.detail["message"].startswith("The Idempotency-Key header must be 1 to 255")


@pytest.mark.parametrize("path", ["/needed", "/optional"])
async def test_two_keys_are_one_too_many(path: str) -> None:
    answer = await ask(make_app(), path, headers=[("Idempotency-Key", "a"), ("idempotency-key", "b")])

    assert (answer.status, answer.detail["code"]) == (400, "invalid_idempotency_key")


async def test_a_key_that_is_needed_is_asked_for() -> None:
    answer = await ask(make_app(), "/needed")

    assert (answer.status, answer.detail["code"]) == (400, "missing_idempotency_key")


async def test_a_key_that_is_not_given_is_new_each_time() -> None:
    first, second = [uuid.UUID((await ask(make_app(), "/optional")).body.decode().strip('"')) for _ in range(2)]

    assert first != second


async def test_the_same_key_pays_once(sandbox: Sandbox, make_anton: MakeClient) -> None:
    app = FastAPI(lifespan=anton_lifespan(make_anton))

    @app.post("/payments")
    async def pay(anton: AntonDep, key: IdempotencyKeyDep) -> str:
        return (await anton.payouts.create(**ORDER, idempotency_key=scoped("cus_1", key))).id

    async with app.router.lifespan_context(app):
        answers = [await ask(app, "/payments", headers=[("Idempotency-Key", "inv-7")]) for _ in range(2)]

    assert answers[0].body == answers[1].body
    assert dict(sandbox.executed) == {scoped("cus_1", "inv-7"): 1}
    assert pay is not None


def test_the_keys_of_two_callers_are_apart() -> None:
    assert len({scoped("a", "bc"), scoped("ab", "c"), scoped("abc", ""), scoped("", "abc")}) == 4
    assert scoped("a", "b") == scoped("a", "b")
    assert len(scoped("cus_ü", "k")) == 64


def test_the_header_is_in_the_callers_api_document() -> None:
    operation = make_app().openapi()["paths"]["/needed"]["post"]

    assert [(each["in"], each["name"]) for each in operation["parameters"]] == [("header", "Idempotency-Key")]
