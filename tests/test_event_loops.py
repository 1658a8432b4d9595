"""The same payouts, with the same results, on every event loop; `make test-all` runs all tests that way."""

from __future__ import annotations

import asyncio

import pytest

from anton_async import AntonClient, DPoPKey, OAuthCredentials
from anton_async.models import CreatedPayout
from tests.stateful.oracle import CALL_HEADER, Fate, Oracle
from tests.stateful.virtual_time import VirtualClock
from tests.support import loops
from tests.support.examples import ORDER, changed


class ImpatientClock(VirtualClock):
    async def sleep(self, seconds: float) -> None:
        del seconds
        await asyncio.sleep(0)


async def pay_thirty(oracle: Oracle, dpop_key: DPoPKey) -> list[CreatedPayout | BaseException]:
    """Create thirty payouts at once; some answers are lost, and the eighth call is cancelled."""
    await oracle.open()
    oracle.fates.extend([Fate(delivery="nothing"), Fate(), Fate(verdict="fail after"), Fate(end="reset")] * 8)
    credentials = OAuthCredentials(client_id="ant_oc_test_1", client_secret="s", key=dpop_key)
    url, clock = f"http://127.0.0.1:{oracle.port}", ImpatientClock(asyncio.get_running_loop())
    async with AntonClient(credentials, base_url=url, max_retries=20, clock=clock) as anton:
        calls = [
            asyncio.create_task(
                anton.payouts.create(
                    **changed(ORDER, reference=f"S-{number}"),
                    idempotency_key=f"key-{number}",
                    headers={CALL_HEADER: str(number)},
                )
            )
            for number in range(30)
        ]
        await asyncio.sleep(0)
        calls[7].cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
    await oracle.close()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return results


@pytest.mark.fault("L04")
@pytest.mark.parametrize("name", loops.FACTORIES)
def test_payouts_are_the_same_on_every_loop(name: str, dpop_key: DPoPKey) -> None:
    if reason := loops.missing(name):
        pytest.skip(reason)
    oracle = Oracle()

    with asyncio.Runner(loop_factory=loops.FACTORIES[name]) as runner:
        results = runner.run(pay_thirty(oracle, dpop_key))

    executed = {execution.key: execution.payout_id for execution in oracle.executions}
    assert len(executed) == len(oracle.executions)
    assert isinstance(results.pop(7), asyncio.CancelledError)
    executed.pop("key-7", None)
    assert [result.id for result in results if isinstance(result, CreatedPayout)] == [
        executed[f"key-{number}"] for number in range(30) if number != 7
    ]
    assert oracle.complaints == []
