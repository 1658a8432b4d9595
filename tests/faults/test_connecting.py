"""What fails before the request was written: not sent, told so, and nothing weaker is tried instead."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from anton_async import AntonClient, ApiKeyCredentials, ConnectionError, Outcome, TLSError
from tests.faults.certificates import Authority
from tests.faults.conftest import Connect
from tests.faults.ledger import Ledger, report
from tests.faults.server import FaultServer
from tests.faults.steps import break_at_once, lose, serve, speak_first
from tests.support.clock import SteppedClock
from tests.support.examples import ORDER


class Names(AbstractResolver):
    """Knows the addresses it is told, and fails for a name that has none."""

    def __init__(self, *addresses: tuple[str, int]) -> None:
        self._addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        del family
        if not self._addresses:
            raise OSError(None, "no such name")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=own or port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address, own in self._addresses
        ]

    async def close(self) -> None:
        """Do nothing."""


@contextlib.asynccontextmanager
async def session(*addresses: tuple[str, int], **options: Any) -> AsyncGenerator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(resolver=Names(*addresses), **options)
    async with aiohttp.ClientSession(connector=connector) as opened:
        yield opened


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections for as long as the test runs."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


@pytest.fixture
def deaf() -> Iterator[tuple[str, int]]:
    """An address that lets nobody in: its queue of connections is full."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.2", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()


@pytest.mark.fault("C01")
async def test_a_refused_connection_is_repeated_and_told_as_not_sent(
    connect: Connect, ledger: Ledger, closed_port: int, clock: SteppedClock
) -> None:
    async with connect(base_url=f"http://127.0.0.1:{closed_port}", max_retries=3) as anton:
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert isinstance(told.error, ConnectionError)
    assert (told.outcome, told.error.attempts, len(clock.pauses)) == (Outcome.NOT_SENT, 4, 3)


@pytest.mark.fault("C01")
@pytest.mark.parametrize("addresses", [(), (("255.255.255.255", 1),)], ids=["no name", "no route"])
async def test_a_name_that_leads_nowhere_is_told_as_not_sent(
    connect: Connect, ledger: Ledger, addresses: tuple[tuple[str, int], ...]
) -> None:
    async with (
        session(*addresses) as foreign,
        connect(base_url="http://localhost:1", session=foreign, max_retries=1, connect_timeout=0.05) as anton,
    ):
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert isinstance(told.error, ConnectionError)
    assert (told.outcome, told.error.attempts) == (Outcome.NOT_SENT, 2)


@pytest.mark.fault("C01")
async def test_an_address_that_does_not_answer_ends_at_the_connect_timeout(
    connect: Connect, ledger: Ledger, deaf: tuple[str, int]
) -> None:
    async with connect(base_url=f"http://{deaf[0]}:{deaf[1]}", max_retries=1, connect_timeout=0.05) as anton:
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert isinstance(told.error, ConnectionError)
    assert (told.outcome, told.error.attempts) == (Outcome.NOT_SENT, 2)


@pytest.mark.fault("C01")
async def test_not_sent_once_and_then_paid(
    connect: Connect, api: FaultServer, ledger: Ledger, closed_port: int
) -> None:
    class Recovering(Names):
        async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
            found = await super().resolve(host, port, family)
            self._addresses = (("127.0.0.1", api.port),)
            return found

    connector = aiohttp.TCPConnector(resolver=Recovering(("127.0.0.1", closed_port)), use_dns_cache=False)
    async with (
        aiohttp.ClientSession(connector=connector) as foreign,
        connect(base_url="http://localhost:1", session=foreign) as anton,
    ):
        await anton.warm_up()
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.payout is not None
    assert len(ledger.sent("k1")) == 1


@pytest.mark.fault("C02")
async def test_waiting_for_a_smaller_pool_in_vain_is_not_sent(
    connect: Connect, api: FaultServer, ledger: Ledger
) -> None:
    api.script(lose("hang"))

    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as foreign,
        connect(session=foreign, max_retries=0, connect_timeout=0.05, read_timeout=0.5) as anton,
    ):
        await anton.warm_up()
        first = asyncio.create_task(report(anton.payouts.create(**ORDER, idempotency_key="k1")))
        await api.asked.wait()
        second = await report(anton.payouts.create(**ORDER, idempotency_key="k2"))
        first_told = await first

    ledger.check("k1", first_told)
    ledger.check("k2", second)
    assert first_told.outcome is Outcome.UNKNOWN
    assert isinstance(second.error, ConnectionError)
    assert second.outcome is Outcome.NOT_SENT


@pytest.mark.fault("C02", "K11")
@pytest.mark.parametrize("limit", [1, 3])
async def test_many_calls_share_a_smaller_pool(connect: Connect, api: FaultServer, ledger: Ledger, limit: int) -> None:
    keys = [f"k{number}" for number in range(40)]

    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=limit)) as foreign,
        connect(session=foreign) as anton,
    ):
        told = await asyncio.gather(*[report(anton.payouts.create(**ORDER, idempotency_key=key)) for key in keys])

    for key, each in zip(keys, told, strict=True):
        ledger.check(key, each)
        assert each.payout is not None
    assert api.connections <= limit


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"))


