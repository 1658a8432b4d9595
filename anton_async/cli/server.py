"""`anton sandbox`: a local Anton in the foreground, with credentials to paste into another terminal."""

from __future__ import annotations

import asyncio
import errno
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from anton_async.auth.keys import DPoPKey
from anton_async.cli.keyfile import write_key
from anton_async.errors import ConfigurationError

if TYPE_CHECKING:
    from anton_async.sandbox import Sandbox
    from anton_async.sandbox.control import ControlReach


_TRY = """\
# Look inside: {base_url}/
# Try it, after pasting the lines above:
{python} - <<'END'
import asyncio
from anton_async import AntonClient

async def main():
    async with AntonClient.from_env() as anton:
        print(await anton.balances.retrieve("USD"))

asyncio.run(main())
END"""
_TRY_CONTROL = "curl -X POST -d '{{\"seconds\": 60}}' {base_url}/control/clock/advance"


def make_sandbox(
    *,
    host: str,
    port: int,
    seed: Path | None,
    settle: float,
    key_file: Path,
    state: Path | None = None,
    control: ControlReach | None = None,
) -> Sandbox:
    """Make a sandbox whose client's key is in `key_file`.

    Args:
        host: address to listen on.
        port: port to listen on, 0 for a free one.
        seed: what it holds from the start, as a JSON file.
        settle: seconds from a payout's creation to its completion.
        key_file: the client's private key; read when it exists, written otherwise.
        state: the file that keeps everything over a restart.
        control: from where the control API can be reached; None for no control API.

    Raises:
        ConfigurationError: the `sandbox` extra is missing, or the seed, the state file or the key cannot be used.
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
            state=state,
            control=control or False,
            client_id=os.environ.get("ANTON_CLIENT_ID") or None,
            client_secret=os.environ.get("ANTON_CLIENT_SECRET") or None,
            private_key_pem=DPoPKey.load(key_file).private_pem() if known else None,
        )
    except ValueError as error:
        raise ConfigurationError(f"The sandbox cannot start: {error}") from None
    if not known:
        write_key(sandbox.private_key_pem, key_file)
    return sandbox


async def serve(sandbox: Sandbox, key_file: Path, *, control: bool = False) -> None:
    """Run `sandbox` until SIGINT or SIGTERM, and print what a client needs to reach it.

    Raises:
        ConfigurationError: it cannot listen there, or its state file is in use.
    """
    try:
        await sandbox.start()
    except OSError as error:
        raise ConfigurationError(_why_not_listening(error)) from None
    except ValueError as error:
        raise ConfigurationError(f"The sandbox cannot start: {error}") from None
    try:
        click.echo("# A local Anton is running. Paste these lines into another terminal; Ctrl-C ends it.")
        for name, value in {
            "ANTON_BASE_URL": sandbox.base_url,
            "ANTON_CLIENT_ID": sandbox.client_id,
            "ANTON_CLIENT_SECRET": sandbox.client_secret,
            "ANTON_DPOP_KEY_FILE": os.fspath(Path.cwd() / key_file),
        }.items():
            click.echo(f"export {name}={shlex.quote(value)}")
        click.echo(_TRY.format(base_url=sandbox.base_url, python=shlex.quote(sys.executable)), err=True)
        if control:
            click.echo(_TRY_CONTROL.format(base_url=sandbox.base_url), err=True)
        await _interrupted()
    finally:
        await sandbox.stop()


def _why_not_listening(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "The sandbox cannot listen: another program has this port. Name another by --port, or 0 for a free one."
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "The sandbox cannot listen: this port is for the system. Name one above 1023 by --port."
    return f"The sandbox cannot listen ({error.strerror}): check --host and --port."


async def _interrupted() -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()
