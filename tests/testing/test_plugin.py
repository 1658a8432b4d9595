"""The pytest plugin, in child runs of pytest as a user has them."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

pytest_plugins = "pytester"

ASYNC_TEST = """
import asyncio
import pytest
from anton_async import AntonClient, Outcome
from anton_async.errors import ServerError
from anton_async.sandbox import Sandbox

{mark}
async def test_a_balance(anton_client: AntonClient, anton_sandbox: Sandbox) -> None:
    assert (await anton_client.balances.retrieve("USD")).available > 0
    assert [seen.operation_id for seen in anton_sandbox.requests] == ["createAccessToken", "getBalance"]

{mark}
@pytest.mark.anton_sandbox(seed={{"balances": {{"USD": "7.00"}}}})
async def test_one_of_its_own(anton_client: AntonClient, anton_sandbox: Sandbox) -> None:
    assert (await anton_client.balances.retrieve("USD")).available == 7
    anton_sandbox.on("listPayouts").fail(503)
    with pytest.raises(ServerError):
        await anton_client.payouts.list(max_retries=0)
    anton_sandbox.clock.advance(3600)
"""
ON_ASYNCIO = "import pytest\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'"
ASYNCIO = "pytest_asyncio.plugin"
PLAIN_TEST = """
from anton_async import AntonClient
from anton_async.sandbox import Sandbox
import asyncio
import pytest

@pytest.fixture
def anton_sandbox_options():
    return {"settle": 10, "seed": {"beneficiaries": [{"id": "ben_1"}],
            "instruments": [{"id": "ins_1", "beneficiary_id": "ben_1", "currency": "USD"}]}}

def test_a_service_that_runs_a_loop_of_its_own(anton_sandbox: Sandbox, anton_environment) -> None:
    async def service():
        async with AntonClient.from_env() as anton:
            payout = await anton.payouts.create(
                beneficiary_id="ben_1", instrument_id="ins_1", source_amount="5.00", dest_amount="5.00",
                dest_currency="USD", method="ach", purpose="contractor_payment", reference="r", idempotency_key="k",
            )
            anton_sandbox.clock.advance(60)
            return (await anton.payouts.retrieve(payout.id)).status

    assert asyncio.run(service()) == "completed"
    assert anton_sandbox.executed == {"k": 1}

def test_there_is_no_client_for_it(anton_client) -> None: ...
"""


def run(pytester: pytest.Pytester, *plugins: str, ini: str = "") -> pytest.RunResult:
    """Run pytest as in a project of its own, with these plugins and no others."""
    pytester.makeini(f"[pytest]\naddopts = --strict-markers\nfilterwarnings = error\n{ini}")
    chosen = [option for name in ("anton_async", *plugins) for option in ("-p", name)]
    return pytester.runpytest_subprocess("--disable-plugin-autoload", "-p", "no:cacheprovider", *chosen)


def test_it_works_with_pytest_asyncio_in_auto_mode(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(ASYNC_TEST.format(mark=""))

    result = run(pytester, ASYNCIO, ini="asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function")

    result.assert_outcomes(passed=2)


def test_it_works_with_pytest_asyncio_in_strict_mode_and_with_anyio_beside_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_strict=ASYNC_TEST.format(mark="@pytest.mark.asyncio"),
        test_wide=ASYNC_TEST.format(mark="@pytest.mark.asyncio(loop_scope='module')"),
        test_anyio=ASYNC_TEST.format(mark="@pytest.mark.anyio"),
    )
    pytester.makeconftest(ON_ASYNCIO)

    result = run(pytester, ASYNCIO, "anyio", ini="asyncio_mode = strict\nasyncio_default_fixture_loop_scope = module")

    result.assert_outcomes(passed=6)


def test_it_works_with_anyio_alone_and_for_plain_functions(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_anyio=ASYNC_TEST.format(mark="@pytest.mark.anyio"), test_plain=PLAIN_TEST)
    pytester.makeconftest(ON_ASYNCIO)

    result = run(pytester, "anyio")

    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*anton_client is awaited: make the test `async def`*"])


def test_what_is_missing_is_said(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_nobody_runs_it="async def test_it(anton_client): ...",
        test_trio="import pytest\n@pytest.mark.anyio\nasync def test_it(anton_client): ...",
        test_extra="import sys\nsys.modules['jsonschema_rs'] = None\ndef test_it(anton_sandbox): ...",
    )
    pytester.makeconftest("import pytest\n@pytest.fixture\ndef anyio_backend(): return 'trio'")

    result = run(pytester, "anyio")

    result.assert_outcomes(errors=3)
    text = result.stdout.str()
    assert "Nothing runs this async test: install pytest-asyncio and mark the test with @pytest.mark.asyncio" in text
    assert "The Anton client needs asyncio" in text
    assert 'pip install "anton-async[testing]"' in text


def test_it_is_there_by_itself_and_imports_nothing_until_a_test_asks(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_it(pytestconfig):
            assert pytestconfig.pluginmanager.hasplugin("anton_async")
            heavy = {"aiohttp", "asyncio", "msgspec", "joserfc", "jsonschema_rs", "anton_async.sandbox"}
            assert not heavy & set(sys.modules)
        """
    )

    result = run(pytester)

    result.assert_outcomes(passed=1)
    assert entry_points(group="pytest11")["anton_async"].value == "anton_async.testing.plugin"


def test_the_guide_runs_as_it_stands(tmp_path: Path) -> None:
    guide = (Path(__file__).resolve().parents[2] / "docs" / "testing.md").read_text("utf-8")
    for name, code in re.findall(r"```(?:python|ini)\n# ([\w.]+)\n(.*?)```", guide, re.DOTALL):
        (tmp_path / name).write_text(code)

    plugins = ["--disable-plugin-autoload", "-p", "anton_async", "-p", ASYNCIO, "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", *plugins, str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout
