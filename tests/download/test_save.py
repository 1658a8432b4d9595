"""Downloads to disk: all of a file or nothing, for its owner alone."""

# ruff: noqa: ASYNC240 - small files of a test's own

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import os
import stat
from pathlib import Path

import pytest

from anton_async import (
    AntonClient,
    DeadlineExceededError,
    ReadTimeoutError,
    RequestValidationError,
    ResponseLostError,
    ServerError,
)
from tests.conftest import ClientMaker
from tests.download.files import CONTENT, CUT, HANGING, NAMED, connection_ended, export, file
from tests.support.raw_server import RawServer, Reply, failure


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


async def test_a_disk_that_is_full_leaves_nothing(anton: AntonClient, server: RawServer, target: Path) -> None:
    server.script(NAMED)

    def full(_: int, __: int | None) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        await anton.batches.download_template().save(target, progress=full)

    assert (target.exists(), len(server.requests)) == (False, 1)


async def test_a_cancelled_download_leaves_nothing(anton: AntonClient, server: RawServer, target: Path) -> None:
    server.script(HANGING)
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


@pytest.mark.parametrize("turns", range(12))
async def test_a_download_cancelled_at_any_moment_leaves_nothing(
    anton: AntonClient, server: RawServer, target: Path, turns: int
) -> None:
    server.script(HANGING)

    saving = asyncio.create_task(anton.batches.download_template().save(target))
    for _ in range(turns):
        await asyncio.sleep(0)
    saving.cancel()

    with pytest.raises(asyncio.CancelledError):
        await saving
    assert list(target.parent.iterdir()) == []


async def test_the_deadline_holds_while_a_file_is_saved(
    make_client: ClientMaker, server: RawServer, target: Path
) -> None:
    server.script(HANGING)

    async with make_client(timeout=0.2) as anton:
        with pytest.raises(DeadlineExceededError):
            await anton.batches.download_template().save(target)

    assert not target.exists()


async def test_a_body_that_falls_silent_is_lost(make_client: ClientMaker, server: RawServer, target: Path) -> None:
    server.script(*[HANGING] * 2)

    async with make_client(read_timeout=0.1, max_retries=0) as anton:
        with pytest.raises(ReadTimeoutError):
            await anton.batches.download_template().save(target)
        with pytest.raises(ReadTimeoutError):
            async with anton.batches.download_template() as stream:
                [chunk async for chunk in stream]
