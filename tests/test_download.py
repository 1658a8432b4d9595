"""Downloads: whole, to disk, and as a stream."""

# ruff: noqa: ASYNC240 - small files of a test's own

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from anton_async import (
    AntonClient,
    DeadlineExceededError,
    NotFoundError,
    ReadTimeoutError,
    RequestValidationError,
    ResponseLostError,
    ServerError,
)
from anton_async.download import Download
from tests.conftest import ClientMaker
from tests.support.raw_server import End, RawServer, Reply, failure

CONTENT = b"reference,amount\r\n" + bytes(range(256)) * 64


def file(content: bytes = CONTENT, *, announced: int | None = None, headers: str = "", end: End = "keep") -> Reply:
    size = len(content) if announced is None else announced
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/CSV; charset=utf-8\r\nContent-Length: {size}\r\n{headers}\r\n"
    return Reply(head.encode() + content, end)


CUT = file(CONTENT[:100], announced=len(CONTENT), end="close")
NAMED = file(headers='Content-Disposition: attachment; filename="template.csv"\r\n')


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "template.csv"


@pytest.fixture
async def nothing_is_left(tmp_path: Path) -> AsyncIterator[None]:
    """See that a test leaves no task and no part of a file."""
    before = {task for task in asyncio.all_tasks() if "_connected" not in repr(task)}
    yield
    for _ in range(10):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert [repr(task) for task in left if "_connected" not in repr(task)] == []
    assert [found.name for found in tmp_path.iterdir() if found.name.endswith(".part")] == []


def export(anton: AntonClient) -> Download:
    day = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
    return anton.reviews.export_csv(from_=day, to=day + dt.timedelta(days=1))


async def read(download: Download, seen: list[bytes]) -> None:
    async with download as stream:
        async for chunk in stream:
            seen.append(chunk)  # noqa: PERF401 - what came before an error counts


async def test_awaiting_gives_the_whole_file(anton: AntonClient, server: RawServer) -> None:
    server.script(NAMED)

    found = await anton.batches.download_template(format="csv")

    assert (found.content, found.media_type, found.file_name) == (CONTENT, "text/csv", "template.csv")
    assert server.requests[0].target == "/v1/batches/template?format=csv"
    assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_the_whole_response_has_the_file_as_its_data(anton: AntonClient, server: RawServer) -> None:
    server.script(file(headers="X-Request-ID: r1\r\n"))

    response = await anton.batches.with_response.download_template()

    assert (response.data.content, response.data.file_name, response.request_id) == (CONTENT, None, "r1")


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\temp\\\\x.csv"', "x.csv"),
        ("attachment; filename*=UTF-8''M%C3%A4rz.csv", "März.csv"),
        ('attachment; filename=".."', None),
        ('attachment; filename="a\u202e.csv"', None),
        ("attachment; filename=", None),
        ("=;=", None),
    ],
)
async def test_a_file_name_never_leads_out_of_a_folder(
    anton: AntonClient, server: RawServer, header: str, name: str | None
) -> None:
    server.script(file(headers=f"Content-Disposition: {header}\r\n"))

    assert (await anton.batches.download_template()).file_name == name


@pytest.mark.usefixtures("nothing_is_left")
async def test_saving_writes_a_file_for_its_owner_alone(anton: AntonClient, server: RawServer, target: Path) -> None:
    server.script(NAMED)
    target.write_bytes(b"before")
    steps: list[tuple[int, int | None]] = []

    def note(done: int, size: int | None) -> None:
        steps.append((done, size))

    path = await anton.batches.download_template().save(target, progress=note)

    assert (path, target.read_bytes()) == (target, CONTENT)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)


@pytest.mark.usefixtures("nothing_is_left")
async def test_saving_begins_anew_after_a_broken_body(
    make_client: ClientMaker, server: RawServer, target: Path
) -> None:
    server.script(failure(503, "busy"), file(b"x" * 100, announced=len(CONTENT), end="hang"), CUT, NAMED)
    steps: list[int] = []

    async with make_client(read_timeout=0.1) as anton:
        template = anton.batches.download_template()
        await template.save(os.fspath(target), progress=lambda done, _: steps.append(done))

    assert target.read_bytes() == CONTENT
    assert (steps[0], steps[-1], len(server.requests)) == (100, len(CONTENT), 4)


@pytest.mark.usefixtures("nothing_is_left")
@pytest.mark.parametrize(
    "reply",
    [CUT, failure(500, "x"), file(gzip.compress(CONTENT), headers="Content-Encoding: gzip\r\n")],
    ids=["cut", "refused", "compressed"],
)
async def test_a_failed_download_leaves_what_was_there(
    make_client: ClientMaker, server: RawServer, target: Path, reply: Reply
) -> None:
    server.script(reply)
    target.write_bytes(b"before")

    async with make_client(max_retries=0) as anton:
        with pytest.raises((ResponseLostError, ServerError)) as caught:
            await anton.batches.download_template().save(target)

    assert (target.read_bytes(), caught.value.attempts) == (b"before", 1)


