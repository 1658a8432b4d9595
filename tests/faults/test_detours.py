"""Redirects are not followed, and a proxy that is not one gets nothing."""

from __future__ import annotations

import asyncio
import traceback

import pytest

from anton_async import AntonClient, ApiError, ApiKeyCredentials, ConnectionError, Outcome, ProxyError, TLSError
from tests.faults.certificates import Authority
from tests.faults.conftest import Connect
from tests.faults.ledger import Ledger, Report, report
from tests.faults.server import End, FaultServer, Link, Step
from tests.faults.steps import answer, break_at_once, lose, serve
from tests.support.clock import SteppedClock
from tests.support.examples import ORDER

PASSWORD = "hunter2-of-the-proxy"


@pytest.mark.fault("C20")
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308, 399])
@pytest.mark.parametrize("target", ["{other}/v1/payouts", "{own}/v1/elsewhere", "/v1/payouts", "file:///etc/passwd"])
async def test_a_redirect_reaches_nobody(
    anton: AntonClient, api: FaultServer, ledger: Ledger, status: int, target: str
) -> None:
    async with FaultServer(ledger, "other") as other:
        location = target.format(other=other.base_url, own=api.base_url)
        api.script(answer(status, headers={"Location": location}))
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

        assert other.connections == 0
    ledger.check("k1", told)
    assert isinstance(told.error, ApiError)
    assert (told.outcome, told.error.status, len(ledger.sent("k1"))) == (Outcome.UNKNOWN, status, 1)


@pytest.mark.fault("C20")
@pytest.mark.parametrize("location", ["http://[", "//", "\\\\evil", "https://a b", "http://evil:99999999/", ""])
async def test_a_redirect_to_nonsense_is_told_as_a_redirect(
    anton: AntonClient, api: FaultServer, ledger: Ledger, location: str
) -> None:
    api.script(answer(307, headers={"Location": location}))

    told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert isinstance(told.error, ApiError)
    assert told.error.status == 307


@pytest.mark.fault("C20")
async def test_a_read_is_not_redirected_either(anton: AntonClient, api: FaultServer, ledger: Ledger) -> None:
    async with FaultServer(ledger, "other") as other:
        api.script(answer(302, headers={"Location": f"{other.base_url}/v1/balances/USD"}))
        with pytest.raises(ApiError) as caught:
            await anton.balances.retrieve("USD")

        assert (caught.value.status, other.connections) == (302, 0)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def says(raw: bytes, how: End = "close") -> Step:
    async def step(link: Link) -> None:
        await link.head()
        await link.say(raw)
        await link.end(how)

    return step


async def tunnel(link: Link) -> None:
    """Do what a proxy is asked to do."""
    host, _, port = (await link.head()).split(b" ")[1].decode().rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    await link.say(b"HTTP/1.1 200 Connection established\r\n\r\n")

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(1 << 16):
            sink.write(data)
        sink.write_eof()

    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(carry(link.reader, writer))
            both.create_task(carry(reader, link.writer))
    except* OSError:
        link.reset()
    finally:
        writer.close()
    await link.end("close")


async def pay_through(proxy: FaultServer, api: FaultServer, authority: Authority, retries: int = 1) -> Report:
    async with AntonClient(
        ApiKeyCredentials("ak_test_1"),
        base_url=api.base_url,
        proxy=f"http://user:{PASSWORD}@127.0.0.1:{proxy.port}",
        ssl=authority.trusted(),
        max_retries=retries,
        connect_timeout=0.1,
        clock=SteppedClock(),
    ) as anton:
        return await report(anton.payouts.create(**ORDER, idempotency_key="k1"))


