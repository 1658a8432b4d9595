"""A plain HTTP client for the sandbox's own tests.

It signs with joserfc directly and shares no code with the SDK, so that the sandbox is judged by the published
contract alone.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from anton_async.sandbox import Sandbox
from tests.sandbox.contract import event_problems
from tests.support.clock import SteppedClock

BENEFICIARY = "ben_JANE"
INSTRUMENT = "ins_JANEUSD"
SEED: dict[str, object] = {
    "balances": {"USD": "10000.00", "EUR": "2000.00", "USDC": "500.000000"},
    "beneficiaries": [
        {"id": BENEFICIARY, "display_name": "Jane Smith", "country": "GB", "external_ref": "contractor-1042"},
        {"id": "ben_ARCHIVED", "display_name": "Gone Ltd", "type": "business", "status": "archived"},
    ],
    "instruments": [
        {"id": INSTRUMENT, "beneficiary_id": BENEFICIARY, "currency": "USD", "country": "US", "label": "Main"},
        {"id": "ins_JANEEUR", "beneficiary_id": BENEFICIARY, "method": "iban", "currency": "EUR", "country": "DE"},
        {"id": "ins_JANEUSDC", "beneficiary_id": BENEFICIARY, "method": "crypto", "currency": "USDC"},
        {"id": "ins_DISABLED", "beneficiary_id": BENEFICIARY, "currency": "USD", "status": "disabled"},
        {"id": "ins_ARCHIVED", "beneficiary_id": "ben_ARCHIVED", "currency": "USD"},
    ],
}


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    json: Any  # None for an answer that is not JSON
    body: bytes = b""

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0]

    @property
    def code(self) -> str | None:
        error = self.json["error"]
        return error if isinstance(error, str) else error["code"]

    @property
    def data(self) -> Any:
        return self.json["data"]


class Wire:
    """Talks to one sandbox."""

    def __init__(
        self, sandbox: Sandbox, session: aiohttp.ClientSession, clock: SteppedClock, edition: str = "newest"
    ) -> None:
        self.sandbox = sandbox
        self.edition = edition
        self.session = session
        self.clock = clock
        self.key: ECKey | OKPKey = load_key(sandbox.private_key_pem)
        self._token: str | None = None

    def now(self) -> int:
        return int(self.clock.time())

    def claims(self, method: str, path: str, *, token: str | None = None) -> dict[str, Any]:
        """Return the claims of a good proof."""
        url = self.sandbox.base_url + path.partition("?")[0]
        claims: dict[str, Any] = {"htm": method, "htu": url, "iat": self.now(), "jti": uuid.uuid4().hex}
        if token is not None:
            claims["ath"] = encoded(hashlib.sha256(token.encode()).digest())
        return claims

    def header(self, key: ECKey | OKPKey | None = None) -> dict[str, Any]:
        """Return the header of a good proof."""
        key = key or self.key
        algorithm = "ES256" if isinstance(key, ECKey) else "EdDSA"
        public = {name: value for name, value in key.as_dict(private=False).items() if name in {"kty", "crv", "x", "y"}}
        return {"typ": "dpop+jwt", "alg": algorithm, "jwk": public}

    def sign(self, header: dict[str, Any], claims: dict[str, Any], key: ECKey | OKPKey | None = None) -> str:
        # Below the level of `jws.serialize_compact`, which refuses the bad headers that tests want signed.
        signed = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"
        signature = jws.JWSRegistry.algorithms[header["alg"]].sign(signed.encode(), key or self.key)
        return f"{signed}.{encoded(signature)}"

    def proof(self, method: str, path: str, *, token: str | None = None) -> str:
        return self.sign(self.header(), self.claims(method, path, token=token))

    async def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | list[tuple[str, str]] | None = None,
        data: bytes | str | None = None,
    ) -> Reply:
        """Send exactly this, with no credentials added."""
        body = io.BytesIO(data) if isinstance(data, bytes) and len(data) > 1024 * 1024 else data
        request = self.session.request(
            method, self.sandbox.base_url + path, headers=headers or {}, data=body, allow_redirects=False
        )
        async with request as response:
            raw = await response.read()
            is_json = response.content_type == "application/json" and raw
            return Reply(response.status, response.headers, json.loads(raw) if is_json else None, raw)

    async def ask_token(
        self, *, proof: str | None = None, form: str = "grant_type=client_credentials", basic: str | None = None
    ) -> Reply:
        credentials = f"{self.sandbox.client_id}:{self.sandbox.client_secret}" if basic is None else basic
        headers = {
            "Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
            "DPoP": self.proof("POST", "/oauth/token") if proof is None else proof,
        }
        return await self.send("POST", "/oauth/token", headers=headers, data=form)

    async def token(self) -> str:
        if self._token is None:
            self._token = (await self.ask_token()).json["access_token"]
        return str(self._token)

    async def credentials(self, method: str, path: str) -> dict[str, str]:
        """Return the headers that let a request in."""
        token = await self.token()
        return {"Authorization": f"DPoP {token}", "DPoP": self.proof(method, path, token=token)}

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        raw: bytes | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send an authorised request; a body is sent as JSON."""
        sent = await self.credentials(method, path)
        if key is not None:
            sent["Idempotency-Key"] = key
        data = raw if body is None else json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        return await self.send(method, path, headers={**sent, **(headers or {})}, data=data)

    async def upload(
        self,
        path: str,
        content: bytes,
        *,
        name: str = "rows.csv",
        key: str | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send an authorised form with a file."""
        boundary = uuid.uuid4().hex
        parts = [(f'name="{field}"', text.encode()) for field, text in (fields or {}).items()]
        parts.append((f'name="file"; filename="{name}"', content))
        written = b"".join(
            f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + body + b"\r\n"
            for head, body in parts
        )
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        raw = written + f"--{boundary}--\r\n".encode()
        return await self.call("POST", path, raw=raw, key=key or uuid.uuid4().hex, headers=headers)

    async def events(self, event_type: str | None = None) -> list[Any]:
        """Return the newest 100 events, oldest first, each held against the document's schema of its type."""
        query = "" if event_type is None else f"&type={event_type}"
        found = (await self.call("GET", f"/v1/webhooks/events?limit=100{query}")).data[::-1]
        for event in found:
            envelope = {name: event[name] for name in ("id", "type", "created_at")} | {"data": event["payload"]}
            found_wrong = event_problems(envelope)
            assert not found_wrong, found_wrong
        return list(found)

    async def pay(self, key: str | None = None, **changes: object) -> Reply:
        """Create a payout of 100 USD, with changes."""
        return await self.call("POST", "/v1/payouts", body=order(**changes), key=key or uuid.uuid4().hex)

    async def balance(self, currency: str = "USD") -> tuple[str, str, str]:
        data = (await self.call("GET", f"/v1/balances/{currency}")).data
        return data["available"], data["pending"], data["total"]


def load_key(pem: str) -> ECKey | OKPKey:
    try:
        return ECKey.import_key(pem)
    except JoseError:
        return OKPKey.import_key(pem)


def order(**changes: object) -> dict[str, object]:
    """Return a good body for createPayout, with changes; a field changed to None is left out."""
    body: dict[str, object] = {
        "beneficiary_id": BENEFICIARY,
        "instrument_id": INSTRUMENT,
        "source_amount": "100.00",
        "source_currency": "USD",
        "dest_amount": "100.00",
        "dest_currency": "USD",
        "method": "ach",
        "purpose": "contractor_payment",
        "reference": "INV-1042",
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
