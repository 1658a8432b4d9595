"""`anton sandbox`: what it prints, what it keeps, and what it says to a newcomer."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from anton_async import AntonClient
from anton_async.sandbox import Sandbox
from tests.cli.conftest import Invoke

ANTON = [sys.executable, "-W", "error", "-c", "from anton_async.cli import main; main()"]
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "sandbox.md"


@contextmanager
def running(folder: Path, *options: str) -> Generator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Run a sandbox in a folder until it is killed; gives what it prints to paste, too."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ANTON_")}
    with subprocess.Popen(
        [*ANTON, "sandbox", "--port", "0", *options],
        cwd=folder,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(5)]
            yield process, dict(line.removeprefix("export ").strip().split("=", 1) for line in lines[1:])
        finally:
            process.kill()


async def visit(environ: dict[str, str], *, seed: bool) -> int:
    """Look at the payouts of a sandbox, after making some and stopping its clock where wanted."""
    async with AntonClient.from_env(environ=environ) as anton:
        if seed:
            await anton.sandbox.seed_beneficiaries()
            await anton.sandbox.seed_payouts()
            url = environ["ANTON_BASE_URL"]
            async with aiohttp.ClientSession(url) as session, session.post("/control/clock/hold") as held:
                assert (await held.json())["held"] is True
        return len((await anton.payouts.list()).data)


def test_a_killed_sandbox_comes_back_with_the_same_client_and_its_payouts(tmp_path: Path) -> None:
    with running(tmp_path, "--state", "anton.db", "--control") as (process, first):
        made = asyncio.run(visit(first, seed=True))
        process.kill()
        told = process.communicate()[1]
    with running(tmp_path, "--state", "anton.db") as (_, second):
        found = asyncio.run(visit(second, seed=False))

    assert found == made > 0
    assert second == {**first, "ANTON_BASE_URL": second["ANTON_BASE_URL"]}
    assert f"Look inside: {first['ANTON_BASE_URL']}/" in told
    assert f"{first['ANTON_BASE_URL']}/control/clock/advance" in told
    snippet = re.search(
        rf"^{re.escape(shlex.quote(sys.executable))} - <<'END'\n(.*?)END", told, re.DOTALL | re.MULTILINE
    )
    assert snippet
    compile(snippet[1], "snippet", "exec")


def test_what_a_newcomer_gets_wrong_is_one_sentence(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "text.json").write_text("balances: none")
    (tmp_path / "field.json").write_text('{"balance": {}}')
    (tmp_path / "item.json").write_text('{"beneficiaries": [{"id": "ben_1"}, {"id": "ben_1"}]}')
    (tmp_path / "payout.json").write_text('{"payouts": [{"source_amount": "ten"}]}')
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be taken for one by its length" * 20)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        for options, told in (
            (["--seed", tmp_path / "text.json"], "The seed cannot be read: JSON is malformed"),
            (["--seed", tmp_path / "field.json"], "unknown field `balance`"),
            (["--seed", tmp_path / "item.json"], "beneficiaries[1] of the seed: The id ben_1 is used twice"),
            (["--seed", tmp_path / "payout.json"], "payouts[0] of the seed"),
            (["--state", tmp_path / "notes.txt"], "notes.txt is no state file of a sandbox"),
            (["--port", str(port)], "another program has this port"),
            (["--control", "lan"], "'lan' is not one of 'loopback', 'anywhere'"),
        ):
            result = invoke("sandbox", "--key-file", tmp_path / "key.pem", *options)
            assert (result.exit_code, result.stdout) == (2, ""), options
            assert told in result.stderr.replace("\n", " "), result.stderr


def test_the_same_mistakes_in_python() -> None:
    mistakes: list[tuple[dict[str, Any], str]] = [
        ({"edition": "v9"}, "There is no edition 'v9': choose one of newest, earlier"),
        ({"seed": "nowhere.json"}, "The seed file nowhere.json cannot be read: No such file or directory"),
        ({"seed": {"balances": {"USD": object()}}}, "The seed cannot be written as JSON"),
        ({"settle": -1}, "settle must be 0 seconds or more"),
        ({"settle": "x"}, "settle must be 0 seconds or more"),
        ({"settle": True}, "settle must be 0 seconds or more"),
    ]
    for options, told in mistakes:
        with pytest.raises(ValueError, match=re.escape(told)):
            Sandbox(**options)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_the_guides_curl_lines_run_as_they_stand() -> None:
    script = re.search(r"```sh\n(anton=.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert script

    async with Sandbox(control=True) as sandbox:
        pasted = script[1].replace("http://127.0.0.1:8080", sandbox.base_url)
        process = await asyncio.create_subprocess_exec(
            "bash", "-ec", pasted, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        out, _ = await process.communicate()

    assert process.returncode == 0, out
    assert out.count(b"{") >= script[1].count("curl ")
