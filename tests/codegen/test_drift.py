"""The committed code is what the compiler makes of the committed document, every time and everywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from codegen.__main__ import main
from codegen.diff import MARK
from codegen.pipeline import PACKAGE

GENERATED = ("models", "resources")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the committed generated code."""
    out = tmp_path / "copy"
    for name in GENERATED:
        shutil.copytree(PACKAGE / name, out / name)
    (out / "sandbox").mkdir()
    shutil.copy(PACKAGE / "sandbox" / "document.json", out / "sandbox")
    return out


def files(root: Path) -> dict[str, bytes]:
    found = [*root.glob("models/*.py"), *root.glob("resources/*.py"), root / "sandbox" / "document.json"]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(found)}


def test_the_committed_code_fits_the_committed_document(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--check"])

    assert capsys.readouterr().out == ""
    assert status == 0


def test_drift_is_shown_as_a_diff_and_nothing_is_written(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = copy / "models" / "enums.py"
    changed.write_text(changed.read_text().replace('"completed"', '"complete"'))
    (copy / "models" / "gone.py").write_text(f"{MARK} from something else: do not edit.\nleft = 1\n")
    (copy / "resources" / "payouts.py").unlink()
    before = files(copy)

    status = main(["--check", "--out", str(copy)])

    printed = capsys.readouterr()
    assert status == 1
    assert '-    "complete",\n+    "completed",\n' in printed.out
    assert "-left = 1" in printed.out
    assert "+class Payouts(Resource):" in printed.out
    assert "Run `python -m codegen`" in printed.err
    assert files(copy) == before


def test_compiling_mends_drift_and_leaves_foreign_files_alone(copy: Path) -> None:
    (copy / "models" / "gone.py").write_text(f"{MARK} from something else: do not edit.\n")
    (copy / "models" / "mine.py").write_text("mine = 1\n")
    (copy / "resources" / "payouts.py").unlink()

    assert main(["--out", str(copy)]) == 0

    assert files(copy) == {**files(PACKAGE), "models/mine.py": b"mine = 1\n"}


def test_the_hash_seed_changes_nothing(tmp_path: Path) -> None:
    seeds = ("1", "2")

    for seed in seeds:
        command = [sys.executable, "-W", "error", "-m", "codegen", "--out", str(tmp_path / seed)]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(command, cwd=PACKAGE.parent, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")

    first, second = (files(tmp_path / seed) for seed in seeds)
    assert first == second
    assert first == files(PACKAGE)


def test_every_generated_module_says_so() -> None:
    for name, content in files(PACKAGE).items():
        if name.endswith(".py"):
            assert content.decode().startswith(f"{MARK} from openapi/anton.yaml (sha256:"), name
