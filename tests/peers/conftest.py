"""Servers that nobody here wrote, started for the tests that talk to them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

SOURCES = Path(__file__).parent / "oidc"
CLIENT_ID = "ant_oc_test_peer"
CLIENT_SECRET = """s3:cr+t% /=&~"'"""
Mode = Literal["nonces", "plain"]


@dataclass(frozen=True)
class Peer:
    """A running oidc-provider."""

    base_url: str
    token_url: str


@pytest.fixture(scope="session")
def installed(request: pytest.FixtureRequest) -> Path:
    """Return a folder with oidc-provider and the script that runs it, installed once a checkout."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("oidc-provider needs node and npm, and there are none")
    if subprocess.run([node, "-p", "URL.parse.name"], capture_output=True, check=False).returncode:
        pytest.skip("oidc-provider needs a newer node than this one")
    assert request.config.cache is not None
    folder = request.config.cache.mkdir("oidc-provider")
    lock, kept = SOURCES / "package-lock.json", folder / "package-lock.json"
    current = kept.exists() and kept.read_bytes() == lock.read_bytes() and (folder / "node_modules").exists()
    for source in SOURCES.iterdir():
        shutil.copy(source, folder)
    if not current:
        install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
        if done.returncode:
            kept.unlink()
            pytest.skip(f"oidc-provider could not be installed: {done.stderr.strip()[-300:]}")
    return folder


@pytest.fixture(scope="module")
def peer(installed: Path) -> Iterator[Callable[[Mode], Peer]]:
    """Return a function that starts oidc-provider, one process for each mode."""
    running: dict[Mode, tuple[subprocess.Popen[str], Peer]] = {}

    def start(mode: Mode) -> Peer:
        if mode not in running:
            command = ["node", "peer.mjs", CLIENT_ID, CLIENT_SECRET, mode]
            process = subprocess.Popen(
                command, cwd=installed, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            assert process.stdout is not None
            url = f"http://127.0.0.1:{int(process.stdout.readline())}"
            running[mode] = process, Peer(url, f"{url}/token")
        return running[mode][1]

    yield start

    for process, _ in running.values():
        process.kill()
        process.communicate()
