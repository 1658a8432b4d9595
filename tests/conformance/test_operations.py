"""Every operation of the table, called as a user would, against a server made from the document."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, cast, get_args

import msgspec
import pytest

from anton_async import AntonClient, Page
from anton_async._resource import Resource
from anton_async.download import Download, File
from anton_async.pagination import Pager
from anton_async.resources.operations import OPERATIONS
from tests.conformance.calls import CALLABLE, FILE, Call, calls, differences, first_call, python_name
from tests.conformance.document import ENDPOINTS, Answer
from tests.conformance.server import DocumentServer, Reply, Seen

WAITS = {"payouts.wait", "batches.wait", "batches.wait_until_validated", "intelligence.wait", "verifications.wait"}
KEY = "TR-2026-0914 again"

CASES = [
    pytest.param(call, answer, edition, id=f"{name}-{number}-{answer.status}-{answer.name}-{edition}")
    for name in CALLABLE
    for number, call in enumerate(calls(ENDPOINTS[name]))
    for answer in ENDPOINTS[name].successes
    for edition in (["bare", "enveloped"] if answer.shape == "object" else ["same"])
]


def options(call: Call) -> dict[str, Any]:
    return {"idempotency_key": KEY} if call.endpoint.takes_key else {}


def reply(answer: Answer, edition: str) -> Reply:
    if answer.shape != "object":
        return Reply.like(answer)
    _, content = answer.content
    return Reply.like(answer, content if edition == "bare" else {"data": content})


def assert_sent(call: Call, seen: Seen) -> None:
    """Compare a request with what the document's examples ask for."""
    assert (seen.operation_id, seen.method, seen.path) == (call.endpoint.id, call.endpoint.method, call.path)
    assert sorted(seen.query) == sorted(call.query)
    assert seen.headers.get("idempotency-key") == (KEY if call.endpoint.takes_key else None)
    if call.endpoint.body_type == "multipart/form-data":
        assert seen.file is not None
        assert (seen.file.name, seen.file.media_type) == (FILE, "text/csv")
        assert {**seen.body, "file": seen.file.content.decode()} == call.body
    else:
        assert (seen.body or {}) == (call.body or {})


def assert_given(answer: Answer, result: Any) -> None:
    """Compare what a call gave with the document's example, field by field."""
    match answer.shape:
        case "none":
            assert result is None
        case "file":
            assert isinstance(result, File)
            assert (result.content, result.media_type) == (answer.example.encode(), answer.media_type)
        case "page":
            assert isinstance(result, Page)
            page = cast("Page[object]", result)
            cursor = answer.example.get("next_cursor") or None
            assert (page.has_more, page.next_cursor) == (answer.example["has_more"], cursor)
            assert_same(answer, page.data)
        case _:
            assert_same(answer, result)


def assert_same(answer: Answer, result: Any) -> None:
    schema, example = answer.content
    assert list(differences(schema, example, result)) == []


@pytest.mark.parametrize(("call", "answer", "edition"), CASES)
async def test_a_call_sends_and_gives_what_the_document_shows(
    anton: AntonClient, api: DocumentServer, call: Call, answer: Answer, edition: str
) -> None:
    api.prepare(reply(answer, edition))

    result = await call(anton, **options(call))

    assert_sent(call, *api.seen)
    assert_given(answer, result)


@pytest.mark.parametrize("name", CALLABLE)
async def test_the_whole_response_holds_the_same(anton: AntonClient, api: DocumentServer, name: str) -> None:
    call, answer = first_call(name), ENDPOINTS[name].successes[0]
    api.prepare(Reply.like(answer))

    response = await call(anton, whole=True, **options(call))

    assert_sent(call, *api.seen)
    assert_given(answer, response.data)
    assert (response.status, response.attempts) == (answer.status, 1)
    assert response.request_id == answer.headers.get("X-Request-ID")
    assert response.idempotency_key == (KEY if call.endpoint.takes_key else None)
    assert response.idempotent_replayed == ("X-Idempotent-Replayed" in answer.headers)
    assert response.body == Reply.like(answer).body


def _read(kind: type[Any], value: Any) -> Any:
    return value if kind is object else kind(value)


