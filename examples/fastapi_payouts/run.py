"""Runs the service against a local Anton and plays its caller: pays, follows by webhook, pays a payroll, lists.

python examples/fastapi_payouts/run.py
"""

import asyncio
import logging
import os
import socket
import sys
import tempfile
from pathlib import Path

import aiohttp
import uvicorn

from anton_async import AntonClient
from anton_async.sandbox import Sandbox

HERE = Path(__file__).resolve().parent
SEED = {
    "balances": {"EUR": "10000.00"},
    "beneficiaries": [{"id": "ben_ADA", "type": "individual", "country": "DE", "display_name": "Ada Byron"}],
    "instruments": [
        {"id": "ins_ADA", "beneficiary_id": "ben_ADA", "method": "iban", "currency": "EUR", "country": "DE"}
    ],
}
ORDER = {"beneficiary_id": "ben_ADA", "instrument_id": "ins_ADA", "amount": "12.50"}
ROWS = 200


async def main() -> None:
    """Start Anton, the service and its caller, and stop all of them."""
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as journals:
        async with Sandbox(seed=SEED, settle=0.2) as sandbox:
            print(f"Anton runs at {sandbox.base_url}")
            async with AntonClient(sandbox.credentials, base_url=sandbox.base_url) as anton:
                webhook = await anton.webhooks.create(url=f"{url}/webhooks/anton", events=["*"])
            os.environ |= {
                "ANTON_CLIENT_ID": sandbox.client_id,
                "ANTON_CLIENT_SECRET": sandbox.client_secret,
                "ANTON_DPOP_KEY": sandbox.private_key_pem,
                "ANTON_BASE_URL": sandbox.base_url,
                "ANTON_WEBHOOK_SECRETS": webhook.secret or "",
                "PAYROLL_DIRECTORY": journals,
            }
            await serve(listening, url)


async def serve(listening: socket.socket, url: str) -> None:
    """Run the service for as long as its caller has something to ask."""
    sys.path.insert(0, str(HERE))  # `app` is a program beside this one, not a package
    server = uvicorn.Server(uvicorn.Config("app:app", log_config=None))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with aiohttp.ClientSession(url) as service:
            await call(service)
    finally:
        server.should_exit = True
        await serving


async def call(service: aiohttp.ClientSession) -> None:
    """Be the caller; its first connection waits until the service listens."""
    payment = await pay(service)
    await pay(service)  # the same key again: nothing more is paid
    await follow(service, payment)
    await pay_many(service)
    async with service.get("/payments") as answer:
        page = await answer.json()
    print(f"listed: {len(page['payments'])} payments, and {'more' if page['next_cursor'] else 'no more'}")


async def pay(service: aiohttp.ClientSession) -> str:
    """Pay one order and return the id of the payment."""
    order = {**ORDER, "reference": "INV-1042"}
    async with service.post("/payments", json=order, headers={"Idempotency-Key": "inv-1042"}) as answer:
        payment: dict[str, str] = await answer.json()
    print(f"paid INV-1042: {answer.status}, {payment['id']} is {payment['status']}")
    return payment["id"]


async def follow(service: aiohttp.ClientSession, id: str) -> None:
    """Ask the service how far a payment is, which knows it from webhooks, until it is there."""
    status = ""
    while status != "completed":
        await asyncio.sleep(0.05)
        async with service.get(f"/payments/{id}") as answer:
            status = str((await answer.json())["status"])
    print(f"told by webhook: {id} is {status}")


async def pay_many(service: aiohttp.ClientSession) -> None:
    """Hand in a payroll, one row of which is wrong, and ask for its progress until it has ended."""
    rows = [{**ORDER, "row_id": f"r{number}", "reference": f"S-{number}"} for number in range(ROWS)]
    rows[7]["instrument_id"] = "ins_WRONG"
    async with service.put("/payrolls/november", json=rows) as answer:
        progress = await answer.json()
    while progress["running"]:
        await asyncio.sleep(0.25)
        async with service.get("/payrolls/november") as answer:
            progress = await answer.json()
        counts = ", ".join(f"{progress[name]} {name}" for name in ("accepted", "rejected", "unknown"))
        print(f"payroll: {progress['rows']} of {ROWS} rows, {counts}")


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main())
