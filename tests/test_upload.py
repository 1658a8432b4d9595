"""Uploads, seen from the other side of the wire."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

import anton_async
from anton_async import AntonClient, ApiError, OAuthCredentials, RequestValidationError, ServerError
from tests.conftest import ClientMaker
from tests.support.clock import SteppedClock
from tests.support.examples import BATCH
from tests.support.form_judge import FormJudge, Part, form_judge
from tests.support.raw_server import LOST, RawServer, answer, failure

CONTENT = b"reference,amount\r\nS-1,110.00\r\n\x00\xff--anton\r\n"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PREVIEW: dict[str, Any] = {"import_id": "imp_1", "summary": {"total": 0, "valid": 0, "invalid": 0}, "rows": []}
CREATED = answer(201, {"data": BATCH})


@pytest.fixture
async def judge() -> AsyncIterator[FormJudge]:
    async with form_judge() as running:
        yield running


@pytest.fixture
async def judged(judge: FormJudge, credentials: OAuthCredentials, clock: SteppedClock) -> AsyncIterator[AntonClient]:
    async with AntonClient(credentials, base_url=judge.base_url, clock=clock) as client:
        yield client


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "payouts.csv"
    found.write_bytes(CONTENT)
    return found


def as_binary_file(path: Path) -> BinaryIO:
    return path.open("rb")


GIVEN: list[Callable[[Path], Any]] = [Path, str, as_binary_file, os.fsdecode]


@pytest.mark.fault("H09")
@pytest.mark.parametrize("given", GIVEN, ids=["path", "text", "file", "fspath"])
async def test_a_file_arrives_as_it_is_under_its_name(
    judge: FormJudge, judged: AntonClient, path: Path, given: Callable[[Path], Any]
) -> None:
    file = given(path)

    batch = await judged.batches.upload(file=file)

    assert judge.forms == [[Part("file", "payouts.csv", "text/csv", CONTENT)]]
    assert batch.id == BATCH["id"]
    if isinstance(file, io.IOBase):
        file.close()


async def test_bytes_arrive_with_the_texts_of_the_form(judge: FormJudge, judged: AntonClient) -> None:
    await judged.batches.upload(file=CONTENT, file_name="März 2026;v=1.XLSX", file_hash="a\r\nb--é")

    assert judge.forms == [
        [Part("file_hash", None, None, "a\r\nb--é".encode()), Part("file", "März 2026;v=1.XLSX", XLSX, CONTENT)]
    ]


async def test_an_import_is_previewed(judge: FormJudge, judged: AntonClient) -> None:
    judge.replies.append((200, {"data": PREVIEW}))

    preview = await judged.beneficiaries.imports.preview(file=CONTENT, file_name="people.csv")

    assert (preview.import_id, preview.rows) == ("imp_1", [])
    assert judge.forms == [[Part("file", "people.csv", "text/csv", CONTENT)]]


async def test_a_file_is_read_from_where_it_stands(judge: FormJudge, judged: AntonClient) -> None:
    file = io.BytesIO(CONTENT)
    file.seek(10)

    await judged.batches.upload(file=file, file_name="x.csv")

    assert judge.forms[0][0].content == CONTENT[10:]


class Pipe:
    """Gives less than it was asked for, as pipes and sockets do."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = iter(pieces)

    def read(self, size: int) -> bytes:
        assert size > 0
        return next(self._pieces, b"")


@pytest.mark.fault("H09")
async def test_a_pipe_is_read_to_its_end(anton: AntonClient, server: RawServer) -> None:
    server.script(CREATED)
    large = [b"x" * (1 << 20)] * 40

    await anton.batches.upload(file=cast("BinaryIO", Pipe(b"first", b" second")), file_name="x.csv")
    with pytest.raises(RequestValidationError, match="at most"):
        await anton.batches.upload(file=cast("BinaryIO", Pipe(*large)), file_name="x.csv")

    assert b"\r\n\r\nfirst second\r\n" in server.requests[0].body


