"""The journal's file: locked, made whole, checked, opened.

A lock file beside it holds off a second job; the system frees it when the process ends, however it ends. A new journal
is made under another name and renamed, so that a journal never exists half made. Its mode is 0600, and SQLite gives its
side files (`-wal`, `-shm`) the same.

Source: https://www.sqlite.org/wal.html
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
import stat
from pathlib import Path

from anton_async.bulk.entry import seal
from anton_async.bulk.errors import JournalError
from anton_async.bulk.journal import Owner

_APPLICATION_ID = 0x414E544F  # "ANTO"
_VERSION = 2
_UNSEALED_VERSION = 1  # of which `body_hash` covers the body alone
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE row (
    position INTEGER PRIMARY KEY,
    line INTEGER NOT NULL,
    row_id TEXT NOT NULL,
    content BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('PLANNED', 'SENT', 'ACCEPTED', 'REJECTED', 'UNKNOWN')),
    planned_at REAL NOT NULL,
    repeats INTEGER,
    key TEXT,
    body BLOB,
    body_hash BLOB,
    sent_at REAL,
    payout_id TEXT,
    status TEXT,
    source_amount TEXT,
    source_currency TEXT,
    dest_amount TEXT,
    dest_currency TEXT,
    field TEXT,
    code TEXT,
    reason TEXT,
    settled_at REAL
);
CREATE UNIQUE INDEX row_first ON row (row_id) WHERE repeats IS NULL;
CREATE INDEX row_open ON row (position) WHERE state IN ('PLANNED', 'SENT', 'UNKNOWN');
"""
_DAMAGED = """
SELECT min(line) FROM row WHERE (key IS NULL AND state <> 'REJECTED') OR (key IS NOT NULL AND body_hash IS NOT {hash})
    OR (sent_at IS NULL AND state IN ('SENT', 'UNKNOWN')) OR (sent_at IS NOT NULL AND state = 'PLANNED')
"""


class Lock:
    """The right to run a job on a journal; one holder at a time."""

    def __init__(self, journal: Path) -> None:
        path = journal.with_name(f"{journal.name}.lock")
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise JournalError(f"The journal's lock file {path} cannot be opened: {reason}.") from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise JournalError(f"Another job is running on the journal {journal}: wait for it to end.") from None

    def release(self) -> None:
        """Give the right back."""
        os.close(self._descriptor)


def check_path(path: Path) -> bool:
    """Return whether there is a journal at `path`.

    Raises:
        JournalError: its directory is missing, or it is a symbolic link, no plain file, or empty.
    """
    if not path.parent.is_dir():
        raise JournalError(f"The directory {path.parent} of the journal does not exist: create it first.")
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    if stat.S_ISLNK(status.st_mode):
        raise JournalError(f"The journal {path} is a symbolic link: name the file itself.")
    if not stat.S_ISREG(status.st_mode):
        raise JournalError(f"The journal {path} is not a file.")
    if status.st_size == 0:
        raise JournalError(f"The journal {path} is empty, so it was damaged or never was one: name another file.")
    return True


def open_database(path: Path, owner: Owner, *, now: float) -> sqlite3.Connection:
    """Open the journal at `path`, making it when there is none; the caller holds its lock.

    Raises:
        JournalError: it cannot be used, or belongs to another client or another place of the API.
    """
    try:
        if check_path(path):
            path.chmod(0o600)
        else:
            _create(path, owner, now)
        connection = _connect(path, "rw")
        try:
            _check(connection, path)
            _check_owner(read_owner(connection), owner, path)
            _check_rows(connection, path)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA fullfsync = ON")
            connection.execute("PRAGMA wal_autocheckpoint = 8000")  # pages; each checkpoint writes a page but once
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise JournalError(f"The journal {path} cannot be opened: {error}.") from None
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open the journal at `path` to look at it, also while a job runs on it.

    Raises:
        JournalError: there is none, or it cannot be read.
    """
    if not check_path(path):
        raise JournalError(f"There is no journal {path}.")
    try:
        connection = _connect(path, "ro")
        try:
            _check(connection, path)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise JournalError(f"The journal {path} cannot be read: {error}.") from None
    return connection


def read_owner(connection: sqlite3.Connection) -> Owner:
    """Return whom the journal belongs to."""
    found: dict[str, str] = dict(connection.execute("SELECT name, value FROM meta"))
    return Owner(found.get("client_id", ""), found.get("origin", ""))


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)


def _create(path: Path, owner: Owner, now: float) -> None:
    if path.with_name(f"{path.name}-wal").exists():
        # SQLite would replay it into the new file; and it holds what a lost journal knew.
        raise JournalError(
            f"The journal {path} is gone but its {path.name}-wal is there: put it back, or move both away."
        )
    draft = path.with_name(f"{path.name}.new")
    for leftover in (draft, *(draft.with_name(draft.name + end) for end in ("-journal", "-wal", "-shm"))):
        leftover.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    connection = _connect(draft, "rw")
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        values = {"client_id": owner.client_id, "origin": owner.origin, "created_at": str(now)}
        connection.executemany("INSERT INTO meta VALUES (?, ?)", values.items())
    finally:
        connection.close()
    draft.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _check(connection: sqlite3.Connection, path: Path) -> None:
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application_id != _APPLICATION_ID:
        raise JournalError(f"{path} is not a journal of payout jobs: name another file.")
    if version not in {_VERSION, _UNSEALED_VERSION}:
        raise JournalError(
            f"The journal {path} has version {version}, this release reads version {_VERSION}: finish the job with the"
            " release that began it."
        )
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise JournalError(f"The journal {path} is damaged ({verdict}): restore it before anything is sent.")


def _check_rows(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a journal that is damaged in any row, and seal the rows of one that an earlier release made."""
    connection.create_function("hash", 1, _hash, deterministic=True)
    connection.create_function("seal", 2, _seal, deterministic=True)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    expected = "seal(key, body)" if version == _VERSION else "hash(body)"
    (line,) = connection.execute(_DAMAGED.format(hash=expected)).fetchone()
    if line is not None:
        raise JournalError(f"The journal {path} is damaged at line {line}: restore it before anything is sent.")
    if version != _VERSION:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE row SET body_hash = seal(key, body) WHERE key IS NOT NULL")
            connection.execute(f"PRAGMA user_version = {_VERSION}")


def _hash(body: object) -> bytes | None:
    return hashlib.sha256(body).digest() if isinstance(body, bytes) else None


def _seal(key: object, body: object) -> bytes | None:
    return seal(key, body) if isinstance(key, str) and isinstance(body, bytes) else None


def _check_owner(found: Owner, wanted: Owner, path: Path) -> None:
    if found.client_id != wanted.client_id:
        raise JournalError(
            f"The journal {path} belongs to the client {found.client_id}, this job runs as {wanted.client_id}: use that"
            " client again, or another journal for another input."
        )
    if found.origin != wanted.origin:
        raise JournalError(
            f"The journal {path} was made for {found.origin}, this job would pay at {wanted.origin}: use the same"
            " environment again, or another journal for another input."
        )
