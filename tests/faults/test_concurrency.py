"""Many calls at once, two clients at once, a day of calls, and logging that fails: nothing mixes, grows or breaks."""

from __future__ import annotations

import asyncio
import gc
import logging
import tracemalloc
from collections.abc import Iterator

import pytest

from anton_async import AntonClient, DPoPKey, OAuthCredentials
from tests.faults.conftest import Connect
from tests.faults.ledger import Ledger, report
from tests.faults.server import FaultServer, Link, answer_to
from tests.faults.steps import lose, serve, spoil
from tests.support.clock import SteppedClock
from tests.support.examples import ORDER, changed


@pytest.mark.fault("L01")
@pytest.mark.parametrize("honest", [True, False])
async def test_a_thousand_payouts_at_once_do_not_mix(
    connect: Connect, api: FaultServer, ledger: Ledger, honest: bool
) -> None:
    names = [f"S-{number}" for number in range(1000)]
    if not honest:
        api.script(*[(serve,) * 20 + (lose("close"),)] * 40)

    async with connect(concurrency=20, rate_limit=None) as anton:
        orders = [changed(ORDER, reference=name) for name in names]
        told = await asyncio.gather(
            *[report(anton.payouts.create(**order, idempotency_key=order["reference"])) for order in orders]
        )
        assert api.open <= 20

    for name, each in zip(names, told, strict=True):
        ledger.check(name, each)
        assert each.payout is not None
        assert each.payout.reference == name
    assert len({each.payout.id for each in told if each.payout is not None}) == len(ledger.payments) == 1000
    assert ledger.mints == 1


@pytest.mark.fault("L01", "E01")
async def test_keys_that_nobody_gave_are_one_for_each_payout(connect: Connect, ledger: Ledger) -> None:
    async with connect(concurrency=20, rate_limit=None) as anton:
        told = await asyncio.gather(*[report(anton.payouts.create(**ORDER)) for _ in range(100)])

    assert len({each.payout.id for each in told if each.payout is not None}) == len(ledger.payments) == 100


@pytest.mark.fault("L05")
async def test_two_environments_in_one_process_share_nothing(dpop_key: DPoPKey, clock: SteppedClock) -> None:
    test, live = Ledger(), Ledger()
    async with FaultServer(test, "test") as here, FaultServer(live, "live") as there:

        def client(server: FaultServer, client_id: str, key: DPoPKey) -> AntonClient:
            credentials = OAuthCredentials(client_id=client_id, client_secret=f"ant_ocs_{client_id}", key=key)
            return AntonClient(credentials, base_url=server.base_url, clock=clock)

        async with client(here, "one", dpop_key) as one, client(there, "two", DPoPKey.generate()) as two:
            pairs = [(one, "a"), (two, "b")] * 20
            calls = [
                anton.payouts.create(**ORDER, idempotency_key=f"{name}{n}") for n, (anton, name) in enumerate(pairs)
            ]
            await asyncio.gather(*calls)

    for ledger, name, letter in ((test, "test", "a"), (live, "live", "b")):
        assert len(ledger.payments) == 20
        assert {key[0] for key in ledger.payments} == {letter}
        tokens = {each.headers["authorization"] for each in ledger.sendings if each.key is not None}
        assert tokens == {f"DPoP {name}-1"}
        ledger.check_sendings()


@pytest.mark.fault("L06")
async def test_a_day_of_calls_leaves_nothing_behind(
    connect: Connect, api: FaultServer, issuer: FaultServer, ledger: Ledger, clock: SteppedClock
) -> None:
    async def serve_with_nonce(link: Link) -> None:
        raw = answer_to(ledger, await link.request())
        await link.say(raw.replace(b"\r\n", b"\r\nDPoP-Nonce: nonce-%d\r\n" % len(ledger.sendings), 1))

    hour = 20  # calls
    api.script((serve_with_nonce,) * (hour * 25))
    sizes: list[int] = []
    tasks: list[int] = []

    async with connect() as anton:
        tracemalloc.start()
        for number in range(24 * hour):
            told = await report(anton.payouts.create(**ORDER, idempotency_key=f"k{number}"))
            assert told.payout is not None
            clock.step(3600 / hour)
            if number % (6 * hour) == 6 * hour - 1:
                gc.collect()
                ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/anton_async/*")])
                sizes.append(sum(trace.size for trace in ours.traces))
                tasks.append(len(asyncio.all_tasks()))
        tracemalloc.stop()

    assert 24 <= ledger.mints <= 32
    assert sizes[-1] < sizes[1] + 32_768, sizes
    assert tasks[-1] <= tasks[0] + 1
    assert api.connections + issuer.connections < 24 + 8
    assert len(ledger.payments) == 24 * hour


class Broken(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError("the disk of the log is full")


@pytest.fixture
def broken_log() -> Iterator[None]:
    ours, handler = logging.getLogger("anton_async"), Broken()
    level = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.DEBUG)
    yield
    ours.removeHandler(handler)
    ours.setLevel(level)


@pytest.mark.fault("L08")
@pytest.mark.usefixtures("broken_log")
async def test_a_log_handler_that_raises_does_not_change_what_is_told(
    connect: Connect, api: FaultServer, ledger: Ledger
) -> None:
    api.script(lose("close"), spoil(lambda raw: raw[:-5]), serve)

    async with connect() as anton:
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.payout is not None
    assert (len(ledger.sent("k1")), len(ledger.payments)) == (3, 1)
