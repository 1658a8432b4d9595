"""Pages, files and refusals of every operation that has them, over a real socket."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any, cast

import pytest

from anton_async import (
    AntonClient,
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    GoneError,
    NotFoundError,
    Page,
    Pager,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    UnprocessableEntityError,
)
from anton_async.download import Download
from anton_async.resources.operations import OPERATIONS
from tests.conformance.calls import CALLABLE, Call, differences, first_call, python_name
from tests.conformance.document import ENDPOINTS, Answer, Endpoint, Parameter, flatten
from tests.conformance.server import DocumentServer, Reply

HOSTILE = "a&b=c+d%20%e9/?#;é ü=&"
CONTENT = bytes(range(256)) * 300

CLASSES: dict[int, type[ApiError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    413: ApiError,
    422: UnprocessableEntityError,
    429: RateLimitError,
    500: ServerError,
    501: ServerError,
    502: ServerError,
    503: ServerError,
}


def of_shape(shape: str) -> list[str]:
    return [name for name in CALLABLE if ENDPOINTS[name].successes[0].shape == shape]


def free_texts(endpoint: Endpoint) -> list[Parameter]:
    """Return the query parameters that take any text."""
    bounds = {"pattern", "enum", "const", "format", "maxLength"}
    return [
        each
        for each in endpoint.named("query").values()
        if (flat := flatten(each.schema)).get("type") == "string" and not bounds & set(flat)
    ]


# Pages


@pytest.mark.parametrize("name", of_shape("page"))
async def test_a_list_walks_on_with_its_cursor(anton: AntonClient, api: DocumentServer, name: str) -> None:
    call, answer = first_call(name), ENDPOINTS[name].successes[0]
    first = {**answer.example, "has_more": True, "next_cursor": HOSTILE}
    last = {**answer.example, "has_more": False, "next_cursor": None}
    api.prepare(Reply.like(answer, first), Reply.like(answer, last))

    found = [item async for item in cast("Pager[object]", call(anton))]

    one, other = (seen.query for seen in api.seen)
    schema, example = answer.content
    assert list(differences(schema, example * 2, found)) == []
    assert sorted(one) == sorted(call.query)
    assert sorted(other) == sorted([pair for pair in call.query if pair[0] != "cursor"] + [("cursor", HOSTILE)])


@pytest.mark.parametrize("name", of_shape("page"))
async def test_a_page_leads_to_the_next_and_may_have_no_cursor(
    anton: AntonClient, api: DocumentServer, name: str
) -> None:
    answer = ENDPOINTS[name].successes[0]
    first = {**answer.example, "has_more": True, "next_cursor": "c2"}
    last: dict[str, object] = {"data": [], "has_more": False}
    api.prepare(Reply.like(answer, first), Reply.like(answer, last))

    page = cast("Page[object]", await first_call(name)(anton))
    following = await page.next_page()

    assert following is not None
    assert (following.data, following.next_cursor, await following.next_page()) == ([], None, None)
    assert dict(api.seen[1].query)["cursor"] == "c2"


@pytest.mark.parametrize("name", [name for name in CALLABLE if free_texts(ENDPOINTS[name])])
async def test_any_text_arrives_in_the_query_as_it_is(anton: AntonClient, api: DocumentServer, name: str) -> None:
    call = first_call(name)
    texts = free_texts(call.endpoint)
    api.prepare(Reply.like(call.endpoint.successes[0]))

    await call.method(anton)(*call.positional, **{**call.named, **{python_name(each): HOSTILE for each in texts}})

    sent = dict(api.seen[0].query)
    assert {each.name: sent[each.name] for each in texts} == dict.fromkeys((each.name for each in texts), HOSTILE)


# Files


@pytest.mark.parametrize("name", of_shape("file"))
async def test_a_file_arrives_byte_by_byte(anton: AntonClient, api: DocumentServer, name: str, tmp_path: Path) -> None:
    answer = ENDPOINTS[name].successes[0]
    disposition = {"Content-Disposition": 'attachment; filename="export 1.bin"'}
    api.prepare(Reply(answer.status, CONTENT, answer.media_type, {**answer.headers, **disposition}))
    steps: list[tuple[int, int | None]] = []

    def progress(received: int, size: int | None) -> None:
        steps.append((received, size))

    download = cast("Download", first_call(name)(anton))
    file = await download
    path = await download.save(tmp_path / "f", progress=progress)
    async with download as stream:
        pieces = b"".join([piece async for piece in stream])

    assert (file.content, file.media_type, file.file_name) == (CONTENT, answer.media_type, "export 1.bin")
    assert path.read_bytes() == CONTENT
    assert (pieces, stream.size, stream.file_name) == (CONTENT, len(CONTENT), "export 1.bin")
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert len(api.seen) == 3


UPLOADS = [name for name in CALLABLE if ENDPOINTS[name].body_type == "multipart/form-data"]


@pytest.mark.parametrize("name", UPLOADS)
@pytest.mark.parametrize("form", ["path", "text", "bytes", "stream"])
async def test_a_file_leaves_byte_by_byte(
    anton: AntonClient, api: DocumentServer, name: str, form: str, tmp_path: Path
) -> None:
    path = tmp_path / "löhne 1.CSV"
    path.write_bytes(CONTENT)
    given: dict[str, dict[str, Any]] = {
        "path": {"file": path},
        "text": {"file": str(path)},
        "bytes": {"file": CONTENT, "file_name": path.name},
        "stream": {"file": io.BytesIO(CONTENT), "file_name": path.name},
    }
    api.prepare(Reply.like(ENDPOINTS[name].successes[0]))

    await first_call(name).method(anton)(**given[form])

    file = api.seen[0].file
    assert file is not None
    assert (file.name, file.media_type, file.content) == (path.name, "text/csv", CONTENT)


async def test_a_form_carries_its_text_fields(anton: AntonClient, api: DocumentServer) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    api.prepare(Reply.like(ENDPOINTS["uploadBatch"].successes[0]))

    await anton.batches.upload(file=CONTENT, file_name="a.xlsx", file_hash=digest)

    file = api.seen[0].file
    assert file is not None
    assert (api.seen[0].body, file.name) == ({"file_hash": digest}, "a.xlsx")
    assert file.media_type == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


# Refusals


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        pytest.param(first_call(name), answer, id=f"{name}-{answer.status}-{answer.name}")
        for name in CALLABLE
        for answer in ENDPOINTS[name].refusals
    ],
)
async def test_a_refusal_becomes_the_error_of_its_status(
    anton: AntonClient, api: DocumentServer, call: Call, answer: Answer
) -> None:
    api.prepare(Reply.like(answer))
    problem: dict[str, Any] = answer.example["error"]

    with pytest.raises(ApiError) as caught:
        await call(anton)

    error, headers = caught.value, answer.headers
    code = problem.get("code")
    assert type(error) is CLASSES[answer.status]
    assert (error.status, error.code, error.request_id) == (answer.status, code, headers.get("X-Request-ID"))
    assert problem["message"] in error.message
    assert error.details == problem.get("details")
    assert error.retry_after == (float(headers["Retry-After"]) if "Retry-After" in headers else None)
    documented = dict(OPERATIONS[call.endpoint.id].errors).get(answer.status, ())
    assert code is None or code in documented, f"{call.endpoint.id} does not list {code} under {answer.status}"
