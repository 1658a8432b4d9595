"""The request may have left, and no whole answer came back: repeated under the same key, paid once, told as unknown."""

from __future__ import annotations

import asyncio
import re

import pytest

from anton_async import AntonClient, DeadlineExceededError, Outcome, ReadTimeoutError, TransportError
from tests.faults.conftest import Connect
from tests.faults.ledger import Ledger, Report, report
from tests.faults.server import FaultServer, Step
from tests.faults.steps import answer, break_at_once, break_in_head, drip, drop, lose, serve, spoil
from tests.support.examples import ORDER

BREAKS = [
    pytest.param(break_at_once("close"), False, id="closed at once", marks=pytest.mark.fault("C04")),
    pytest.param(break_at_once("reset"), False, id="reset at once", marks=pytest.mark.fault("C04")),
    pytest.param(break_in_head("close"), False, id="closed after the headers", marks=pytest.mark.fault("C05")),
    pytest.param(break_in_head("reset"), False, id="reset after the headers", marks=pytest.mark.fault("C05")),
    pytest.param(drop("close"), True, id="closed after the request", marks=pytest.mark.fault("C05")),
    pytest.param(drop("reset"), True, id="reset after the request", marks=pytest.mark.fault("C05")),
    pytest.param(lose("close"), True, id="executed, then closed", marks=pytest.mark.fault("C06")),
    pytest.param(lose("reset"), True, id="executed, then reset", marks=pytest.mark.fault("C06")),
    pytest.param(break_at_once("hang"), False, id="hangs after accept", marks=pytest.mark.fault("C07")),
    pytest.param(lose("hang"), True, id="hangs after the request", marks=pytest.mark.fault("C07")),
    pytest.param(spoil(lambda raw: raw[:-9], "hang"), True, id="hangs in the body", marks=pytest.mark.fault("C07")),
    pytest.param(spoil(lambda raw: raw[:7], "hang"), True, id="hangs in the status", marks=pytest.mark.fault("C07")),
    pytest.param(spoil(lambda raw: raw[:-9], "reset"), True, id="reset in the body", marks=pytest.mark.fault("C05")),
]


def is_true(told: Report, ledger: Ledger, api: FaultServer) -> bool:
    """Unknown; or not sent, where no byte left since the loop saw the connection closed first, as uvloop does."""
    return told.outcome is Outcome.UNKNOWN or (told.outcome is Outcome.NOT_SENT and not ledger.raw[api.name, 1])


@pytest.mark.parametrize(("broken", "arrived"), BREAKS)
async def test_one_broken_attempt_ends_in_one_payout(
    connect: Connect, api: FaultServer, ledger: Ledger, broken: Step, arrived: bool
) -> None:
    api.script(broken, serve)

    async with connect(read_timeout=0.05) as anton:
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.payout is not None
    assert (len(ledger.payments), len(ledger.sent("k1")), api.connections) == (1, 1 + arrived, 2)


@pytest.mark.fault("C06", "E18")
@pytest.mark.parametrize(("broken", "arrived"), BREAKS)
async def test_without_retries_it_is_told_as_unknown_and_the_next_call_is_clean(
    connect: Connect, api: FaultServer, ledger: Ledger, broken: Step, arrived: bool
) -> None:
    api.script(broken)

    async with connect(max_retries=0, read_timeout=0.05) as anton:
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))
        after = await report(anton.payouts.create(**ORDER, idempotency_key="k2"))

    ledger.check("k1", told)
    ledger.check("k2", after)
    assert isinstance(told.error, TransportError)
    assert is_true(told, ledger, api)
    assert (len(ledger.sent("k1")), len(ledger.sent("k2"))) == (int(arrived), 1)


@pytest.mark.parametrize(("broken", "arrived"), BREAKS)
async def test_broken_every_time_it_stays_unknown_and_is_paid_at_most_once(
    connect: Connect, api: FaultServer, ledger: Ledger, broken: Step, arrived: bool
) -> None:
    api.script(*[broken] * 4)

    async with connect(max_retries=2, read_timeout=0.02) as anton:
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.error is not None
    assert told.error.attempts == 3
    assert is_true(told, ledger, api)
    assert (api.connections, len(ledger.sent("k1"))) == (3, 3 * arrived)


@pytest.mark.fault("C06")
@pytest.mark.parametrize("later", [(401, "unauthorized"), (403, "forbidden"), (429, "rate_limited"), (404, None)])
async def test_a_refusal_after_a_lost_answer_does_not_make_the_payout_unpaid(
    connect: Connect, api: FaultServer, ledger: Ledger, later: tuple[int, str | None]
) -> None:
    api.script(lose("close"), (answer(*later),) * 9)

    async with connect(max_retries=2) as anton:
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.outcome is Outcome.UNKNOWN
    assert len(ledger.payments) == 1


