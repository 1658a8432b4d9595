"""What really happened, as the other side of the wire saw it: every byte, proof, key and body, and every payment made.

One ledger may serve several servers. A payout is paid once per idempotency key, as the API does it; `check` compares
what the client reported with what was paid.
"""

from __future__ import annotations

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any

from anton_async import AntonError, Outcome
from anton_async.models import CreatedPayout
from tests.support.examples import PAYOUT


@dataclass(frozen=True)
class Sending:
    """One request that arrived whole."""

    server: str
    connection: int
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def key(self) -> str | None:
        return self.headers.get("idempotency-key")

    @property
    def jti(self) -> str | None:
        proof = self.headers.get("dpop")
        if proof is None:
            return None
        return str(json.loads(base64.urlsafe_b64decode(proof.split(".")[1] + "=="))["jti"])


@dataclass(frozen=True)
class Payment:
    """A payout that was executed."""

    id: str
    key: str
    body: bytes


@dataclass(frozen=True)
class Report:
    """What a caller learnt of one call: a payout, or an error."""

    payout: CreatedPayout | None = None
    error: AntonError | None = None

    @property
    def outcome(self) -> Outcome | None:
        return self.error.outcome if self.error is not None else None


async def report(call: Awaitable[CreatedPayout]) -> Report:
    """Await a payout call and return what it reported; anything but an `AntonError` is a failure of the test."""
    try:
        return Report(payout=await call)
    except AntonError as error:
        return Report(error=error)


@dataclass
class Ledger:
    """Everything the servers of one test saw."""

    sendings: list[Sending] = field(default_factory=list[Sending])
    payments: dict[str, Payment] = field(default_factory=dict[str, Payment])
    raw: defaultdict[tuple[str, int], bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    mints: int = 0

    def pay(self, sending: Sending) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Execute a create call as the API would; return status, body and headers of the answer."""
        if sending.key is None:
            return 400, {"error": {"code": "missing_idempotency_key", "message": "no"}}, {}
        known = self.payments.get(sending.key)
        if known is not None and known.body != sending.body:
            return 409, {"error": {"code": "idempotency_conflict", "message": "no"}}, {}
        headers = {} if known is None else {"X-Idempotent-Replayed": "true"}
        payment = known or Payment(f"pay_{len(self.payments) + 1}", sending.key, sending.body)
        self.payments[sending.key] = payment
        return 201, {"data": {**PAYOUT, "id": payment.id, "reference": json.loads(payment.body)["reference"]}}, headers

    def sent(self, key: str) -> list[Sending]:
        """Return every sending under `key`, in order."""
        return [sending for sending in self.sendings if sending.key == key]

    def check(self, key: str, told: Report) -> None:
        """Fail unless what the caller was told about `key` agrees with what happened."""
        payment = self.payments.get(key)
        if told.payout is not None:
            assert payment is not None, f"{key} is reported as paid, and was not"
            assert told.payout.id == payment.id, f"{key} is reported with another payout's answer"
        elif told.outcome in {Outcome.NOT_SENT, Outcome.REJECTED}:
            assert payment is None, f"{key} is reported as {told.outcome}, and was paid: {told.error}"
        if told.error is not None and told.outcome is not Outcome.NOT_SENT:
            assert told.error.idempotency_key == key
        if told.outcome is Outcome.NOT_SENT:
            assert self.sent(key) == [], f"{key} is reported as not sent, and was: {told.error}"

    def check_sendings(self) -> None:
        """Fail if a proof was sent twice, or other bytes under one key."""
        proofs = Counter(sending.jti for sending in self.sendings if sending.jti is not None)
        assert [jti for jti, times in proofs.items() if times > 1] == [], "a proof was sent twice"
        bodies: dict[str, bytes] = {}
        for sending in self.sendings:
            if sending.key is not None:
                assert bodies.setdefault(sending.key, sending.body) == sending.body, "the bytes under one key changed"
