from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

import pytest

from anton_async import AntonClient
from anton_async.bulk import JobStoppedError, JournalError, PayoutJob
from anton_async.bulk.database import open_database
from anton_async.bulk.entry import Entry
from anton_async.bulk.journal import Owner
from anton_async.bulk.sqlite_journal import SqliteJournal, read_journal
from anton_async.sandbox import Sandbox
from tests.support.payroll import alter, look, pay, payout_requests, row, rows, states

OWNER = Owner(client_id="ant_oc_test_1", origin="loopback")


def entry(position: int, row_id: str = "") -> Entry:
    return Entry(
        position=position,
        line=position,
        row_id=row_id or f"row-{position}",
        content=b"c" * 32,
        state="PLANNED",
        planned_at=1.0,
        key=f"key-{position}",
        body=b"{}",
        body_hash=b"h" * 32,
    )


@pytest.fixture
async def opened(journal: Path) -> SqliteJournal:
    made = SqliteJournal(journal)
    await made.open(OWNER, now=1.0)
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes_beside(path: Path) -> dict[str, int]:
    return {found.name: mode(found) for found in path.parent.iterdir()}


def open_to_all(path: Path) -> None:
    path.chmod(0o644)


def copy_of(journal: Path, copy: Path, *, tail: bytes) -> None:
    copy.write_bytes(journal.read_bytes())
    log = journal.with_name(f"{journal.name}-wal").read_bytes()
    copy.with_name(f"{copy.name}-wal").write_bytes(log + tail)


@pytest.mark.fault("F23")
async def test_only_the_owner_may_read_the_journal_and_its_side_files(opened: SqliteJournal, journal: Path) -> None:
    await opened.plan(entry(1))

    modes = modes_beside(journal)

    assert modes == dict.fromkeys(["payroll.db", "payroll.db-shm", "payroll.db-wal", "payroll.db.lock"], 0o600)
    await opened.close()


@pytest.mark.fault("F23")
async def test_a_journal_that_others_may_read_is_closed_to_them(anton: AntonClient, journal: Path) -> None:
    await pay(anton, journal, rows(1))
    open_to_all(journal)

    await pay(anton, journal, rows(1))

    assert mode(journal) == 0o600


@pytest.mark.fault("F23")
@pytest.mark.parametrize("dangling", [True, False])
async def test_a_symbolic_link_is_refused(anton: AntonClient, tmp_path: Path, dangling: bool) -> None:
    target = tmp_path / "elsewhere.db"
    if not dangling:
        await pay(anton, target, rows(1))
    link = tmp_path / "link.db"
    link.symlink_to(target)

    with pytest.raises(JournalError, match="symbolic link"):
        await pay(anton, link, rows(1))

    assert target.exists() is not dangling


@pytest.mark.fault("F23")
async def test_a_missing_directory_is_told(anton: AntonClient, tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="does not exist"):
        await pay(anton, tmp_path / "none" / "payroll.db", rows(1))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _garbage(path: Path) -> None:
    path.write_bytes(b"row_id,amount\n" * 400)


def _of_another_application(path: Path) -> None:
    alter(path, "CREATE TABLE row (position INTEGER)")


def _of_another_version(path: Path) -> None:
    alter(path, "PRAGMA user_version = 3")


def _damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 5] = os.urandom(4096 * 3)
    path.write_bytes(content)


