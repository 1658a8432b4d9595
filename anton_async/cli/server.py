"""`anton sandbox`: a local Anton in the foreground, with credentials to paste into another terminal."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anton_async.auth.keys import DPoPKey
from anton_async.cli.keyfile import write_key
from anton_async.errors import ConfigurationError

if TYPE_CHECKING:
    from anton_async.sandbox import Sandbox


def make_sandbox(*, host: str, port: int, seed: Path | None, settle: float, key_file: Path) -> Sandbox:
    """Make a sandbox whose client's key is in `key_file`.

    Args:
        host: address to listen on.
        port: port to listen on, 0 for a free one.
        seed: what it holds from the start, as a JSON file.
        settle: seconds from a payout's creation to its completion.
        key_file: the client's private key; read when it exists, written otherwise.

    Raises:
        ConfigurationError: the `sandbox` extra is missing, or the seed or the key cannot be used.
    """
    try:
        from anton_async.sandbox import Sandbox  # noqa: PLC0415 - its packages are an extra of their own
    except ImportError as missing:
        raise ConfigurationError(str(missing)) from None
    known = key_file.exists()
    try:
        sandbox = Sandbox(
            host=host,
            port=port,
            seed=seed,
            settle=settle,
            client_id=os.environ.get("ANTON_CLIENT_ID") or None,
            client_secret=os.environ.get("ANTON_CLIENT_SECRET") or None,
            private_key_pem=DPoPKey.load(key_file).private_pem() if known else None,
        )
    except ValueError as error:
        raise ConfigurationError(f"The sandbox cannot start: {error}") from None
    if not known:
        write_key(sandbox.private_key_pem, key_file)
    return sandbox


async def serve(sandbox: Sandbox, key_file: Path) -> None:
    """Run `sandbox` until SIGINT or SIGTERM, and print what a client needs to reach it.

    Raises:
        ConfigurationError: its port is taken.
    """
    try:
        await sandbox.start()
    except OSError as error:
        raise ConfigurationError(f"The sandbox cannot listen ({error.strerror}): try --port 0.") from None
    try:
        click.echo("# A local Anton is running. Paste these lines into another terminal; Ctrl-C ends it.")
        for name, value in {
            "ANTON_BASE_URL": sandbox.base_url,
            "ANTON_CLIENT_ID": sandbox.client_id,
            "ANTON_CLIENT_SECRET": sandbox.client_secret,
            "ANTON_DPOP_KEY_FILE": os.fspath(Path.cwd() / key_file),
        }.items():
            click.echo(f"export {name}={shlex.quote(value)}")
        await _interrupted()
    finally:
        await sandbox.stop()


async def _interrupted() -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()
