"""The wheel, built and installed where nothing of ours was before."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

PROBE = """
import sys
import anton_async
from anton_async import AntonClient, ApiKeyCredentials
client = AntonClient(ApiKeyCredentials("ak_test_1"))
print([type(client.payouts).__name__, type(client.balances).__name__])
print(sorted({"click", "rich", "jsonschema_rs", "yaml"} & set(sys.modules)))
try:
    import anton_async.sandbox
except ImportError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(ROOT)], check=True, capture_output=True
    )
    return next(out.glob("*.whl"))


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.split("/")[0].split("-")[0] for name in names} == {"anton_async"}
    for needed in (
        "py.typed",
        "sandbox/document.json",
        "sandbox/page.html",
        "sandbox/page.css",
        "resources/payouts.py",
        "models/responses.py",
    ):
        assert f"anton_async/{needed}" in names


def test_the_wheel_imports_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    python = tmp_path / "env" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)

    found = subprocess.run(
        [str(python), "-W", "error", "-c", PROBE], check=True, capture_output=True, text=True, cwd=tmp_path
    )

    assert found.stdout.splitlines() == [
        "['Payouts', 'Balances']",
        "[]",
        'The sandbox needs jsonschema-rs: pip install "anton-async[sandbox]"',
    ]
    assert found.stderr == ""


def test_the_runtime_dependencies_are_the_four_that_were_chosen(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(next(name for name in archive.namelist() if name.endswith("METADATA"))).decode()

    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line]
    names = {line.removeprefix("Requires-Dist: ").split(">")[0] for line in required}
    assert names == {"aiohttp", "msgspec", "joserfc", "tenacity"}
