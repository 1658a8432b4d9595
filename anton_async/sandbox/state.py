"""A sandbox's file: its history, and who its client is, so that it goes on after a restart.

One SQLite file of mode 0600, used by one sandbox at a time. An entry is committed before its answer is sent, so that
the end of the process loses nothing that was answered; a crash of the machine may lose the last moments. The file is
read by the release of the package that made it: only that is sure to make the same world of it.

Source: https://www.sqlite.org/wal.html
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from anton_async._version import __version__
from anton_async.sandbox.clock import Instant
from anton_async.sandbox.history import Entry

_APPLICATION_ID = 0x414E5358  # "ANSX"
_FORMAT = 1
_SCHEMA = """
CREATE TABLE identity (only INTEGER PRIMARY KEY CHECK (only = 1), content BLOB NOT NULL);
CREATE TABLE entry (
    position INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    tick REAL NOT NULL,
    time REAL NOT NULL,
    wall REAL NOT NULL,
    held INTEGER NOT NULL,
    seed BLOB NOT NULL,
    content BLOB NOT NULL,
    digest BLOB NOT NULL
);
"""
_COLUMNS = "kind, tick, time, wall, held, seed, content, digest"
_INSERT = f"INSERT INTO entry ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - a constant


class StateError(ValueError):
    """The state file cannot be used."""


class Identity(msgspec.Struct, kw_only=True):
    """What stays the same for as long as a state file lives."""

    release: str
    edition: str
    settle: float | None
    client_id: str
    client_secret: str
    private_key_pem: str
    api_key: str
    token_key_pem: str


class StateFile:
    """The file at `path`; open while its sandbox runs."""

    def __init__(self, path: Path) -> None:
        self.path: Path = path
        self._connection: sqlite3.Connection | None = None
        self._fault: str | None = None
        self.mark: bytes = b""  # of the latest entry

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether the file is open, and nobody else can use it."""
        return self._connection is not None

    def open(self) -> None:
        """Open the file, making it when there is none.

        Raises:
            StateError: it is in use, no state file, damaged, or made by another release.
        """
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_file()):
            raise StateError(f"{self.path} is not a plain file: name another state file.")
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
            self._connection = sqlite3.connect(self.path, isolation_level=None, timeout=0, check_same_thread=False)
            self._prepare(self._connection)
            self.path.chmod(0o600)
        except sqlite3.OperationalError as error:
            self.close()
            if error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise StateError(f"Another sandbox is using the state file {self.path}: stop it first.") from None
            raise StateError(f"The state file {self.path} cannot be opened: {error}.") from None
        except sqlite3.DatabaseError:
            self.close()
            raise StateError(f"{self.path} is no state file of a sandbox, or damaged: name another file.") from None
        except OSError as error:
            raise StateError(f"The state file {self.path} cannot be opened: {error.strerror}.") from None
        except StateError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file, so that another sandbox can use it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def identity(self) -> Identity | None:
        """Return whose file this is; None when it is new.

        Raises:
            StateError: it was made by another release.
        """
        try:
            found: tuple[bytes] | None = self._open.execute("SELECT content FROM identity").fetchone()
            if found is None:
                return None
            release = msgspec.msgpack.decode(found[0], type=_Release).release
            if release != __version__:
                raise StateError(
                    f"The state file {self.path} was made by anton-async {release}, this is {__version__}: use that"
                    " release again, or name another file."
                )
            return msgspec.msgpack.decode(found[0], type=Identity)
        except (msgspec.DecodeError, sqlite3.Error, TypeError):
            raise self._damaged() from None

    def begin(self, identity: Identity, birth: Entry) -> None:
        """Forget everything, and start a new history."""
        connection = self._open
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute("DELETE FROM entry")
            connection.execute("INSERT OR REPLACE INTO identity VALUES (1, ?)", (msgspec.msgpack.encode(identity),))
            connection.execute(_INSERT, _row(birth))
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        self.mark = birth.seed

    def append(self, entry: Entry) -> None:
        """Keep an entry; it is there after the end of the process.

        Raises:
            StateError: it cannot be written, or an earlier one could not: then nothing is kept any more.
        """
        if self._fault is not None:
            raise StateError(self._fault)
        try:
            self._open.execute(_INSERT, _row(entry))
        except sqlite3.Error as error:
            # What comes later may build on the lost entry, so it must not be kept either.
            self._fault = f"The state file {self.path} cannot be written ({error}): restart the sandbox."
            raise StateError(self._fault) from None
        self.mark = entry.seed

    def entries(self) -> Iterator[Entry]:
        """Return what happened, oldest first.

        Raises:
            StateError: the file is damaged.
        """
        rows = self._open.execute(f"SELECT {_COLUMNS} FROM entry ORDER BY position")  # noqa: S608 - a constant
        try:
            for kind, tick, time, wall, held, seed, content, digest in rows:
                yield Entry(
                    kind=kind,
                    instant=Instant(tick, time),
                    wall=wall,
                    held=bool(held),
                    seed=seed,
                    content=content,
                    digest=digest,
                )
        except sqlite3.Error:
            raise self._damaged() from None

    def _damaged(self) -> StateError:
        return StateError(f"The state file {self.path} is damaged: name another file.")

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise RuntimeError("The state file is closed.")
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")  # takes the lock, which stays until the file is closed
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (format_version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.execute("COMMIT")
        if not tables and not application_id:
            connection.executescript(
                f"BEGIN; {_SCHEMA} PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {_FORMAT}; COMMIT;"
            )
        elif application_id != _APPLICATION_ID:
            raise StateError(f"{self.path} is no state file of a sandbox: name another file.")
        elif format_version != _FORMAT:
            raise StateError(
                f"The state file {self.path} has format {format_version}, this release reads format {_FORMAT}: use the"
                " release that made it, or name another file."
            )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        latest = connection.execute("SELECT seed FROM entry ORDER BY position DESC LIMIT 1").fetchone()
        self.mark = b"" if latest is None else latest[0]


class _Release(msgspec.Struct):
    release: str


def _row(entry: Entry) -> tuple[object, ...]:
    instant = entry.instant
    return (
        entry.kind,
        instant.tick,
        instant.time,
        entry.wall,
        entry.held,
        entry.seed,
        entry.content,
        entry.digest,
    )
