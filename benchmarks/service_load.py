"""Whether a FastAPI service with one client keeps its tasks, sockets and memory under load, time-outs and disconnects.

Run `python benchmarks/service_load.py --seconds 600 --callers 500`; the exit code is 1 when something leaked.

    callers (this process) ──> service (a process: uvicorn, FastAPI, one client, traced) ──> API (a process)

A tenth of the callers leaves before the answer, a tenth of the service's calls has far too little time, and of the
API's answers some are 503, some are cut off, and some come too late. The service is asked for its vitals all along.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import aiohttp
import uvicorn
from aiohttp import web
from fastapi import FastAPI, Query, Request
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from anton_async import AntonClient, ApiKeyCredentials
from anton_async.integrations.fastapi import AntonDep, add_error_handlers, anton_lifespan
from anton_async.integrations.opentelemetry import instrument

CONCURRENCY = 100
SETTLING = 40.0  # seconds after which idle connections are closed: aiohttp looks every 15, for those idle for 15
PAYOUT = {
    "id": "pay_01K5MDVTVTCYS3TRP9C9P582RG",
    "merchant_id": "mer_01K5A",
    "beneficiary_id": "ben_01K5B",
    "instrument_id": "ins_01K5C",
    "status": "processing",
    "method": "sepa",
    "source_amount": "10.00",
    "source_currency": "EUR",
    "dest_amount": "10.00",
    "dest_currency": "EUR",
    "rail_type": "fiat",
    "purpose": "salary",
    "reference": "S-1",
    "created_at": "2026-09-01T08:00:00Z",
    "updated_at": "2026-09-01T08:00:01Z",
}


@dataclass(frozen=True)
class Vitals:
    """What the service holds at one moment."""

    tasks: int
    files: int
    objects: int
    resident_mib: float

    def __str__(self) -> str:
        return (
            f"tasks {self.tasks:5}  files {self.files:5}  objects {self.objects:8}  "
            f"resident {self.resident_mib:6.1f} MiB"
        )


def make_api() -> web.Application:
    """Return an API that is slow, and sometimes worse."""

    async def answer(request: web.Request) -> web.StreamResponse:
        fate = random.random()  # noqa: S311 - no secret
        await asyncio.sleep(random.uniform(0.005, 0.1))  # noqa: S311 - no secret
        if fate < 0.01:
            return web.json_response({"error": {"code": "internal_error", "message": "down"}}, status=503)
        if fate < 0.02 and request.transport is not None:
            request.transport.close()
        if fate < 0.03:
            await asyncio.sleep(3)
        return web.json_response({"data": PAYOUT}, status=201)

    api = web.Application()
    api.router.add_post("/v1/payouts", answer)
    return api


def make_service(api: str) -> FastAPI:
    """Return a service that pays by `api`, and calls off what nobody waits for."""

    def client() -> AntonClient:
        anton = AntonClient(
            ApiKeyCredentials("ak_test_" + "5" * 32),
            base_url=api,
            rate_limit=None,
            concurrency=CONCURRENCY,
            timeout=2.0,
        )
        return instrument(anton, tracer_provider=TracerProvider(), meter_provider=MeterProvider())

    app = FastAPI(lifespan=anton_lifespan(client))
    add_error_handlers(app)

    @app.post("/payments")
    async def pay(request: Request, anton: AntonDep, timeout: Annotated[float, Query()] = 2.0) -> str | None:
        paying = asyncio.create_task(
            anton.payouts.create(
                beneficiary_id="ben_01K5B",
                instrument_id="ins_01K5C",
                source_amount=Decimal(10),
                source_currency="EUR",
                dest_amount=Decimal(10),
                dest_currency="EUR",
                method="sepa",
                purpose="salary",
                reference="S-1",
                timeout=timeout,
            )
        )
        leaving = asyncio.create_task(left(request))
        try:
            await asyncio.wait({paying, leaving}, return_when=asyncio.FIRST_COMPLETED)
            return (await paying).id if paying.done() else None
        finally:
            for task in (paying, leaving):
                task.cancel()
            await asyncio.gather(paying, leaving, return_exceptions=True)

    @app.get("/vitals")
    async def vitals() -> Vitals:
        return measured()

    return app


def measured() -> Vitals:
    """Return the vitals of this process."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return Vitals(
        tasks=len(asyncio.all_tasks()),
        files=len([*Path("/proc/self/fd").iterdir()]),
        objects=len(gc.get_objects()),
        resident_mib=pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20),
    )