async def test_a_trusted_server_is_paid_through(connect: Connect, ledger: Ledger, authority: Authority) -> None:
    async with (
        FaultServer(ledger, "tls", tls=authority.serving()) as secure,
        connect(base_url=secure.base_url, ssl=authority.trusted()) as anton,
    ):
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.payout is not None


OLD_HELLO = b"\x16\x03\x01\x00\x2a\x02\x00\x00\x26\x03\x01" + bytes(32) + b"\x00\x00\x2f\x00"
"""A ServerHello of TLS 1.0 that picks an RSA cipher suite."""
PLAIN = {
    "TLS 1.0": OLD_HELLO,
    "SSL 3": OLD_HELLO.replace(b"\x03\x01", b"\x03\x00"),
    "no common version": b"\x15\x03\x01\x00\x02\x02\x46",
    "plain HTTP": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.fault("C03")
@pytest.mark.parametrize("case", ["untrusted", "expired", "wrong host", *PLAIN])
async def test_a_peer_that_cannot_be_trusted_gets_nothing_and_is_not_asked_again(
    connect: Connect, ledger: Ledger, authority: Authority, stranger: Authority, case: str
) -> None:
    serving = {
        "untrusted": stranger.serving(),
        "expired": authority.serving(days=-1),
        "wrong host": authority.serving("other.example"),
    }
    async with FaultServer(ledger, "tls", tls=serving.get(case)) as peer:
        if case in PLAIN:
            peer.script(speak_first(PLAIN[case], "hang"))
        base_url = f"https://127.0.0.1:{peer.port}"
        async with connect(base_url=base_url, ssl=authority.trusted(), connect_timeout=1) as anton:
            await anton.warm_up()
            told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert isinstance(told.error, TLSError)
    assert (told.outcome, told.error.attempts) == (Outcome.NOT_SENT, 1)
    assert not any(b"HTTP/1.1" in seen for (name, _), seen in ledger.raw.items() if name == "tls")


@pytest.mark.fault("C03", "C04")
@pytest.mark.parametrize("how", ["close", "reset", "hang"])
async def test_a_handshake_that_breaks_off_is_not_sent(
    connect: Connect, ledger: Ledger, authority: Authority, how: Any
) -> None:
    async with FaultServer(ledger, "tls") as peer:
        peer.script(*[break_at_once(how)] * 2)
        base_url = f"https://127.0.0.1:{peer.port}"
        async with connect(
            base_url=base_url, ssl=authority.trusted(), max_retries=1, connect_timeout=0.1, read_timeout=0.1
        ) as anton:
            told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert isinstance(told.error, ConnectionError)
    assert told.outcome is Outcome.NOT_SENT


@pytest.mark.fault("C03", "C06")
async def test_answers_lost_behind_tls_are_paid_once(connect: Connect, ledger: Ledger, authority: Authority) -> None:
    async with FaultServer(ledger, "tls", tls=authority.serving()) as secure:
        secure.script(lose("reset"), lose("close"), serve)
        async with connect(base_url=secure.base_url, ssl=authority.trusted()) as anton:
            told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.payout is not None
    assert (len(ledger.sent("k1")), len(ledger.payments)) == (3, 1)


@pytest.mark.fault("L10")
@pytest.mark.parametrize("dead", ["refused", "silent", "no route"])
async def test_a_dead_first_address_does_not_cost_the_call(
    connect: Connect, api: FaultServer, ledger: Ledger, deaf: tuple[str, int], dead: str
) -> None:
    first = {"refused": ("::1", 1), "silent": deaf, "no route": ("255.255.255.255", 1)}[dead]

    async with (
        session(first, ("127.0.0.1", api.port), happy_eyeballs_delay=0.01) as foreign,
        connect(base_url="http://localhost:1", session=foreign, max_retries=0, connect_timeout=2) as anton,
    ):
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.payout is not None
    assert len(ledger.sent("k1")) == 1


@pytest.mark.fault("L10")
async def test_a_machine_without_ipv6_connects(
    connect: Connect, api: FaultServer, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = socket.socket

    class Only4(make):  # type: ignore[misc,valid-type]  # the class before it is replaced
        def __init__(self, family: int = socket.AF_INET, *arguments: Any, **options: Any) -> None:
            if family == socket.AF_INET6:
                raise OSError(97, "Address family not supported by protocol")
            super().__init__(family, *arguments, **options)

    monkeypatch.setattr(socket, "socket", Only4)

    async with (
        session(("::1", api.port), ("127.0.0.1", api.port)) as foreign,
        connect(base_url="http://localhost:1", session=foreign, max_retries=0, connect_timeout=2) as anton,
    ):
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.payout is not None


async def test_the_default_client_trusts_no_private_authority(ledger: Ledger, authority: Authority) -> None:
    async with (
        FaultServer(ledger, "tls", tls=authority.serving()) as secure,
        AntonClient(ApiKeyCredentials("ak_test_1"), base_url=secure.base_url) as anton,
    ):
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    assert isinstance(told.error, TLSError)
