"""Pay somebody: make a beneficiary with a bank account, order a payout, wait for it, list what was paid.

anton sandbox --port 8080        # in one terminal; paste the lines it prints into another
python examples/quickstart.py    # in that other one
"""

from __future__ import annotations

import asyncio
from decimal import Decimal

from anton_async import AntonClient


async def main() -> None:
    """Run the example against the API that the environment variables name."""
    async with AntonClient.from_env() as anton:
        beneficiary = await anton.beneficiaries.create(
            type="individual",
            country="US",
            individual={
                "first_name": "Maya",
                "last_name": "Coleman",
                "email": "maya.coleman@example.com",
                "phone": "+14155550132",
                "date_of_birth": "1990-02-14",
                "nationality": "US",
                "address": {
                    "street_line_1": "12 Pier Street",
                    "city": "Oakland",
                    "state": "CA",
                    "postal_code": "94607",
                    "country": "US",
                },
            },
        )
        instrument = await anton.instruments.create(
            beneficiary.id,
            method="us_bank",
            currency="USD",
            country="US",
            credentials={"routing_number": "021000021", "account_number": "9876543210", "account_type": "checking"},
        )
        payout = await anton.payouts.create(
            beneficiary_id=beneficiary.id,
            instrument_id=instrument.id,
            source_amount=Decimal("500.00"),
            dest_amount=Decimal("500.00"),
            dest_currency="USD",
            method="ach",
            purpose="contractor_payment",
            reference="INV-1042",
        )
        print(f"{payout.id} is {payout.status}")

        done = await anton.payouts.wait(payout.id, timeout=60)
        print(f"{done.id} is {done.status}: {done.dest_amount} {done.dest_currency} to {beneficiary.display_name}")

        async for earlier in anton.payouts.list(beneficiary_id=beneficiary.id):
            print(
                f"{earlier.created_at:%Y-%m-%d %H:%M} {earlier.reference} {earlier.dest_amount} {earlier.dest_currency}"
            )


if __name__ == "__main__":
    asyncio.run(main())
