"""The README's code, run as it stands."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

from anton_async.sandbox import Sandbox

README = (Path(__file__).resolve().parent.parent / "README.md").read_text("utf-8")
PROGRAMS = [code for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "asyncio.run" in code]


async def run(program: str, **environ: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-c",
        program,
        env={**os.environ, **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_the_first_snippet_runs_when_pasted() -> None:
    code, out, err = await run(PROGRAMS[0])

    assert (code, err) == (0, "")
    assert re.search(r"^USD [0-9]+\.[0-9]{2}$", out, re.MULTILINE)


async def test_the_second_snippet_pays_somebody_in_a_sandbox(tmp_path: Path) -> None:
    async with Sandbox(settle=0) as sandbox:
        key_file = tmp_path / "key.pem"
        key_file.touch(mode=0o600)
        key_file.write_text(sandbox.private_key_pem)

        code, out, err = await run(
            PROGRAMS[1],
            ANTON_CLIENT_ID=sandbox.client_id,
            ANTON_CLIENT_SECRET=sandbox.client_secret,
            ANTON_DPOP_KEY_FILE=str(key_file),
            ANTON_BASE_URL=sandbox.base_url,
        )

    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[1] for line in lines[1:2]] == ["completed"]
    assert lines[2].endswith("250.00 EUR")
    assert sandbox.executed["inv-1042"] == 1


def test_the_fragments_are_python() -> None:
    fragments = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

    assert len(fragments) == 5
    for fragment in fragments:
        compile(fragment, "README.md", "exec", dont_inherit=True)


def test_every_file_the_readme_names_exists() -> None:
    root = Path(__file__).resolve().parent.parent
    links = re.findall(r"\]\(((?!https?:)[^)]+)\)", README)

    assert links
    assert [link for link in links if not (root / link).exists()] == []