@pytest.mark.fault("C08", "C23")
@pytest.mark.parametrize("pause", [0.001, 0.02])
async def test_an_answer_that_drips_ends_at_the_deadline_as_unknown(
    connect: Connect, api: FaultServer, ledger: Ledger, pause: float
) -> None:
    api.script(drip(pause))
    loop = asyncio.get_running_loop()

    async with connect() as anton:
        await anton.warm_up()
        started = loop.time()
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1", timeout=0.1))
        took = loop.time() - started

    ledger.check("k1", told)
    assert isinstance(told.error, DeadlineExceededError)
    assert told.outcome is Outcome.UNKNOWN
    assert took < 0.2
    assert len(ledger.sent("k1")) == 1


@pytest.mark.fault("C08")
async def test_a_slow_answer_that_keeps_coming_is_read(anton: AntonClient, api: FaultServer, ledger: Ledger) -> None:
    api.script(drip(0))

    told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.payout is not None
    assert len(ledger.sent("k1")) == 1


@pytest.mark.fault("C19")
@pytest.mark.parametrize("how", [break_at_once("close"), break_at_once("reset"), lose("close"), lose("reset")])
async def test_a_kept_connection_that_ends_under_a_payout(
    anton: AntonClient, api: FaultServer, ledger: Ledger, how: Step
) -> None:
    api.script((serve, how), serve)
    await anton.balances.retrieve("USD")

    told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.payout is not None
    assert (len(ledger.payments), api.connections) == (1, 2)


@pytest.mark.fault("C19")
async def test_a_pool_of_connections_gone_stale_together(connect: Connect, api: FaultServer, ledger: Ledger) -> None:
    api.script(*[(serve, lose("close"))] * 8)
    keys = [f"k{number}" for number in range(8)]

    async with connect() as anton:
        await asyncio.gather(*[anton.balances.retrieve("USD") for _ in keys])
        told = await asyncio.gather(*[report(anton.payouts.create(**ORDER, idempotency_key=key)) for key in keys])

    for key, each in zip(keys, told, strict=True):
        ledger.check(key, each)
        assert each.payout is not None
        assert len(ledger.sent(key)) <= 1 + 8
    assert len(ledger.payments) == 8


@pytest.mark.fault("C07")
async def test_reads_that_hang_are_not_called_unknown_payouts(connect: Connect, api: FaultServer) -> None:
    api.script(drop("hang"), serve)

    async with connect(max_retries=0, read_timeout=0.02) as anton:
        with pytest.raises(ReadTimeoutError) as caught:
            await anton.balances.retrieve("USD")
        assert caught.value.idempotency_key is None
        assert (await anton.balances.retrieve("USD")).currency == "USD"


@pytest.mark.fault("C23")
@pytest.mark.parametrize("timeout", [1e-9, 0.001, 0.005, 0.02])
@pytest.mark.parametrize("broken", [lose("hang"), break_at_once("hang"), serve])
async def test_a_deadline_shorter_than_an_attempt_tells_the_truth(
    connect: Connect, api: FaultServer, ledger: Ledger, timeout: float, broken: Step
) -> None:
    api.script(broken)
    loop = asyncio.get_running_loop()

    async with connect() as anton:
        started = loop.time()
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1", timeout=timeout))
        took = loop.time() - started

    ledger.check("k1", told)
    assert took < timeout + 0.1
    if told.error is not None:
        assert isinstance(told.error, DeadlineExceededError)
        assert re.search(r"not done within timeout=", str(told.error))


@pytest.mark.fault("C04", "C05", "C06", "C07")
async def test_any_sequence_of_faults_is_paid_once(connect: Connect, api: FaultServer, ledger: Ledger) -> None:
    """Every ordered pair of faults, each over one connection, with an honest server at the end."""
    steps = [
        break_at_once("close"),
        break_at_once("reset"),
        break_in_head("reset"),
        drop("close"),
        lose("close"),
        lose("reset"),
        spoil(lambda raw: raw[:-5]),
        spoil(lambda raw: b"\x00" + raw),
        spoil(lambda raw: raw.replace(b"201", b"503")),
        answer(503, "unavailable"),
        answer(429, "rate_limited", {"Retry-After": "1"}),
        answer(409, "idempotency_in_flight", {"Retry-After": "1"}),
    ]

    async with connect(rate_limit=None, retry_budget=None) as anton:
        for first in range(len(steps)):
            for second in range(len(steps)):
                key = f"k{first}-{second}"
                paid = len(ledger.payments)
                api.script((steps[first], break_at_once("close")), (steps[second], break_at_once("close")), serve)
                told = await report(anton.payouts.create(**ORDER, idempotency_key=key, max_retries=9))
                ledger.check(key, told)
                assert told.payout is not None
                assert len(ledger.payments) == paid + 1
