"""The same payout from other processes, interpreters' switches, places and event loops: always the same result."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.faults.ledger import Ledger
from tests.faults.server import FaultServer
from tests.faults.steps import drop, lose, serve
from tests.support import loops

ROOT = Path(__file__).resolve().parent.parent.parent


async def run(api: FaultServer, errand: str, *keys: str, flags: tuple[str, ...] = (), **variables: str) -> list[str]:
    """Run an errand; return its lines on standard output, and those on standard error with a mark."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *flags,
        "-m",
        "tests.faults.errand",
        errand,
        api.base_url,
        *keys,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        while errand in {"abandon", "forsake"} and not all(api.ledger.sent(key) for key in keys):  # noqa: ASYNC110 - a server in a thread
            await asyncio.sleep(0.01)
        output, problems = await process.communicate(b"\n")
    return [*sorted(output.decode().splitlines()), *(f"! {line}" for line in problems.decode().splitlines())]


@pytest.mark.fault("L09")
@pytest.mark.parametrize(
    ("flags", "variables"),
    [
        pytest.param(("-O",), {"PYTHONHASHSEED": "0", "TZ": "Asia/Kathmandu"}, id="-O"),
        pytest.param(("-OO",), {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}, id="-OO, tr_TR"),
        pytest.param(("-X", "utf8=0"), {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}, id="ASCII"),
        pytest.param(("-W", "error"), {"ERRAND_RECURSION": "180"}, id="recursion limit"),
    ],
)
async def test_switches_and_places_change_nothing(
    api: FaultServer, ledger: Ledger, flags: tuple[str, ...], variables: dict[str, str]
) -> None:
    api.script(serve, (serve, lose("close")), serve)  # one connection for the token, which is kept

    told = await run(api, "pay", "k1", flags=flags, **variables)

    assert told == ["k1 paid pay_1"]
    assert len(ledger.payments) == 1


@pytest.mark.fault("L04")
@pytest.mark.parametrize("loop", loops.FACTORIES)
async def test_every_event_loop_tells_the_same(api: FaultServer, ledger: Ledger, loop: str) -> None:
    if reason := loops.missing(loop):
        pytest.skip(reason)
    api.script((serve, lose("reset")), drop("close"), lose("close"), serve)

    told = await run(api, "pay", "k1", "k2", flags=("-W", "error"), ERRAND_LOOP=loop)

    assert sorted(ledger.payments) == ["k1", "k2"]
    assert told == [f"{key} paid {ledger.payments[key].id}" for key in ("k1", "k2")]


@pytest.mark.fault("C24")
@pytest.mark.parametrize("errand", ["abandon", "forsake"])
async def test_ending_with_calls_under_way_neither_hangs_nor_storms(
    api: FaultServer, ledger: Ledger, errand: str
) -> None:
    api.script((serve, lose("hang")), *[lose("hang")] * 20)
    keys = [f"k{number}" for number in range(10)]

    told = await run(api, errand, *keys)

    for line in told:
        key, _, outcome = line.partition(" ")
        assert key == "!" or (outcome.endswith("unknown") if key in ledger.payments else "paid" not in outcome), line
    assert len(told) < 20 * len(keys), "\n".join(told)
    assert [len(ledger.sent(key)) for key in keys] == [1] * len(keys)


@pytest.mark.fault("L07")
@pytest.mark.parametrize("errand", ["fork", "pay"])
async def test_workers_share_neither_socket_nor_token(api: FaultServer, ledger: Ledger, errand: str) -> None:
    if errand == "pay":
        told = [line for key in ("k1", "k2") for line in await run(api, "pay", key)]
    else:
        told = await run(api, "fork", "k1", "k2")

    assert told == [f"{key} paid {ledger.payments[key].id}" for key in ("k1", "k2")]
    tokens = {sending.headers["authorization"] for sending in ledger.sendings if sending.key is not None}
    assert (ledger.mints, len(tokens)) == (2, 2)
    assert len({sending.connection for sending in ledger.sendings if sending.key is not None}) == 2


@pytest.mark.fault("L07", "B22")
async def test_a_client_from_before_a_fork_sends_nothing_in_the_child(api: FaultServer, ledger: Ledger) -> None:
    told = await run(api, "inherit", "k1", "k2")

    assert told[:2] == ["k1 ConfigurationError not_sent", "k2 ConfigurationError not_sent"]
    assert told[2] == f"parent paid {ledger.payments['parent'].id}"
    assert (ledger.sent("k1"), ledger.sent("k2"), ledger.mints) == ([], [], 1)
