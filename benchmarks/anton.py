"""The SDK itself, everything on: tokens, proofs, checks, retries, retry budget, quota, hooks, caps, deadlines."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from anton_async import AntonClient, DPoPKey, OAuthCredentials, RateLimit
from benchmarks.measure import Call, arguments, measure

QUOTA = RateLimit(per_minute=1_000_000)
"""The gate is on, and counts each request; a quota that paces would measure waiting."""


def client(url: str, *, concurrency: int = 100) -> AntonClient:
    """Return a client of the responder."""
    credentials = OAuthCredentials(client_id="ant_oc_test_bench", client_secret="bench", key=DPoPKey.generate())  # noqa: S106 - opens nothing
    return AntonClient(credentials, base_url=url, rate_limit=QUOTA, concurrency=concurrency)


def calls(anton: AntonClient) -> dict[str, Call]:
    """Return what is measured, by name."""

    async def create() -> object:
        return await anton.payouts.create(
            beneficiary_id="ben_01K5MDVTVTCYS3TRP9C9P582RG",
            instrument_id="ins_01K5MDVTVTCYS3TRP9C9P582RG",
            source_amount=Decimal("1260.75"),
            dest_amount=Decimal("1260.75"),
            dest_currency="EUR",
            method="sepa",
            purpose="contractor_payment",
            reference="INV-0",
        )

    async def list_page() -> object:
        return await anton.payouts.list(limit=100)

    return {"create": create, "list": list_page}


async def main() -> None:
    """Measure one of them; `create-wide` has as many requests under way as calls."""
    wanted = arguments()
    name, _, wide = wanted.subject.partition("-")
    async with client(wanted.url, concurrency=wanted.width if wide else 100) as anton:
        await measure(calls(anton)[name], calls=wanted.calls, width=wanted.width)


if __name__ == "__main__":
    asyncio.run(main())
