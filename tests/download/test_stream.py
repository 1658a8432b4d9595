"""Downloads as a stream: piece by piece, left early, cut short."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from anton_async import AntonClient, DeadlineExceededError, ResponseLostError
from anton_async.download import Download
from tests.conftest import ClientMaker
from tests.download.files import CONTENT, CUT, HANGING, NAMED, connection_ended, file
from tests.support.raw_server import RawServer, Reply, failure


async def read(download: Download, seen: list[bytes]) -> None:
    async with download as stream:
        async for chunk in stream:
            seen.append(chunk)  # noqa: PERF401 - what came before an error counts


async def test_the_deadline_holds_while_a_stream_is_read(make_client: ClientMaker, server: RawServer) -> None:
    server.script(HANGING)
    seen: list[bytes] = []

    async with make_client(timeout=0.2) as anton:
        with pytest.raises(DeadlineExceededError):
            await read(anton.batches.download_template(), seen)

    assert seen == [CONTENT[:100]]


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


@pytest.mark.parametrize("reply", [CUT, file(b"1f\r\nx", announced=0, headers="Transfer-Encoding: chunked\r\n")])
async def test_a_stream_that_breaks_says_so(make_client: ClientMaker, server: RawServer, reply: Reply) -> None:
    server.script(Reply(reply.raw, "close"))

    async with make_client(max_retries=0) as anton:
        with pytest.raises(ResponseLostError) as caught:
            async with anton.batches.download_template() as stream:
                [chunk async for chunk in stream]

    assert caught.value.attempts == 1


async def test_a_compressed_stream_is_refused(make_client: ClientMaker, server: RawServer) -> None:
    server.script(file(gzip.compress(CONTENT), headers="Content-Encoding: gzip\r\n"))

    async with make_client(max_retries=0) as anton:
        with pytest.raises(ResponseLostError, match="none that was asked for"):
            async with anton.batches.download_template():
                pytest.fail("there is no stream")


@pytest.mark.parametrize("read", [0, 1])
async def test_a_stream_may_be_left_early_and_the_next_call_is_clean(
    anton: AntonClient, server: RawServer, read: int
) -> None:
    server.script(HANGING, NAMED)

    async with anton.batches.download_template() as stream:
        if read:
            async for _ in stream:
                break

    assert (await anton.batches.download_template()).content == CONTENT
    assert server.requests[1].connection != server.requests[0].connection


async def test_an_error_of_the_readers_own_is_its_own(anton: AntonClient, server: RawServer) -> None:
    server.script(HANGING)

    async def stumble() -> None:
        async with anton.batches.download_template() as stream:
            async for _ in stream:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await stumble()


async def test_a_reader_that_is_cancelled_leaves_nothing(anton: AntonClient, server: RawServer) -> None:
    server.script(HANGING)
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
