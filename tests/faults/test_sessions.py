"""Settings, environments and sessions of the user's: what could change a request is neutralised or refused."""

from __future__ import annotations

import asyncio
import math
import ssl
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from anton_async import AntonClient, ApiKeyCredentials, ConfigurationError, Outcome, RequestValidationError
from tests.faults.conftest import Connect
from tests.faults.ledger import Ledger, report
from tests.faults.server import FaultServer
from tests.faults.steps import answer, lose, serve
from tests.support.examples import ORDER


@pytest.mark.fault("K09")
@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
async def test_proxies_of_the_environment_get_nothing(
    connect: Connect, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    async with FaultServer(ledger, "proxy") as proxy:
        monkeypatch.setenv(name, proxy.base_url)
        async with connect() as anton:
            told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

        assert proxy.connections == 0
    ledger.check("k1", told)
    assert told.payout is not None


@pytest.mark.fault("K09")
@pytest.mark.parametrize("trusting", [False, True])
async def test_netrc_changes_no_authorization(
    connect: Connect, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trusting: bool
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    async with aiohttp.ClientSession(trust_env=trusting) as session, connect(session=session) as anton:
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.payout is not None
    assert ledger.sent("k1")[0].headers["authorization"] == "DPoP issuer-1"


@pytest.mark.fault("K09")
async def test_no_secret_is_logged_beside_the_tls_keys(
    connect: Connect, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """SSLKEYLOGFILE is OpenSSL's own switch: SECURITY.md names it; a plain connection writes nothing there."""
    file = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(file))

    async with connect() as anton:
        await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    assert not file.exists() or file.read_text() == ""
    assert len(ledger.sent("k1")) == 1


BAD_TIMES: dict[str, Any] = {
    "0": 0,
    "negative": -1.0,
    "inf": math.inf,
    "NaN": math.nan,
    "bool": True,
    "text": "20",
    "tuple": (1, 2),
    "aiohttp's": aiohttp.ClientTimeout(),
}


@pytest.mark.fault("K10")
@pytest.mark.parametrize("name", ["timeout", "connect_timeout", "read_timeout"])
@pytest.mark.parametrize("value", BAD_TIMES.values(), ids=BAD_TIMES)
async def test_a_time_that_is_none_is_refused_before_anything_is_sent(
    connect: Connect, api: FaultServer, name: str, value: Any
) -> None:
    with pytest.raises(ConfigurationError, match=name):
        connect(**{name: value})

    assert api.connections == 0


@pytest.mark.fault("K10")
@pytest.mark.parametrize("value", BAD_TIMES.values(), ids=BAD_TIMES)
async def test_a_call_with_a_time_that_is_none_is_not_sent(
    anton: AntonClient, api: FaultServer, ledger: Ledger, value: Any
) -> None:
    with pytest.raises((ConfigurationError, RequestValidationError), match="timeout") as caught:
        await anton.payouts.create(**ORDER, idempotency_key="k1", timeout=value)

    assert caught.value.outcome is Outcome.NOT_SENT
    assert (api.connections, ledger.sent("k1")) == (0, [])


@pytest.mark.fault("K10")
async def test_a_call_without_a_time_ends_at_the_clients(connect: Connect, api: FaultServer, ledger: Ledger) -> None:
    api.script(lose("hang"))
    nothing: Any = None

    async with connect(timeout=0.05) as anton:
        await anton.warm_up()
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1", timeout=nothing))

    ledger.check("k1", told)
    assert told.outcome is Outcome.UNKNOWN


async def refuse(response: aiohttp.ClientResponse) -> None:
    raise RuntimeError(f"refused {response.status}")


async def meddle(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    request.headers["Idempotency-Key"] = "meddled"
    await send(request)
    return await send(request)


def with_credentials() -> aiohttp.ClientSession:
    with pytest.warns(DeprecationWarning, match="BasicAuth"):
        auth = aiohttp.BasicAuth("mallory", "hunter2")
    return aiohttp.ClientSession(auth=auth)


def with_cookies() -> aiohttp.ClientSession:
    jar = aiohttp.CookieJar(unsafe=True)
    jar.update_cookies({"session": "of-another"}, URL("http://127.0.0.1/"))
    return aiohttp.ClientSession(cookie_jar=jar, cookies={"session": "of-another"})


SESSIONS: dict[str, Callable[[], aiohttp.ClientSession]] = {
    "raises for status": lambda: aiohttp.ClientSession(raise_for_status=True),
    "raises by itself": lambda: aiohttp.ClientSession(raise_for_status=refuse),
    "base url": lambda: aiohttp.ClientSession(base_url="http://127.0.0.1:9/elsewhere/"),
    "credentials": with_credentials,
    "cookies": with_cookies,
    "no time": lambda: aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1e-9)),
    "middleware": lambda: aiohttp.ClientSession(middlewares=(meddle,)),
    "decompresses": lambda: aiohttp.ClientSession(auto_decompress=True, requote_redirect_url=False),
    "http/1.0": lambda: aiohttp.ClientSession(version=aiohttp.HttpVersion10),
    "headers": lambda: aiohttp.ClientSession(headers={"X-Mine": "y"}),
    "skips headers": lambda: aiohttp.ClientSession(skip_auto_headers=["User-Agent", "Accept"]),
    "no TLS checks": lambda: aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)),
    "force close": lambda: aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)),
}


