from __future__ import annotations

import ast
import asyncio
import socket
import subprocess
import sys
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
import pytest
from joserfc.jwk import ECKey, RSAKey

import anton_async.sandbox
from anton_async.sandbox import Sandbox
from tests.sandbox.conftest import OpenSandbox
from tests.sandbox.wire import Wire
from tests.support.clock import SteppedClock

PACKAGE = Path(anton_async.sandbox.__file__).parent


async def test_it_listens_on_a_free_loopback_port() -> None:
    async with Sandbox() as first, Sandbox() as second:
        assert first.base_url.startswith("http://127.0.0.1:")
        assert first.base_url != second.base_url


async def test_credentials_have_the_documented_form() -> None:
    sandbox = Sandbox()

    assert sandbox.client_id.removeprefix("ant_oc_test_").isalnum()
    assert [len(text) for text in (sandbox.client_id, sandbox.client_secret)] == [12 + 32, 13 + 48]
    assert sandbox.api_key.startswith("ak_test_")
    assert sandbox.private_key_pem.startswith("-----BEGIN PRIVATE KEY-----")
    assert sandbox.client_secret not in repr(sandbox)


def test_the_client_side_credentials_are_the_registered_ones() -> None:
    sandbox = Sandbox()

    credentials = sandbox.credentials

    assert credentials.client_id == sandbox.client_id
    assert credentials.key.thumbprint == ECKey.import_key(sandbox.private_key_pem).thumbprint()


async def test_the_address_is_known_once_it_listens() -> None:
    sandbox = Sandbox()

    with pytest.raises(RuntimeError, match="start it first"):
        _ = sandbox.base_url


async def test_it_comes_back_on_the_same_port_with_everything_it_held(wire: Wire) -> None:
    sandbox, url = wire.sandbox, wire.sandbox.base_url
    paid = await wire.pay("k1")

    await sandbox.stop()
    with pytest.raises(aiohttp.ClientConnectionError):
        await wire.pay("k1")
    await sandbox.start()
    again = await wire.pay("k1")

    assert sandbox.base_url == url
    assert again.json == paid.json


async def test_starting_twice_is_an_error(wire: Wire) -> None:
    with pytest.raises(RuntimeError, match="running already"):
        await wire.sandbox.start()


async def test_a_taken_port_is_an_error_that_leaves_nothing_behind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        sandbox = Sandbox(port=taken.getsockname()[1])
        with pytest.raises(OSError, match="address already in use"):
            await sandbox.start()
        await sandbox.stop()


async def test_stopping_does_not_wait_for_a_delayed_answer(clock: SteppedClock) -> None:
    reached = asyncio.Event()

    class StuckClock(SteppedClock):
        async def sleep(self, seconds: float) -> None:
            reached.set()
            await asyncio.Event().wait()

    async with Sandbox(clock=StuckClock(clock.now)) as sandbox, aiohttp.ClientSession() as session:
        sandbox.on("getJWKS").delay(3600)
        call = asyncio.create_task(Wire(sandbox, session, clock).send("GET", "/.well-known/jwks.json"))
        await reached.wait()
        await sandbox.stop()
        with pytest.raises(aiohttp.ClientError):
            await call

    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_it_serves_until_it_is_cancelled() -> None:
    sandbox = Sandbox()
    serving = asyncio.create_task(sandbox.serve_forever())
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                reply = await Wire(sandbox, session, SteppedClock()).send("GET", "/.well-known/jwks.json")
            except (RuntimeError, aiohttp.ClientConnectorError):
                await asyncio.sleep(0)
                continue
            break

    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert reply.status == 200


@pytest.mark.parametrize(("sent", "echoed"), [("req-1.a:b_C", True), ("x" * 129, False), ("a b", False), (None, False)])
async def test_every_answer_has_a_request_id(wire: Wire, sent: str | None, echoed: bool) -> None:
    reply = await wire.call("GET", "/v1/balances", headers={} if sent is None else {"X-Request-ID": sent})

    assert (reply.headers["X-Request-ID"] == sent) is echoed
    assert reply.headers["X-Request-ID"].isascii()
    assert wire.sandbox.requests[-1].request_id == reply.headers["X-Request-ID"]


async def test_the_date_follows_the_clock(wire: Wire) -> None:
    reply = await wire.call("GET", "/v1/balances")

    assert parsedate_to_datetime(reply.headers["Date"]).timestamp() == wire.now()


async def test_what_was_seen_holds_no_secret(wire: Wire) -> None:
    token = await wire.token()
    await wire.pay("k1")
    await wire.send("GET", "/v1/nothing?token=secret")

    seen = wire.sandbox.requests

    assert [(one.method, one.path, one.operation_id, one.status) for one in seen] == [
        ("POST", "/oauth/token", "createAccessToken", 200),
        ("POST", "/v1/payouts", "createPayout", 201),
        ("GET", "/v1/nothing", None, 404),
    ]
    assert seen[1].idempotency_key == "k1"
    assert len({seen[0].jti, seen[1].jti}) == 2
    assert not any(secret in str(seen) for secret in (token, wire.sandbox.client_secret, "secret"))


async def test_an_operation_without_a_handler_says_so(
    open_sandbox: OpenSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = await open_sandbox(check_answers=False)
    service = wire.sandbox._world.service  # pyright: ignore[reportPrivateUsage] - a handler is lost
    monkeypatch.delitem(service._handlers, "getBatch")  # pyright: ignore[reportPrivateUsage] - this one

    reply = await wire.call("GET", "/v1/batches/bat_1")

    assert (reply.status, reply.code) == (501, "not_configured")


@pytest.mark.parametrize("pem", ["", "nonsense", "rsa", "P-384", "public"])
def test_a_key_that_cannot_sign_proofs_is_refused(pem: str) -> None:
    keys = {
        "rsa": lambda: RSAKey.generate_key(2048).as_pem(private=True),
        "P-384": lambda: ECKey.generate_key("P-384").as_pem(private=True),
        "public": lambda: ECKey.generate_key("P-256").as_pem(private=False),
    }
    text = keys[pem]().decode() if pem in keys else pem

    with pytest.raises(ValueError, match="private_key_pem must be") as caught:
        Sandbox(private_key_pem=text)

    assert text not in str(caught.value) or not text


def test_it_shares_no_code_with_the_client() -> None:
    imported: set[tuple[str, str]] = set()
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            imported |= {(path.name, name) for name in names if name.startswith("anton_async")}

    own = ("anton_async.sandbox", "anton_async.clock", "anton_async._version")
    foreign = {(file, name) for file, name in imported if not name.startswith(own)}

    # The property that hands ready credentials to a test is the one meeting point.
    assert foreign == {("server.py", "anton_async.auth.credentials"), ("server.py", "anton_async.auth.keys")}


def test_a_missing_extra_is_explained() -> None:
    code = "import sys; sys.modules['jsonschema_rs'] = None; import anton_async.sandbox"

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert run.returncode == 1
    assert 'pip install "anton-async[sandbox]"' in run.stderr
