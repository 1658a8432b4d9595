"""Real servers of PostgreSQL and Redis for as long as a test, where this machine has them."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def postgres() -> Generator[str, None, None]:
    """Run a PostgreSQL of its own; gives its URL."""
    initdb, server = program("initdb"), program("postgres")
    with folder() as (data, user):
        quick = ["-c", "fsync=off", "-c", f"unix_socket_directories={data}", "-c", "listen_addresses="]
        subprocess.run(
            [initdb, "-D", data / "db", "-U", "test", "-A", "trust", "-N"],
            user=user,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        with running([server, "-D", str(data / "db"), *quick], user, lambda: is_ready(data / "db" / "postmaster.pid")):
            yield f"postgresql://test@/postgres?host={data}"


@contextmanager
def redis() -> Generator[str, None, None]:
    """Run a Redis of its own; gives the path of its socket."""
    server = program("redis-server")
    with folder() as (data, user):
        path = data / "redis.sock"
        quiet = ["--port", "0", "--unixsocket", str(path), "--dir", str(data), "--save", "", "--loglevel", "warning"]
        with running([server, *quiet], user, lambda: answers(path)):
            yield str(path)


def program(name: str) -> str:
    places = [os.environ.get("PATH", ""), *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        pytest.skip(f"this machine has no {name}")
    return found


@contextmanager
def folder() -> Generator[tuple[Path, str | None], None, None]:
    """Make a folder for a server, and for whom it runs: PostgreSQL refuses to run as root."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        user = None
        if os.geteuid() == 0:
            with suppress(KeyError):
                user = pwd.getpwnam("postgres").pw_name
                shutil.chown(name, user)
        yield Path(name), user


@contextmanager
def running(command: list[str], user: str | None, ready: Callable[[], bool]) -> Generator[None, None, None]:
    nowhere = subprocess.DEVNULL
    with subprocess.Popen(command, user=user, stdout=nowhere, stderr=nowhere, cwd="/") as server:
        try:
            while not ready():
                assert server.poll() is None, f"{command[0]} did not start"
                time.sleep(0.01)
            yield
        finally:
            server.terminate()


def is_ready(pid_file: Path) -> bool:
    """Return whether PostgreSQL has written that it takes connections."""
    with suppress(OSError):
        return "ready" in pid_file.read_text("utf-8")
    return False


def answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as end, suppress(OSError):
        end.connect(str(path))
        return True
    return False
