"""A bounded run of benchmarks/service_load.py; the figures of a long one are in docs/observability.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parent.parent.parent / "benchmarks" / "service_load.py"


@pytest.mark.skipif(sys.platform != "linux", reason="it counts tasks, files and memory in /proc")
def test_load_timeouts_and_disconnects_leak_nothing() -> None:
    arguments = ["--seconds", "2", "--callers", "60", "--settling", "1"]

    found = subprocess.run([sys.executable, PROGRAM, *arguments], capture_output=True, text=True, check=False)

    assert (found.returncode, found.stderr) == (0, ""), found.stdout
