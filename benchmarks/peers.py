"""Other payments SDKs, each creating one payment, without signing anything.

Run with the Python of an environment that has them; `make bench` makes one under `.cache`.
"""

from __future__ import annotations

import asyncio

from benchmarks.measure import Call, arguments, measure


def stripe(url: str, *, on_aiohttp: bool) -> Call:
    """Create a Stripe payout."""
    import stripe as sdk  # noqa: PLC0415 - each subject imports its own

    http = sdk.AIOHTTPClient() if on_aiohttp else sdk.HTTPXClient()
    client = sdk.StripeClient("sk_test_bench", base_addresses={"api": f"{url}/stripe"}, http_client=http)

    async def call() -> object:
        return await client.v1.payouts.create_async(
            {"amount": 126075, "currency": "eur", "description": "INV-0", "statement_descriptor": "INV-0"}
        )

    return call


def increase(url: str, *, on_aiohttp: bool) -> Call:
    """Create an ACH transfer at Increase."""
    import increase as sdk  # noqa: PLC0415 - as above

    http = sdk.DefaultAioHttpClient() if on_aiohttp else None
    client = sdk.AsyncIncrease(api_key="bench", base_url=f"{url}/increase", http_client=http)

    async def call() -> object:
        return await client.ach_transfers.create(
            account_id="account_in71c4amph0vgo2qllky",
            amount=126075,
            statement_descriptor="INV-0",
            account_number="987654321",
            routing_number="101050001",
        )

    return call


def modern_treasury(url: str, *, on_aiohttp: bool) -> Call:
    """Create a payment order at Modern Treasury."""
    import modern_treasury as sdk  # noqa: PLC0415 - as above

    http = sdk.DefaultAioHttpClient() if on_aiohttp else None
    client = sdk.AsyncModernTreasury(
        api_key="bench", organization_id="bench", base_url=f"{url}/modern-treasury", http_client=http
    )

    async def call() -> object:
        return await client.payment_orders.create(
            amount=126075,
            direction="credit",
            type="sepa",
            originating_account_id="0f8e2719-9751-4934-98bd-3a84b6f6c1a4",
            receiving_account_id="5acec2ef-987b-4260-aa97-b719eeb0a8d5",
            currency="EUR",
        )

    return call


async def main() -> None:
    """Measure one of them, such as `stripe-aiohttp` or `increase-default`."""
    wanted = arguments()
    name, _, http = wanted.subject.partition("-")
    sdk = {"stripe": stripe, "increase": increase, "modern_treasury": modern_treasury}[name]
    await measure(sdk(wanted.url, on_aiohttp=http == "aiohttp"), calls=wanted.calls, width=wanted.width)


if __name__ == "__main__":
    asyncio.run(main())