REFUSALS = {
    "407": says(b"HTTP/1.1 407 X\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"),
    "403 with a page": says(b"HTTP/1.1 403 X\r\nContent-Length: 4\r\n\r\npage", "keep"),
    "502": says(b"HTTP/1.1 502 X\r\nContent-Length: 0\r\n\r\n"),
    "a redirect": says(b"HTTP/1.1 302 X\r\nLocation: http://evil.example/\r\n\r\n"),
    "204": says(b"HTTP/1.1 204 X\r\n\r\n"),
    "garbage": says(b"\x00\x01\x02 what?\r\n\r\n"),
    "HTTP/0.9": says(b"<html>"),
    "a cut status line": says(b"HTTP/1.1 2"),
    "two lengths": says(b"HTTP/1.1 200 X\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    "a header of 64 KiB": says(b"HTTP/1.1 200 X\r\nX: " + b"x" * 65536 + b"\r\n\r\n"),
    "status 999": says(b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n"),
    "nothing, closed": says(b""),
    "nothing, reset": says(b"", "reset"),
    "closed at once": break_at_once("close"),
    "reset at once": break_at_once("reset"),
    "silence": says(b"", "hang"),
    "a tunnel that closes": says(b"HTTP/1.1 200 X\r\n\r\n"),
    "a tunnel that resets": says(b"HTTP/1.1 200 X\r\n\r\n", "reset"),
    "a tunnel of garbage": says(b"HTTP/1.1 200 X\r\n\r\n" + b"garbage" * 99, "hang"),
    "a tunnel into silence": says(b"HTTP/1.1 200 X\r\n\r\n", "hang"),
}


@pytest.mark.fault("C21", "I09")
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
async def test_a_proxy_that_fails_is_told_as_not_sent_without_its_password(
    ledger: Ledger, authority: Authority, refusal: Step
) -> None:
    async with FaultServer(ledger, tls=authority.serving()) as api, FaultServer(ledger, "proxy") as proxy:
        proxy.script(*[refusal] * 2)
        told = await pay_through(proxy, api, authority)

        assert api.connections == 0
    ledger.check("k1", told)
    assert isinstance(told.error, ConnectionError)
    assert told.outcome is Outcome.NOT_SENT
    shown = "".join(traceback.format_exception(told.error)) + repr(vars(told.error))
    assert PASSWORD not in shown
    assert proxy.connections == told.error.attempts


@pytest.mark.fault("C21")
async def test_a_proxy_that_is_down_is_told_as_not_sent(ledger: Ledger, authority: Authority) -> None:
    async with FaultServer(ledger, tls=authority.serving()) as api:
        async with FaultServer(ledger, "proxy") as proxy:
            pass
        told = await pay_through(proxy, api, authority)

    ledger.check("k1", told)
    assert isinstance(told.error, ProxyError)
    assert PASSWORD not in repr(vars(told.error)) + str(told.error)


@pytest.mark.fault("C21", "C03")
async def test_a_stranger_behind_a_proxy_gets_nothing(
    ledger: Ledger, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = Authority(tmp_path_factory.mktemp("stranger"))
    async with FaultServer(ledger, tls=stranger.serving()) as api, FaultServer(ledger, "proxy") as proxy:
        proxy.script(*[tunnel] * 3)
        told = await pay_through(proxy, api, authority)

    ledger.check("k1", told)
    assert isinstance(told.error, TLSError)
    assert (told.outcome, told.error.attempts) == (Outcome.NOT_SENT, 1)


@pytest.mark.fault("C21", "C06")
@pytest.mark.parametrize("how", ["close", "reset"])
async def test_an_answer_lost_behind_a_proxy_is_paid_once(ledger: Ledger, authority: Authority, how: End) -> None:
    async with FaultServer(ledger, tls=authority.serving()) as api, FaultServer(ledger, "proxy") as proxy:
        proxy.script(*[tunnel] * 3)
        api.script(lose(how), serve)
        told = await pay_through(proxy, api, authority)

    ledger.check("k1", told)
    assert told.payout is not None
    assert (len(ledger.sent("k1")), len(ledger.payments)) == (2, 1)


@pytest.mark.fault("C21")
async def test_a_proxy_that_breaks_after_a_lost_answer_leaves_it_unknown(ledger: Ledger, authority: Authority) -> None:
    async with FaultServer(ledger, tls=authority.serving()) as api, FaultServer(ledger, "proxy") as proxy:
        proxy.script(tunnel, REFUSALS["garbage"])
        api.script(lose("close"))
        told = await pay_through(proxy, api, authority)

    ledger.check("k1", told)
    assert (told.outcome, len(ledger.payments)) == (Outcome.UNKNOWN, 1)


@pytest.mark.fault("C21")
async def test_a_plain_proxy_that_refuses_is_told_as_rejected(connect: Connect, ledger: Ledger) -> None:
    async with FaultServer(ledger, "proxy") as proxy:
        proxy.script((answer(407), answer(407)))
        async with connect(
            credentials=ApiKeyCredentials("ak_test_1"), proxy=f"http://user:{PASSWORD}@127.0.0.1:{proxy.port}"
        ) as anton:
            told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.outcome is Outcome.REJECTED
    assert PASSWORD not in str(told.error)
