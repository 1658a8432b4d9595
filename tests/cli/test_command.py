from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from anton_async import __version__
from anton_async.cli import main
from tests.cli.conftest import Invoke

ROOT = Path(__file__).parents[2]
ANTON = [sys.executable, "-W", "error", "-c", "from anton_async.cli import main; main()"]


def test_help_and_version(invoke: Invoke) -> None:
    assert __version__ in invoke("--version").stdout
    for command in ([], ["sandbox"], ["keys", "generate"], ["token"], ["payouts", "run"], ["payouts", "status"]):
        assert invoke(*command, "--help").exit_code == 0


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_a_missing_extra_is_one_sentence(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find_spec = importlib.util.find_spec

    def without_one(name: str) -> object:
        return None if name == missing else find_spec(name)

    monkeypatch.setattr(importlib.util, "find_spec", without_one)

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert capsys.readouterr().err == 'The anton command needs two more packages: pip install "anton-async[cli]"\n'


def test_a_missing_sandbox_extra_is_one_sentence(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("anton_async.sandbox", "jsonschema_rs"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jsonschema_rs", None)

    result = invoke("sandbox", "--key-file", tmp_path / "key.pem")

    assert result.exit_code == 2
    assert 'pip install "anton-async[sandbox]"' in result.stderr


def test_a_seed_that_cannot_be_used_is_told(invoke: Invoke, tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text('{"balance": {}}')

    result = invoke("sandbox", "--seed", seed, "--key-file", tmp_path / "key.pem")

    assert result.exit_code == 2
    assert "The sandbox cannot start" in result.stderr
    assert not (tmp_path / "key.pem").exists()


def test_the_quickstart_works_against_anton_sandbox_as_written(tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ANTON_")}
    with subprocess.Popen(
        [*ANTON, "sandbox", "--port", "0", "--settle", "0"],
        cwd=tmp_path,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        lines = [server.stdout.readline() for _ in range(5)]
        pasted = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines[1:])
        quickstart = subprocess.run(
            [sys.executable, "-W", "error", str(ROOT / "examples" / "quickstart.py")],
            cwd=tmp_path,
            env={**clean, **pasted},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) == 0

    assert stat.S_IMODE((tmp_path / "anton-sandbox-key.pem").stat().st_mode) == 0o600
    assert quickstart.returncode == 0, quickstart.stderr
    assert "is completed: 500.00 USD to Maya Coleman" in quickstart.stdout


def test_the_demo_pays_its_payroll_and_pays_nothing_twice(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    demo = [sys.executable, "-W", "error", str(tmp_path / "examples" / "demo.py")]

    first, second = (
        subprocess.run(demo, check=False, capture_output=True, text=True, timeout=120, cwd=tmp_path) for _ in range(2)
    )

    for run in (first, second):
        assert (run.returncode, run.stdout) == (0, "rows 1000 | accepted 988 | rejected 12 | unknown 0\n"), run.stderr
        assert run.stderr.count(" rejected: ") == 12
    assert "988 payouts booked in this run, each exactly once" in first.stderr
    assert "Nothing was sent" in second.stderr
    assert "On the wire: no payout was asked for." in second.stderr
    assert "Ledger: nothing was booked in this run, as the job reports." in second.stderr
    assert stat.S_IMODE((tmp_path / "demo").stat().st_mode) == 0o700


def test_the_demo_speaks_of_one_payout_in_the_singular(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    payroll = tmp_path / "examples" / "payroll.csv"
    payroll.write_text("".join(payroll.read_text("utf-8").splitlines(keepends=True)[:2]), "utf-8")
    demo = [sys.executable, "-W", "error", str(tmp_path / "examples" / "demo.py")]

    run = subprocess.run(demo, check=False, capture_output=True, text=True, timeout=60, cwd=tmp_path)

    assert (run.returncode, run.stdout) == (0, "rows 1 | accepted 1 | rejected 0 | unknown 0\n"), run.stderr
    assert "On the wire: 1 request, 0 refused for a while, 0 answers lost," in run.stderr
    assert "Ledger: 1 payout booked in this run, exactly once, and it is the one the job reports." in run.stderr


@pytest.mark.parametrize("imported", ["asyncio", "aiohttp", "anton_async.resources"])
def test_ctrl_c_while_the_demo_still_starts_shows_no_traceback(imported: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", str(ROOT / "examples" / "demo.py")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stderr is not None
        while not (line := demo.stderr.readline()).endswith(f" {imported}\n"):
            assert line, "it ended before it was interrupted"
        demo.send_signal(signal.SIGINT)
        said = demo.stderr.read()

    assert demo.returncode == 130, said
    assert "Traceback" not in said


def test_the_example_files_are_what_their_script_makes(tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples" / "make_payroll.py", tmp_path)

    subprocess.run([sys.executable, str(tmp_path / "make_payroll.py")], check=True, timeout=60)

    for name in ("payroll.csv", "payees.json"):
        assert (tmp_path / name).read_bytes() == (ROOT / "examples" / name).read_bytes()