@pytest.mark.usefixtures("nothing_is_left")
async def test_an_error_answer_is_an_api_error_in_every_use(
    anton: AntonClient, server: RawServer, target: Path
) -> None:
    server.script(*[failure(404, "template_not_found")] * 4)

    with pytest.raises(NotFoundError, match="template_not_found"):
        await anton.batches.download_template()
    with pytest.raises(NotFoundError):
        await anton.batches.with_response.download_template()
    with pytest.raises(NotFoundError):
        await anton.batches.download_template().save(target)
    with pytest.raises(NotFoundError):
        async with anton.batches.download_template():
            pytest.fail("there is no stream")

    assert not target.exists()


@pytest.mark.usefixtures("nothing_is_left")
async def test_an_export_is_never_asked_for_again_by_itself(
    anton: AntonClient, server: RawServer, target: Path
) -> None:
    server.script(CUT, NAMED)

    with pytest.raises(ResponseLostError):
        await export(anton).save(target)

    assert len(server.requests) == 1
    assert "idempotency-key" not in server.requests[0].headers
    await export(anton).save(target)
    assert target.read_bytes() == CONTENT


async def test_a_bad_argument_is_told_before_anything_is_sent_or_created(
    anton: AntonClient, server: RawServer, target: Path
) -> None:
    day = dt.datetime(2026, 9, 1)  # noqa: DTZ001 - the point

    with pytest.raises(RequestValidationError, match="from"):
        await anton.reviews.export_csv(from_=day, to=day).save(target)

    assert (list(target.parent.iterdir()), server.requests) == ([], [])


@pytest.mark.parametrize("place", ["nowhere/x.csv", ".", "x\0.csv"])
async def test_a_place_that_cannot_be_written_is_told_before_anything_is_sent(
    anton: AntonClient, server: RawServer, tmp_path: Path, place: str
) -> None:
    with pytest.raises((OSError, ValueError)):
        await anton.batches.download_template().save(tmp_path / place)

    assert (list(tmp_path.iterdir()), server.requests) == ([], [])


async def test_a_name_of_255_bytes_can_be_saved_to(anton: AntonClient, server: RawServer, tmp_path: Path) -> None:
    server.script(NAMED)

    await anton.batches.download_template().save(tmp_path / ("x" * 255))

    assert (tmp_path / ("x" * 255)).read_bytes() == CONTENT


@pytest.mark.usefixtures("nothing_is_left")
async def test_what_is_larger_than_an_answer_may_be_is_saved_and_streamed_but_not_awaited(
    make_client: ClientMaker, server: RawServer, target: Path
) -> None:
    server.script(NAMED, NAMED, NAMED)

    async with make_client(max_retries=0, max_response_bytes=1000) as anton:
        await anton.batches.download_template().save(target)
        async with anton.batches.download_template() as stream:
            streamed = b"".join([chunk async for chunk in stream])
        with pytest.raises(ResponseLostError, match="max_response_bytes"):
            await anton.batches.download_template()

    assert (target.read_bytes(), streamed) == (CONTENT, CONTENT)


@pytest.mark.usefixtures("nothing_is_left")
async def test_a_disk_that_is_full_leaves_nothing(anton: AntonClient, server: RawServer, target: Path) -> None:
    server.script(NAMED)

    def full(_: int, __: int | None) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        await anton.batches.download_template().save(target, progress=full)

    assert (target.exists(), len(server.requests)) == (False, 1)


@pytest.mark.usefixtures("nothing_is_left")
async def test_a_cancelled_download_leaves_nothing(anton: AntonClient, server: RawServer, target: Path) -> None:
    server.script(file(CONTENT[:100], announced=len(CONTENT), end="hang"))
    begun = asyncio.Event()

    saving = asyncio.create_task(
        anton.batches.download_template().save(target, progress=lambda _done, _size: begun.set())
    )
    await begun.wait()
    saving.cancel()

    with pytest.raises(asyncio.CancelledError):
        await saving
    assert not target.exists()
    assert await connection_ended(server)


@pytest.mark.usefixtures("nothing_is_left")
@pytest.mark.parametrize("turns", range(12))
async def test_a_download_cancelled_at_any_moment_leaves_nothing(
    anton: AntonClient, server: RawServer, target: Path, turns: int
) -> None:
    server.script(file(CONTENT[:100], announced=len(CONTENT), end="hang"))

    saving = asyncio.create_task(anton.batches.download_template().save(target))
    for _ in range(turns):
        await asyncio.sleep(0)
    saving.cancel()

    with pytest.raises(asyncio.CancelledError):
        await saving
    assert list(target.parent.iterdir()) == []


async def connection_ended(server: RawServer) -> bool:
    """Tell whether the client has closed its newest connection: what is sent to it then comes back as an error."""
    for _ in range(1000):
        try:
            await server.speak_unasked(b"x", "keep")
        except ConnectionError:
            return True
    return False


