"""What a merchant sets in the portal: alerts on low balances, and the largest payout that velocity rules let pass.

Both come from the seed, as the API has no call for them.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from anton_async.sandbox.errors import Refusal
from anton_async.sandbox.events import EventLog
from anton_async.sandbox.ledger import Account
from anton_async.sandbox.pricing import written


class BalanceAlerts:
    """Tells once when what is available falls below its threshold, and again after it was back at it."""

    def __init__(self, events: EventLog, merchant_id: str) -> None:
        self._events = events
        self._merchant_id = merchant_id
        self._thresholds: dict[str, Decimal] = {}
        self._latched: set[str] = set()

    def set(self, currency: str, threshold: Decimal, account: Account | None) -> None:
        """Watch a balance from now on; one that is low already has not fallen."""
        self._thresholds[currency] = threshold
        if account is None or account.available < threshold:
            self._latched.add(currency)

    def watch(self, account: Account, at: datetime) -> None:
        """Notice what is available now."""
        threshold = self._thresholds.get(account.currency)
        if threshold is None:
            return
        if account.available >= threshold:
            self._latched.discard(account.currency)
        elif account.currency not in self._latched:
            self._latched.add(account.currency)
            told: dict[str, object] = {
                "merchant_id": self._merchant_id,
                "currency": account.currency,
                "balance_amount": written(account.available, account.currency),
                "threshold_amount": written(threshold, account.currency),
                "latched_at": at,
            }
            self._events.record("balance.low", told)


class VelocityLimits:
    """The most that one payout may take from a balance, by currency; without a limit everything passes."""

    def __init__(self) -> None:
        self._limits: dict[str, Decimal] = {}

    def set(self, currency: str, limit: Decimal) -> None:
        """Block payouts over the limit from now on."""
        self._limits[currency] = limit

    def passes(self, currency: str, amount: Decimal) -> bool:
        """Tell whether a payout of this much is let through."""
        limit = self._limits.get(currency)
        return limit is None or amount <= limit

    def check(self, currency: str, amount: Decimal) -> None:
        """Raise the 403 of a payout that is over the limit."""
        if not self.passes(currency, amount):
            raise Refusal(403, "velocity_blocked", "the payout is over the velocity limit of its balance")