@pytest.mark.fault("K11")
@pytest.mark.filterwarnings("ignore:The 'auth' parameter:DeprecationWarning")
@pytest.mark.parametrize("make", SESSIONS.values(), ids=SESSIONS)
async def test_a_session_of_the_users_does_not_change_what_is_sent(
    connect: Connect, api: FaultServer, ledger: Ledger, make: Callable[[], aiohttp.ClientSession]
) -> None:
    api.script((answer(503, "unavailable"), serve, serve))

    async with make() as session, connect(session=session) as anton:
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))
        await anton.balances.retrieve("USD")

    ledger.check("k1", told)
    assert told.payout is not None
    assert len(ledger.sent("k1")) == 2
    for sending in ledger.sendings:
        assert "cookie" not in sending.headers
        assert sending.headers["authorization"].startswith("Basic " if sending.server == "issuer" else "DPoP issuer-")
    assert "bWFsbG9yeTpodW50ZXIy" not in str(ledger.sendings), "the session's own credentials were sent"


@pytest.mark.fault("K11")
@pytest.mark.filterwarnings("ignore:The 'auth' parameter:DeprecationWarning")
@pytest.mark.parametrize("name", ["Authorization", "DPoP", "Cookie", "Expect", "Idempotency-Key", "Content-Length"])
async def test_a_session_that_sets_a_header_of_ours_is_refused(connect: Connect, api: FaultServer, name: str) -> None:
    async with aiohttp.ClientSession(headers={name: "100-continue"}) as session:
        with pytest.raises(ConfigurationError, match=name.lower()):
            await connect(session=session).open()

    assert api.connections == 0


@pytest.mark.fault("K11")
async def test_cookies_the_api_sets_are_not_sent_back(connect: Connect, api: FaultServer, ledger: Ledger) -> None:
    api.script((answer(503, "unavailable", {"Set-Cookie": "sticky=1; Path=/"}), serve))

    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session,
        connect(session=session) as anton,
    ):
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert ["cookie" in sending.headers for sending in ledger.sent("k1")] == [False, False]


@pytest.mark.fault("K11", "K12")
async def test_a_closed_session_is_refused_also_when_it_is_closed_later(
    connect: Connect, api: FaultServer, ledger: Ledger
) -> None:
    async with aiohttp.ClientSession() as session:
        anton = await connect(session=session).open()
        await anton.balances.retrieve("USD")
    told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))
    await anton.close()

    with pytest.raises(ConfigurationError, match="closed"):
        await connect(session=session).open()
    ledger.check("k1", told)
    assert isinstance(told.error, ConfigurationError)
    assert len(ledger.sendings) == 2


@pytest.mark.fault("K11", "B22")
async def test_a_session_of_another_loop_is_refused_before_anything_is_sent(
    connect: Connect, api: FaultServer, ledger: Ledger
) -> None:
    def make() -> aiohttp.ClientSession:
        async def build() -> aiohttp.ClientSession:
            return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))

        with asyncio.Runner() as runner:
            return runner.run(build())

    session = await asyncio.to_thread(make)
    anton = connect(session=session, credentials=ApiKeyCredentials("ak_test_1"), max_retries=0)
    try:
        with pytest.raises(ConfigurationError, match="loop"):
            await anton.open()
    finally:
        await anton.close()
        session.detach()

    assert (ledger.sendings, api.connections) == ([], 0)


HOOKS = [
    "on_request_start",
    "on_connection_create_start",
    "on_connection_create_end",
    "on_request_headers_sent",
    "on_request_chunk_sent",
    "on_request_end",
]


@pytest.mark.fault("K11", "L08")
@pytest.mark.parametrize("error", [RuntimeError, ValueError, OSError, KeyError, aiohttp.ClientConnectionError])
@pytest.mark.parametrize("hook", HOOKS)
async def test_a_trace_hook_that_raises_ends_in_an_error_of_ours(
    connect: Connect, ledger: Ledger, hook: str, error: type[Exception]
) -> None:
    async def fail(*_: object) -> None:
        raise error("hunter2")

    trace = aiohttp.TraceConfig()
    getattr(trace, hook).append(fail)

    async with (
        aiohttp.ClientSession(trace_configs=[trace]) as session,
        connect(session=session, credentials=ApiKeyCredentials("ak_test_1"), max_retries=1) as anton,
    ):
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.error is not None
    assert "hunter2" not in str(told.error)
    if hook == "on_request_end":
        assert (told.outcome, len(ledger.payments)) == (Outcome.UNKNOWN, 1)


@pytest.mark.fault("K11", "L08")
@pytest.mark.parametrize("hook", HOOKS)
async def test_a_trace_hook_that_hangs_ends_at_the_deadline(connect: Connect, ledger: Ledger, hook: str) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    trace = aiohttp.TraceConfig()
    getattr(trace, hook).append(hang)

    async with (
        aiohttp.ClientSession(trace_configs=[trace]) as session,
        connect(session=session, credentials=ApiKeyCredentials("ak_test_1"), timeout=0.05) as anton,
    ):
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    assert told.error is not None
    assert told.error.idempotency_key == "k1"
    if told.outcome is Outcome.NOT_SENT:
        assert ledger.sent("k1") == []


@pytest.mark.fault("K08")
@pytest.mark.parametrize("weak", ["no check", "no host name", "TLS 1.1"])
def test_weak_tls_is_refused_outside_this_machine(weak: str) -> None:
    context = ssl.create_default_context()
    if weak == "TLS 1.1":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1_1
    else:
        context.check_hostname = False
    if weak == "no check":
        context.verify_mode = ssl.CERT_NONE

    with pytest.raises(ConfigurationError, match="ssl must"):
        AntonClient(ApiKeyCredentials("ak_test_1"), ssl=context)