def _directory(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def _without_its_main_file(path: Path) -> None:
    path.with_name(f"{path.name}-wal").write_bytes(b"left over")


@pytest.mark.fault("F06")
@pytest.mark.parametrize(
    ("make", "first", "message"),
    [
        (_empty, False, "is empty"),
        (_garbage, False, "not a database"),
        (_of_another_application, False, "not a journal"),
        (_of_another_version, True, "has version 3"),
        (_damaged, True, "damaged|malformed|cannot be opened"),
        (_directory, False, "not a file"),
        (_without_its_main_file, False, "put it back"),
    ],
)
async def test_what_is_no_sound_journal_is_refused_and_nothing_is_sent(
    anton: AntonClient, sandbox: Sandbox, journal: Path, *, make: Callable[[Path], None], first: bool, message: str
) -> None:
    if first:
        await pay(anton, journal, rows(60))
    make(journal)
    before = len(sandbox.requests)

    with pytest.raises(JournalError, match=message):
        await pay(anton, journal, rows(60))

    assert len(sandbox.requests) == before


def _as_by_an_earlier_release(journal: Path) -> None:
    for position, body in look(journal, "SELECT position, body FROM row WHERE body IS NOT NULL"):
        assert isinstance(body, bytes)
        alter(journal, "UPDATE row SET body_hash = ? WHERE position = ?", hashlib.sha256(body).digest(), position)
    alter(journal, "PRAGMA user_version = 1")


@pytest.mark.fault("F06")
async def test_a_journal_of_an_earlier_release_is_checked_taken_over_and_resumed(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    sandbox.on("createPayout").drop_response(times=9)
    await pay(anton, journal, rows(3), concurrency=1)
    _as_by_an_earlier_release(journal)
    assert read_journal(journal)[1].unknown == 1

    results = await pay(anton, journal, rows(4))

    assert len(results) == 4
    assert look(journal, "PRAGMA user_version") == [(2,)]
    assert states(journal) == {"ACCEPTED": 4}
    assert set(sandbox.executed.values()) == {1}
    assert len(sandbox.executed) == 4


@pytest.mark.fault("F06")
async def test_a_damaged_journal_of_an_earlier_release_is_refused_as_well(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    sandbox.on("createPayout").drop_response(times=9)
    await pay(anton, journal, rows(3), concurrency=1)
    _as_by_an_earlier_release(journal)
    alter(journal, "UPDATE row SET body = CAST('{}' AS BLOB) WHERE position = 2")

    with pytest.raises(JournalError, match="damaged at line 2"):
        await pay(anton, journal, rows(3))

    assert look(journal, "PRAGMA user_version") == [(1,)]


@pytest.mark.fault("F06")
@pytest.mark.parametrize(
    "damage",
    ["key = NULL", "body = NULL", "body_hash = NULL", "sent_at = NULL", "state = 'PLANNED'", "key = CAST(key AS BLOB)"],
)
async def test_a_row_that_contradicts_itself_is_refused(
    anton: AntonClient, sandbox: Sandbox, journal: Path, damage: str
) -> None:
    sandbox.on("createPayout").drop_response(times=9)
    await pay(anton, journal, rows(3), concurrency=1)
    alter(journal, f"UPDATE row SET {damage} WHERE state = 'UNKNOWN'")  # noqa: S608 - our own words
    sent = len(sandbox.requests)

    with pytest.raises(JournalError, match="damaged at line 1"):
        await pay(anton, journal, rows(3))

    assert len(sandbox.requests) == sent


@pytest.mark.fault("F06")
@pytest.mark.parametrize("tail", [b"\0" * 5000, os.urandom(5000), b""])
async def test_a_torn_tail_of_the_log_is_recovered(
    anton: AntonClient, sandbox: Sandbox, journal: Path, tmp_path: Path, tail: bytes
) -> None:
    copy = tmp_path / "copy.db"
    async with PayoutJob(anton, journal=journal, concurrency=2) as job:
        async for _ in job.run(rows(20)):
            if job.report().accepted == 10:
                copy_of(journal, copy, tail=tail)

    results = await pay(anton, copy, rows(20))

    assert len(results) == 20
    kept = {key for (key,) in look(copy, "SELECT key FROM row WHERE state = 'ACCEPTED'")}
    assert len(kept) == 20
    assert kept <= set(sandbox.executed)


@pytest.mark.fault("F04")
async def test_a_second_job_on_the_journal_is_refused_also_in_another_process(
    anton: AntonClient, journal: Path, tmp_path: Path
) -> None:
    script = "import fcntl, sys; fcntl.flock(open(sys.argv[1], 'r+'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    command = [sys.executable, "-c", script, f"{journal}.lock"]

    async with PayoutJob(anton, journal=journal):
        with pytest.raises(JournalError, match="Another job is running"):
            await pay(anton, journal, rows(1))
        while_it_runs = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True)
    afterwards = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True)

    assert (while_it_runs.returncode, afterwards.returncode) == (1, 0)


def test_every_commit_reaches_the_disk(journal: Path) -> None:
    connection = open_database(journal, OWNER, now=1.0)

    settings = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    connection.close()

    assert settings == ["wal", 2]  # 2 is FULL


async def test_a_kill_while_the_journal_is_made_leaves_none(anton: AntonClient, journal: Path) -> None:
    draft = journal.with_name("payroll.db.new")
    draft.write_bytes(b"half")
    draft.with_name("payroll.db.new-journal").write_bytes(b"of it")

    results = await pay(anton, journal, rows(1))

    assert len(results) == 1
    assert not draft.exists()


async def test_changes_that_wait_together_are_committed_together(
    opened: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    commits = 0
    in_thread = loop.run_in_executor

    def counted(executor: Executor | None, work: Callable[[], object]) -> asyncio.Future[object]:
        nonlocal commits
        commits += 1
        return in_thread(executor, work)

    monkeypatch.setattr(loop, "run_in_executor", counted)

    await asyncio.gather(*(opened.plan(entry(number)) for number in range(1, 201)))

    assert commits <= 2
    assert opened.report().rows == 200
    monkeypatch.undo()
    await opened.close()


async def test_what_was_asked_is_written_even_when_nobody_waits_for_it(opened: SqliteJournal, journal: Path) -> None:
    waiting = [asyncio.ensure_future(opened.plan(entry(number))) for number in range(1, 4)]
    for future in waiting:
        future.cancel()

    await opened.close()

    assert states(journal) == {"PLANNED": 3}


async def test_rows_keep_the_order_of_the_calls(opened: SqliteJournal, journal: Path) -> None:
    first, second = await asyncio.gather(opened.plan(entry(1, "same")), opened.plan(entry(2, "same")))

    assert (first.state, second.state, second.repeats, second.key, second.body) == (
        "PLANNED",
        "REJECTED",
        1,
        None,
        None,
    )
    await opened.close()


@pytest.mark.fault("F07", "F09")
async def test_a_row_whose_intent_cannot_be_written_is_not_sent(
    anton: AntonClient, sandbox: Sandbox, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> list[object]:
        raise sqlite3.OperationalError("disk I/O error")

    async with PayoutJob(anton, journal=journal, concurrency=4) as job:
        monkeypatch.setattr(SqliteJournal, "_transact", fail)
        with pytest.raises(JobStoppedError, match="disk I/O error"):
            [result async for result in job.run(rows(50))]
    monkeypatch.undo()

    assert payout_requests(sandbox) == []
    assert len(await pay(anton, journal, rows(50))) == 50


@pytest.mark.fault("F08", "F09")
async def test_a_result_that_cannot_be_written_is_asked_for_again_under_the_same_key(
    anton: AntonClient, sandbox: Sandbox, journal: Path
) -> None:
    async with PayoutJob(anton, journal=journal, concurrency=4) as job:
        alter(journal, "CREATE TRIGGER full BEFORE UPDATE ON row WHEN NEW.state = 'ACCEPTED' AND NEW.position > 20 "
              "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END")  # fmt: skip
        with pytest.raises(JobStoppedError, match="disk is full"):
            [result async for result in job.run(rows(50))]
    stopped = states(journal)
    alter(journal, "DROP TRIGGER full")

    results = await pay(anton, journal, rows(50))

    assert stopped["SENT"] > 0
    assert stopped["ACCEPTED"] <= 20
    assert len(results) == 50
    assert set(sandbox.executed.values()) == {1}
    assert len(sandbox.executed) == 50


async def test_a_journal_can_be_looked_at_while_its_job_runs(anton: AntonClient, journal: Path) -> None:
    async with PayoutJob(anton, journal=journal, concurrency=2) as job:
        async for _ in job.run([*rows(10), row(11, method="?")]):
            owner, report = read_journal(journal)
            assert owner.origin == "loopback"
            assert 1 <= report.rows <= 11

    _, report = read_journal(journal)
    assert report == job.report()


def test_there_must_be_a_journal_to_look_at(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="There is no journal"):
        read_journal(tmp_path / "none.db")


async def test_the_journal_holds_no_secret(anton: AntonClient, sandbox: Sandbox, journal: Path) -> None:
    await pay(anton, journal, rows(2))

    held = repr([look(journal, f"SELECT * FROM {table}") for table in ("meta", "row")])  # noqa: S608 - our own names
    assert sandbox.client_id in held
    assert sandbox.client_secret not in held