@pytest.mark.fault("H09")
async def test_every_attempt_sends_the_same_bytes_under_the_same_key(
    clock: SteppedClock, server: RawServer, credentials: OAuthCredentials, path: Path
) -> None:
    class Meddler(SteppedClock):
        async def sleep(self, seconds: float) -> None:
            path.write_bytes(b"other content")  # noqa: ASYNC240 - a file of two words, in a test
            await super().sleep(seconds)

    server.script(LOST, failure(503, "busy"), CREATED)

    async with AntonClient(credentials, base_url=server.base_url, clock=Meddler()) as anton:
        response = await anton.batches.with_response.upload(file=path)

    first, *others = server.requests
    assert CONTENT in first.body
    assert [request.body for request in others] == [first.body] * 2
    assert {request.headers["content-type"] for request in server.requests} == {first.headers["content-type"]}
    assert {request.headers["idempotency-key"] for request in server.requests} == {response.idempotency_key}
    assert response.attempts == 3


UPLOAD = """
import asyncio, sys
from anton_async import AntonClient, ApiKeyCredentials

async def main(base_url, path):
    async with AntonClient(ApiKeyCredentials("ak_test_" + "0" * 32), base_url=base_url) as anton:
        await anton.batches.upload(file=path, file_hash="x", idempotency_key="k1")

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.fault("H09", "L09")
async def test_the_same_file_is_the_same_request_in_another_process(server: RawServer, path: Path) -> None:
    server.script(CREATED, CREATED)

    for seed in ("1", "2"):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", UPLOAD, server.base_url, str(path)),
            cwd=Path(anton_async.__file__).parents[1],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."},
        )
        assert await process.wait() == 0

    first, second = server.requests
    assert (first.body, first.headers["content-type"]) == (second.body, second.headers["content-type"])


async def test_no_text_of_a_form_can_forge_its_boundary(anton: AntonClient, server: RawServer) -> None:
    server.script(CREATED, CREATED)

    await anton.batches.upload(file=CONTENT, file_name="x.csv", file_hash="a")
    boundary = server.requests[0].headers["content-type"].partition("boundary=")[2]
    await anton.batches.upload(file=CONTENT, file_name="x.csv", file_hash=f"\r\n--{boundary}--")

    assert boundary not in server.requests[1].headers["content-type"]


class Watched(io.BytesIO):
    """A file that knows which threads read it."""

    threads: frozenset[int] = frozenset()

    def read(self, size: int | None = -1, /) -> bytes:
        self.threads |= {threading.get_ident()}
        return super().read(size)


async def test_a_file_is_never_read_on_the_event_loop(anton: AntonClient, server: RawServer) -> None:
    server.script(CREATED)
    file = Watched(CONTENT)

    await anton.batches.upload(file=file, file_name="x.csv")

    assert file.threads
    assert threading.get_ident() not in file.threads


async def test_a_path_is_never_opened_on_the_event_loop(anton: AntonClient, server: RawServer, tmp_path: Path) -> None:
    server.script(CREATED)
    path = tmp_path / "slow.csv"
    os.mkfifo(path)

    upload = asyncio.create_task(anton.batches.upload(file=path))
    await asyncio.to_thread(path.write_bytes, CONTENT)
    await upload

    assert CONTENT in server.requests[0].body


async def test_32_mib_are_taken_and_one_byte_more_is_refused_before_sending(
    judge: FormJudge, judged: AntonClient, tmp_path: Path
) -> None:
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.truncate(32 << 20)

    await judged.batches.upload(file=path)
    with path.open("ab") as file:
        file.write(b"x")
    for large in (path, path.read_bytes(), io.BytesIO(path.read_bytes())):
        with pytest.raises(RequestValidationError, match=r"at most 33554432 bytes \(32 MiB\)") as caught:
            await judged.batches.upload(file=large, file_name="x.csv")
        assert caught.value.field == "file"

    assert [len(form[0].content) for form in judge.forms] == [32 << 20]


async def test_an_import_has_a_smaller_limit(anton: AntonClient, server: RawServer) -> None:
    with pytest.raises(RequestValidationError, match=r"8388608 bytes \(8 MiB\)"):
        await anton.beneficiaries.imports.preview(file=b"x" * (8 << 20) + b"x", file_name="x.csv")

    assert server.requests == []


class AsyncFile:
    """What an asynchronous file library opens."""

    name = "x.csv"

    async def read(self, size: int) -> bytes:
        return b"x" * size


class Endless:
    """Gives text one after the other, and is no file."""

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"x"])


class Broken(io.RawIOBase):
    """A disk that fails."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object, /) -> int:
        raise OSError(5, "Input/output error", "/secret/place")


def closed_file() -> BinaryIO:
    file = io.BytesIO(CONTENT)
    file.close()
    return file