def structured(call: Call) -> dict[str, msgspec.Struct]:
    """Return the objects inside a body as the structs that the method takes in their place."""
    kind = OPERATIONS[call.endpoint.id].body
    found: dict[str, msgspec.Struct] = {}
    for field in msgspec.structs.fields(kind) if kind and call.endpoint.body_type == "application/json" else ():
        types = [field.type, *get_args(field.type)]
        structs = [each for each in types if isinstance(each, type) and issubclass(each, msgspec.Struct)]
        if structs and field.encode_name in (call.body or {}):
            value = call.body[field.encode_name]
            found[field.name] = msgspec.convert(value, structs[0], dec_hook=_read)
    return found


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(call, id=f"{name}-{number}")
        for name in CALLABLE
        for number, call in enumerate(calls(ENDPOINTS[name]))
        if structured(call)
    ],
)
async def test_a_struct_may_stand_for_a_mapping(anton: AntonClient, api: DocumentServer, call: Call) -> None:
    api.prepare(Reply.like(call.endpoint.successes[0]))

    await call.method(anton)(*call.positional, **{**call.named, **structured(call)})

    assert api.seen[0].body == call.body


@pytest.mark.parametrize("name", [name for name in CALLABLE if ENDPOINTS[name].takes_key])
async def test_a_key_that_is_left_out_is_made_up_anew(anton: AntonClient, api: DocumentServer, name: str) -> None:
    call = first_call(name)
    api.prepare(Reply.like(ENDPOINTS[name].successes[0]))

    await call(anton)
    await call(anton)

    one, other = (seen.headers["idempotency-key"] for seen in api.seen)
    assert one
    assert other
    assert one != other


@pytest.mark.parametrize("name", CALLABLE)
async def test_what_may_be_left_out_is_not_sent(anton: AntonClient, api: DocumentServer, name: str) -> None:
    call = first_call(name)
    required = {python_name(each) for each in call.parameters if each.required}
    fields = call.fields if call.endpoint.body_required else {}
    named = {**fields, **{name: value for name, value in call.filters.items() if name in required}}
    api.prepare(Reply.like(call.endpoint.successes[0]))

    await call.method(anton)(*call.positional, **named)

    (seen,) = api.seen
    assert {name for name, _ in seen.query} == {each.name for each in call.parameters if each.required}
    assert (seen.body is not None) == call.endpoint.body_required


async def test_every_operation_of_the_table_is_called(anton: AntonClient, api: DocumentServer) -> None:
    for name in CALLABLE:
        api.prepare(Reply.like(ENDPOINTS[name].successes[0]))
        await first_call(name)(anton)

    assert {seen.operation_id for seen in api.seen} == set(OPERATIONS) - {"createAccessToken"}


def test_the_table_holds_the_document() -> None:
    assert set(OPERATIONS) == set(ENDPOINTS)
    for name, operation in OPERATIONS.items():
        assert (operation.method, operation.path) == (ENDPOINTS[name].method, ENDPOINTS[name].path)
        assert operation.idempotency_key == ENDPOINTS[name].takes_key


def public_methods(owner: object, prefix: str = "") -> Iterator[str]:
    """Yield `resource.method` for every public method below a client, a resource, or what `with_response` gives."""
    for name in dir(owner):
        member = None if name.startswith("_") or name == "with_response" else getattr(owner, name)
        if isinstance(member, Resource):
            yield from public_methods(member, f"{prefix}{name}.")
        elif callable(member):
            yield prefix + name


def test_every_public_method_belongs_to_the_table(anton: AntonClient) -> None:
    table = {OPERATIONS[name].name for name in CALLABLE}
    beyond = {"open", "close", "warm_up", "request", "from_env", "observe", "payouts.settle", "batches.run"}

    assert set(public_methods(anton)) == table | WAITS | beyond


@pytest.mark.parametrize("name", CALLABLE)
def test_what_a_method_gives_is_what_its_shape_says(anton: AntonClient, name: str) -> None:
    shape = ENDPOINTS[name].successes[0].shape
    method = first_call(name).method(anton)

    assert inspect.iscoroutinefunction(method) == (shape not in {"page", "file"})
    if shape in {"page", "file"}:
        assert type(first_call(name)(anton)) is (Pager if shape == "page" else Download)
