"""The guides' first snippets, run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

CLOSING = "rows 3 | accepted 3 | rejected 0 | unknown 0"
DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.mark.parametrize(
    ("guide", "printed"), [("sandbox.md", "validated\n"), ("bulk.md", f"{CLOSING} | sent 3\n{CLOSING} | sent 0\n")]
)
def test_the_first_snippet_of_a_guide_runs_when_pasted(guide: str, printed: str) -> None:
    snippet = re.search(r"```python\n(.*?)```", (DOCS / guide).read_text("utf-8"), re.DOTALL)
    assert snippet

    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", snippet[1]], capture_output=True, text=True, check=False, timeout=60
    )

    assert (run.returncode, run.stdout, run.stderr) == (0, printed, "")