UNREADABLE: list[tuple[Any, str]] = [
    (Path("/nowhere/x.csv"), "cannot be read: No such file or directory"),
    (Path("x\0.csv"), "cannot be read|no plain file name"),
    (b"", "is empty"),
    (io.BytesIO(), "is empty"),
    (io.StringIO("text"), "opened in binary mode, not StringIO"),
    (closed_file(), "it is closed"),
    (Broken(), "cannot be read: Input/output error"),
    (AsyncFile(), "it gives no bytes"),
    (Endless(), "opened in binary mode, not Endless"),
    ((piece for piece in [b"x"]), "opened in binary mode, not generator"),
    (bytearray(b"x"), "opened in binary mode, not bytearray"),
    (None, "opened in binary mode, not NoneType"),
    (7, "opened in binary mode, not int"),
]


@pytest.mark.fault("H09")
@pytest.mark.parametrize(("file", "problem"), UNREADABLE, ids=lambda value: str(value)[:30])
async def test_what_cannot_be_read_is_refused_before_sending(
    anton: AntonClient, server: RawServer, file: Any, problem: str
) -> None:
    with pytest.raises(RequestValidationError, match=problem) as caught:
        await anton.batches.upload(file=file, file_name="x.csv")

    assert (caught.value.field, server.requests) == ("file", [])
    assert "/" not in str(caught.value).removesuffix("Input/output error")


@pytest.mark.fault("H09")
async def test_a_directory_and_a_file_of_text_are_refused(
    anton: AntonClient, server: RawServer, tmp_path: Path, path: Path
) -> None:
    folder = tmp_path / "folder.csv"
    folder.mkdir()

    with pytest.raises(RequestValidationError, match="Is a directory"):
        await anton.batches.upload(file=folder)
    with path.open(encoding="latin-1") as text, pytest.raises(RequestValidationError, match="binary mode"):
        await anton.batches.upload(file=text)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the point
    with tempfile.NamedTemporaryFile("w+", suffix=".csv") as wrapped:
        wrapped.write("x")
        wrapped.seek(0)
        with pytest.raises(RequestValidationError, match="no bytes"):
            await anton.batches.upload(file=wrapped)  # pyright: ignore[reportArgumentType] - the point

    assert server.requests == []


@pytest.mark.fault("H09")
@pytest.mark.parametrize(
    "name",
    [
        'a".csv',
        "a\r\nX: y.csv",
        "../a.csv",
        "a\\b.csv",
        "a%22.csv",
        "\ud800.csv",
        "a\u202e.csv",
        "a\0.csv",
        "x" * 252 + ".csv",
        "é" * 126 + ".csv",
        "a.txt",
        "csv",
        ".csv",
        "a.csv ",
        "",
        7,
        b"a.csv",
    ],
    ids=repr,
)
async def test_a_name_that_could_do_harm_is_refused(anton: AntonClient, server: RawServer, name: Any) -> None:
    with pytest.raises(RequestValidationError) as caught:
        await anton.batches.upload(file=CONTENT, file_name=name)

    assert (caught.value.field, server.requests) == ("file_name", [])


async def test_a_file_without_a_name_needs_one(anton: AntonClient, server: RawServer) -> None:
    for file in (CONTENT, io.BytesIO(CONTENT)):
        with pytest.raises(RequestValidationError, match="file_name: is required"):
            await anton.batches.upload(file=file)

    assert server.requests == []


async def test_a_path_of_the_wrong_kind_is_told_by_its_name(anton: AntonClient, path: Path) -> None:
    with pytest.raises(RequestValidationError, match=r"file: the file's name must end in \.csv or \.xlsx"):
        await anton.batches.upload(file=path.with_suffix(".pdf"))


async def test_a_refusal_of_the_file_is_an_api_error(judge: FormJudge, judged: AntonClient) -> None:
    judge.replies.append((413, {"error": {"code": "file_too_large", "message": "too large"}}))

    with pytest.raises(ApiError) as caught:
        await judged.batches.upload(file=CONTENT, file_name="x.csv")

    assert (caught.value.status, caught.value.code) == (413, "file_too_large")


async def test_a_failed_upload_tells_its_key(make_client: ClientMaker, server: RawServer) -> None:
    server.script(failure(500, "x"))

    async with make_client(max_retries=0) as anton:
        with pytest.raises(ServerError) as caught:
            await anton.batches.upload(file=CONTENT, file_name="x.csv")

    assert caught.value.idempotency_key == server.requests[0].headers["idempotency-key"]
