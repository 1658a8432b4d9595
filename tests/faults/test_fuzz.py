"""Answers altered at random: whatever comes back, the caller gets an error of ours and the next call is clean."""

from __future__ import annotations

import random

import pytest

from anton_async import Outcome
from tests.faults.conftest import Connect
from tests.faults.ledger import Ledger, report
from tests.faults.server import End, FaultServer
from tests.faults.steps import spoil
from tests.support.examples import ORDER

PIECES = [
    b"\r\n",
    b"\n",
    b"\x00",
    b":",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip\r\n",
    b"Connection: upgrade\r\nUpgrade: h2c\r\n",
    b"Content-Encoding: gzip\r\n",
    b"HTTP/1.1 100 X\r\n\r\n",
    b"HTTP/1.1 101 X\r\n\r\n",
    b"Retry-After: 9999999999\r\n",
    b"DPoP-Nonce: \xff\r\n",
    b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
]


def altered(raw: bytes, chance: random.Random) -> bytes:
    """Change an answer in one to three places, more often near its head than in its body."""
    found = bytearray(raw)
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(min(len(found), chance.choice([20, 80, 1000])))
        match chance.randrange(5):
            case 0:
                found[place] ^= 1 << chance.randrange(8)
            case 1:
                del found[place : place + chance.randint(1, 20)]
            case 2:
                del found[place + 1 :]
            case 3:
                found[place:place] = found[: chance.randint(1, 60)]
            case _:
                found[place:place] = chance.choice(PIECES)
        found = found or bytearray(b"?")
    return bytes(found)


@pytest.mark.fault("C09", "C10", "C11", "C12")
@pytest.mark.parametrize("seed", range(60))
async def test_any_altered_answer_is_read_or_unknown_and_the_next_call_is_clean(
    connect: Connect, api: FaultServer, ledger: Ledger, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    hows: list[End] = ["keep", "close", "reset"]
    api.script(spoil(lambda raw: altered(raw, chance), chance.choice(hows)))

    async with connect(read_timeout=0.2) as anton:
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1", max_retries=0))
        after = await report(anton.payouts.create(**ORDER, idempotency_key="k2"))

    assert told.payout is not None or told.outcome is Outcome.UNKNOWN
    assert len(ledger.sent("k1")) == 1
    ledger.check("k2", after)
    assert after.payout is not None
