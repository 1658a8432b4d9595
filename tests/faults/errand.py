"""A process of its own that pays through a fault server.

    python -m tests.faults.errand pay BASE_URL KEY...          prints one line a key: what the caller was told
    python -m tests.faults.errand abandon BASE_URL KEY...      ends with the calls still under way, at a line on stdin
    python -m tests.faults.errand forsake BASE_URL KEY...      closes the event loop under the calls, likewise
    python -m tests.faults.errand fork BASE_URL KEY...         one forked process a key, each with a client of its own
    python -m tests.faults.errand inherit BASE_URL KEY...      one forked process a key, each tries its parent's client

`ERRAND_LOOP` picks the event loop, `ERRAND_RECURSION` sets the recursion limit.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys

from anton_async import AntonClient, AntonError, DPoPKey, OAuthCredentials
from tests.support.examples import ORDER
from tests.support.loops import FACTORIES


def client(base_url: str) -> AntonClient:
    credentials = OAuthCredentials(
        client_id="ant_oc_test_" + "2" * 32, client_secret="ant_ocs_test_" + "3" * 48, key=DPoPKey.generate()
    )
    return AntonClient(credentials, base_url=base_url, max_retries=2)


async def pay(anton: AntonClient, key: str) -> None:
    try:
        payout = await anton.payouts.create(**ORDER, idempotency_key=key)
    except AntonError as error:
        sys.stdout.write(f"{key} {type(error).__name__} {error.outcome.value}\n")
    else:
        sys.stdout.write(f"{key} paid {payout.id}\n")
    sys.stdout.flush()


async def pay_all(base_url: str, keys: list[str]) -> None:
    async with client(base_url) as anton, asyncio.TaskGroup() as calls:
        for key in keys:
            calls.create_task(pay(anton, key))


async def abandon(base_url: str, keys: list[str]) -> list[asyncio.Task[None]]:
    anton = await client(base_url).open()
    calls = [asyncio.create_task(pay(anton, key)) for key in keys]
    await asyncio.to_thread(sys.stdin.readline)
    return calls


def forsake(base_url: str, keys: list[str]) -> None:
    loop = FACTORIES["asyncio"]()
    calls = loop.run_until_complete(abandon(base_url, keys))
    loop.close()
    del calls
    gc.collect()


def fork(base_url: str, keys: list[str]) -> None:
    children: list[int] = []
    for key in keys:
        child = os.fork()
        if child == 0:
            asyncio.run(pay_all(base_url, [key]))
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


async def inherit(base_url: str, keys: list[str]) -> None:
    async with client(base_url) as anton:
        await anton.warm_up()
        for key in keys:
            child = os.fork()
            if child == 0:
                await pay(anton, key)
                os._exit(0)
            os.waitpid(child, 0)  # noqa: ASYNC222 - nothing else runs here
        await pay(anton, "parent")


def main(errand: str, base_url: str, *keys: str) -> None:
    if limit := os.environ.get("ERRAND_RECURSION"):
        sys.setrecursionlimit(int(limit))
    with asyncio.Runner(loop_factory=FACTORIES[os.environ.get("ERRAND_LOOP", "asyncio")]) as runner:
        runner.get_loop().slow_callback_duration = 60  # importing takes its time
        match errand:
            case "pay":
                runner.run(pay_all(base_url, [*keys]))
            case "abandon":
                runner.run(abandon(base_url, [*keys]))
            case "forsake":
                forsake(base_url, [*keys])
            case "fork":
                fork(base_url, [*keys])
            case "inherit":
                runner.run(inherit(base_url, [*keys]))
            case _:
                sys.exit(2)


if __name__ == "__main__":
    main(*sys.argv[1:])
