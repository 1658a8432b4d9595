"""examples/fastapi_payouts, over the sandbox and a real server."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from anton_async import AntonClient
from anton_async.sandbox import Sandbox
from tests.flows.conftest import SEED
from tests.integrations.serving import free_socket, serve, url_of

APP = Path(__file__).resolve().parent.parent.parent / "examples" / "fastapi_payouts" / "app.py"
ORDER = {"beneficiary_id": "ben_ADA", "instrument_id": "ins_ADA", "amount": "12.50", "reference": "INV-1042"}


@pytest.fixture
async def sandbox() -> AsyncGenerator[Sandbox, None]:
    async with Sandbox(seed=SEED, settle=0) as running:
        yield running


@pytest.fixture
async def service(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncGenerator[aiohttp.ClientSession, None]:
    listening = free_socket()
    async with AntonClient(sandbox.credentials, base_url=sandbox.base_url) as anton:
        hook = await anton.webhooks.create(url=url_of(listening) + "/webhooks/anton", events=["*"])
    monkeypatch.setenv("ANTON_CLIENT_ID", sandbox.client_id)
    monkeypatch.setenv("ANTON_CLIENT_SECRET", sandbox.client_secret)
    monkeypatch.setenv("ANTON_DPOP_KEY", sandbox.private_key_pem)
    monkeypatch.setenv("ANTON_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("ANTON_WEBHOOK_SECRETS", hook.secret or "")
    monkeypatch.setenv("PAYROLL_DIRECTORY", str(tmp_path))
    spec = importlib.util.spec_from_file_location("fastapi_payouts", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    async with serve(module.app, listening) as url, aiohttp.ClientSession(url) as session:
        yield session


async def ask(service: aiohttp.ClientSession, method: str, path: str, **options: Any) -> tuple[int, Any]:
    async with service.request(method, path, **options) as answer:
        return answer.status, await answer.json()


async def test_a_payment_is_made_followed_and_listed(sandbox: Sandbox, service: aiohttp.ClientSession) -> None:
    status, payment = await ask(service, "POST", "/payments", json=ORDER, headers={"Idempotency-Key": "k"})
    await sandbox.deliver_webhooks()
    followed = await ask(service, "GET", f"/payments/{payment['id']}")
    listed = await ask(service, "GET", "/payments")

    assert status == 202
    assert followed == (200, {"id": payment["id"], "status": "completed"})
    assert [each["id"] for each in listed[1]["payments"]] == [payment["id"]]


async def test_callers_are_told_what_is_wrong(service: aiohttp.ClientSession) -> None:
    too_much = {**ORDER, "amount": "900000.00"}

    status, answer = await ask(service, "POST", "/payments", json=too_much, headers={"Idempotency-Key": "k"})

    assert (status, answer["detail"]["code"]) == (422, "insufficient_balance")
    assert (await ask(service, "POST", "/payments", json=ORDER))[0] == 400
    assert (await ask(service, "GET", "/payments/pay_NONE"))[0] == 404


async def test_a_payroll_runs_in_the_background_and_pays_each_row_once(
    sandbox: Sandbox, service: aiohttp.ClientSession
) -> None:
    rows = [{**ORDER, "row_id": f"r{number}", "reference": f"S-{number}"} for number in range(12)]
    rows[3]["instrument_id"] = "ins_NONE"

    for _ in range(2):
        status, progress = await ask(service, "PUT", "/payrolls/november", json=rows)
        assert status == 202
        while progress["running"]:
            _, progress = await ask(service, "GET", "/payrolls/november")
        assert progress == {"running": False, "rows": 12, "accepted": 11, "rejected": 1, "unknown": 0}

    assert [*sandbox.executed.values()].count(1) >= 11
    assert max(sandbox.executed.values()) == 1
    assert (await ask(service, "GET", "/payrolls/other"))[0] == 404


def test_the_example_runs_and_says_what_happened() -> None:
    program = APP.with_name("run.py")

    found = subprocess.run([sys.executable, "-W", "error", program], capture_output=True, text=True, check=False)

    assert (found.returncode, found.stderr) == (0, "")
    said = found.stdout.splitlines()
    (_, first, again, *told, listed) = said
    assert first == again
    assert re.fullmatch(r"paid INV-1042: 202, pay_\w+ is pending_screening", first)
    assert re.fullmatch(r"told by webhook: pay_\w+ is completed", told[0])
    assert told[-1] == "payroll: 200 of 200 rows, 199 accepted, 1 rejected, 0 unknown"
    assert listed == "listed: 20 payments, and more"
