"""The floor: what a call costs with the libraries alone, and nothing that makes it safe.

One aiohttp POST, a joserfc ES256 proof with the claims of RFC 9449, a msgspec decode into the struct the SDK returns.
No checks, no retries, no quota, no cap, no deadline.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
import uuid

import aiohttp
import msgspec
from joserfc import jws
from joserfc.jwk import ECKey

from anton_async.models.responses import CreatedPayout
from benchmarks.measure import Call, arguments, measure

TOKEN = "a" * 600


class Envelope(msgspec.Struct):
    """What the API wraps an object in."""

    data: CreatedPayout


BODY = {
    "beneficiary_id": "ben_01K5MDVTVTCYS3TRP9C9P582RG",
    "instrument_id": "ins_01K5MDVTVTCYS3TRP9C9P582RG",
    "source_amount": "1260.75",
    "dest_amount": "1260.75",
    "dest_currency": "EUR",
    "method": "sepa",
    "purpose": "contractor_payment",
    "reference": "INV-0",
}


def post(session: aiohttp.ClientSession, url: str) -> Call:
    """Return one bare call."""
    key = ECKey.generate_key("P-256", private=True)
    header: dict[str, object] = {"typ": "dpop+jwt", "alg": "ES256", "jwk": dict(key.as_dict(private=False))}
    decode = msgspec.json.Decoder(Envelope).decode

    def proof() -> str:
        claims = {
            "jti": secrets.token_urlsafe(16),
            "htm": "POST",
            "htu": url,
            "iat": int(time.time()),
            "ath": base64.urlsafe_b64encode(hashlib.sha256(TOKEN.encode()).digest()).rstrip(b"=").decode(),
        }
        return jws.serialize_compact(header, msgspec.json.encode(claims), key, algorithms=["ES256"])

    async def call() -> object:
        headers = {
            "Authorization": f"DPoP {TOKEN}",
            "DPoP": proof(),
            "Idempotency-Key": str(uuid.uuid4()),
            "Content-Type": "application/json",
        }
        async with session.post(url, data=msgspec.json.encode(BODY), headers=headers) as response:
            return decode(await response.read()).data

    return call


async def main() -> None:
    """Measure the floor."""
    wanted = arguments()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=wanted.width)) as session:
        await measure(post(session, f"{wanted.url}/v1/payouts"), calls=wanted.calls, width=wanted.width)


if __name__ == "__main__":
    asyncio.run(main())