@pytest.mark.usefixtures("nothing_is_left")
async def test_the_deadline_holds_while_a_file_is_saved(
    make_client: ClientMaker, server: RawServer, target: Path
) -> None:
    server.script(file(CONTENT[:100], announced=len(CONTENT), end="hang"))

    async with make_client(timeout=0.2) as anton:
        with pytest.raises(DeadlineExceededError):
            await anton.batches.download_template().save(target)

    assert not target.exists()


@pytest.mark.usefixtures("nothing_is_left")
async def test_the_deadline_holds_while_a_stream_is_read(make_client: ClientMaker, server: RawServer) -> None:
    server.script(file(CONTENT[:100], announced=len(CONTENT), end="hang"))
    seen: list[bytes] = []

    async with make_client(timeout=0.2) as anton:
        with pytest.raises(DeadlineExceededError):
            await read(anton.batches.download_template(), seen)

    assert seen == [CONTENT[:100]]


@pytest.mark.usefixtures("nothing_is_left")
async def test_a_body_that_falls_silent_is_lost(make_client: ClientMaker, server: RawServer, target: Path) -> None:
    server.script(*[file(CONTENT[:100], announced=len(CONTENT), end="hang")] * 2)

    async with make_client(read_timeout=0.1, max_retries=0) as anton:
        with pytest.raises(ReadTimeoutError):
            await anton.batches.download_template().save(target)
        with pytest.raises(ReadTimeoutError):
            async with anton.batches.download_template() as stream:
                [chunk async for chunk in stream]


@pytest.mark.usefixtures("nothing_is_left")
async def test_a_stream_gives_the_file_piece_by_piece(anton: AntonClient, server: RawServer) -> None:
    server.script(failure(503, "busy"), NAMED)

    async with anton.batches.download_template() as stream:
        content = b"".join([chunk async for chunk in stream])

    assert (content, stream.size, stream.media_type, stream.file_name) == (
        CONTENT,
        len(CONTENT),
        "text/csv",
        "template.csv",
    )
    assert stream.headers["content-length"] == str(len(CONTENT))


@pytest.mark.usefixtures("nothing_is_left")
@pytest.mark.parametrize("reply", [CUT, file(b"1f\r\nx", announced=0, headers="Transfer-Encoding: chunked\r\n")])
async def test_a_stream_that_breaks_says_so(make_client: ClientMaker, server: RawServer, reply: Reply) -> None:
    server.script(Reply(reply.raw, "close"))

    async with make_client(max_retries=0) as anton:
        with pytest.raises(ResponseLostError) as caught:
            async with anton.batches.download_template() as stream:
                [chunk async for chunk in stream]

    assert caught.value.attempts == 1


@pytest.mark.usefixtures("nothing_is_left")
async def test_a_compressed_stream_is_refused(make_client: ClientMaker, server: RawServer) -> None:
    server.script(file(gzip.compress(CONTENT), headers="Content-Encoding: gzip\r\n"))

    async with make_client(max_retries=0) as anton:
        with pytest.raises(ResponseLostError, match="none that was asked for"):
            async with anton.batches.download_template():
                pytest.fail("there is no stream")


@pytest.mark.usefixtures("nothing_is_left")
@pytest.mark.parametrize("read", [0, 1])
async def test_a_stream_may_be_left_early_and_the_next_call_is_clean(
    anton: AntonClient, server: RawServer, read: int
) -> None:
    server.script(file(CONTENT[:100], announced=len(CONTENT), end="hang"), NAMED)

    async with anton.batches.download_template() as stream:
        if read:
            async for _ in stream:
                break

    assert (await anton.batches.download_template()).content == CONTENT
    assert server.requests[1].connection != server.requests[0].connection


@pytest.mark.usefixtures("nothing_is_left")
async def test_an_error_of_the_readers_own_is_its_own(anton: AntonClient, server: RawServer) -> None:
    server.script(file(CONTENT[:100], announced=len(CONTENT), end="hang"))

    async def stumble() -> None:
        async with anton.batches.download_template() as stream:
            async for _ in stream:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await stumble()


@pytest.mark.usefixtures("nothing_is_left")
async def test_a_reader_that_is_cancelled_leaves_nothing(anton: AntonClient, server: RawServer) -> None:
    server.script(file(CONTENT[:100], announced=len(CONTENT), end="hang"))
    begun = asyncio.Event()

    async def read() -> None:
        async with anton.batches.download_template() as stream:
            async for _ in stream:
                begun.set()

    reading = asyncio.create_task(read())
    await begun.wait()
    reading.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await connection_ended(server)


async def test_a_download_is_one_stream_at_a_time(anton: AntonClient, server: RawServer) -> None:
    server.script(NAMED, NAMED)
    download = anton.batches.download_template()

    async with download:
        with pytest.raises(RuntimeError, match="open already"):
            await download.__aenter__()
    async with download as stream:
        assert b"".join([chunk async for chunk in stream]) == CONTENT