async def left(request: Request) -> None:
    """Return when the caller has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def call(session: aiohttp.ClientSession, ends: float, came_to: Counter[str]) -> None:
    """Be one caller: ask again and again, and sometimes leave."""
    while time.monotonic() < ends:
        fate = random.random()  # noqa: S311 - no secret
        timeout = 0.02 if 0.1 < fate < 0.2 else 2.0
        try:
            async with asyncio.timeout(random.uniform(0.001, 0.1) if fate < 0.1 else 30):  # noqa: S311 - no secret
                async with session.post("/payments", params={"timeout": timeout}) as answer:
                    await answer.read()
                    came_to[str(answer.status)] += 1
        except TimeoutError:
            came_to["left"] += 1
        except aiohttp.ClientError as error:
            came_to[type(error).__name__] += 1


async def look(session: aiohttp.ClientSession) -> Vitals:
    """Return the service's vitals."""
    async with session.get("/vitals") as answer:
        return Vitals(**await answer.json())


async def load(service: str, seconds: float, callers: int, settling: float) -> bool:
    """Load the service, print its vitals, and return whether it kept them."""
    connector = aiohttp.TCPConnector(limit=0, force_close=False)
    async with aiohttp.ClientSession(service) as watching:
        await reachable(watching)
        before = await look(watching)
        print(f"before       {before}", flush=True)
        came_to, seen = Counter[str](), list[Vitals]()
        async with aiohttp.ClientSession(service, connector=connector) as session, asyncio.TaskGroup() as together:
            started = time.monotonic()
            for _ in range(callers):
                together.create_task(call(session, started + seconds, came_to))
            while (gone := time.monotonic() - started) < seconds:
                await asyncio.sleep(min(seconds / 20, seconds - gone))
                seen.append(await look(watching))
                print(f"{time.monotonic() - started:6.0f} s     {seen[-1]}", flush=True)
        total = came_to.total()
        await asyncio.sleep(settling)
        after = await look(watching)
    print(f"after        {after}")
    print(f"{total} requests, {total / seconds:.0f} a second: {dict(came_to.most_common())}")
    return kept(before, seen, after, pool=0 if settling >= SETTLING else CONCURRENCY)


def kept(before: Vitals, seen: list[Vitals], after: Vitals, *, pool: int) -> bool:
    """Return whether nothing leaked: `pool` connections may still be open, and memory may not grow in the last half."""
    half = seen[len(seen) // 2 :]
    grown = half[-1].resident_mib / half[0].resident_mib - 1
    print(f"memory over the second half: {grown:+.1%}")
    return after.tasks <= before.tasks and after.files <= before.files + pool + 2 and grown < 0.1


async def reachable(session: aiohttp.ClientSession) -> None:
    """Wait until the service has started."""
    for _ in range(600):
        with suppress(aiohttp.ClientConnectorError):
            await look(session)
            return
        await asyncio.sleep(0.05)
    raise SystemExit("the service did not start")


@contextmanager
def processes(*commands: list[str]) -> Generator[None, None, None]:
    """Run `commands` beside this process."""
    running = [subprocess.Popen([sys.executable, __file__, *command]) for command in commands]
    try:
        yield
    finally:
        for each in running:
            each.terminate()
        for each in running:
            each.wait(30)


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def main(seconds: float, callers: int, settling: float) -> bool:
    """Start the API and the service, and load them."""
    api, service = free_port(), free_port()
    with processes(["--api", str(api)], ["--api", str(api), "--service", str(service)]):
        return asyncio.run(load(f"http://127.0.0.1:{service}", seconds, callers, settling))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--callers", type=int, default=500)
    parser.add_argument("--settling", type=float, default=SETTLING, help="seconds to wait before the last look")
    parser.add_argument("--api", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--service", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    given = arguments()
    if given.service:
        service = make_service(f"http://127.0.0.1:{given.api}")
        uvicorn.run(service, port=given.service, log_level="critical", timeout_graceful_shutdown=5)
    elif given.api:
        web.run_app(make_api(), host="127.0.0.1", port=given.api, print=None, access_log=None)
    else:
        sys.exit(not main(given.seconds, given.callers, given.settling))
