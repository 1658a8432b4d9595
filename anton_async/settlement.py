"""Settling payouts whose outcome is unknown: ask again under the same key, then look the payout up.

`anton.payouts` is the generated resource with `settle` beside it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import cast

import msgspec

from anton_async.config import RequestOptions, check_timeout
from anton_async.errors import AntonError, ConfigurationError, Outcome, RequestValidationError
from anton_async.models import Payout
from anton_async.resources import payouts
from anton_async.resources.operations import CREATE_PAYOUT
from anton_async.transport.unsettled import Unsettled, kept

_CLOCK_TOLERANCE = dt.timedelta(seconds=5)
"""How far the machine's clock may be ahead: what was made before that is a twin, and what is missed stays unknown."""
_SAME = ("beneficiary_id", "instrument_id", "dest_currency", "method", "purpose", "reference")


class Payouts(payouts.Payouts):
    """Single payments and their history."""

    async def settle(
        self, error: AntonError | asyncio.CancelledError | TimeoutError, *, timeout: float | None = None
    ) -> Payout:
        """Find out what became of a payout whose outcome is unknown, without ever making a second one.

        For 23 hours after its first sending the very same bytes are sent again under the same key: the API then tells
        what it did, or does now what it has not done. When that leaves the outcome unknown, or the time is over, the
        payout is looked up: the only one with the same reference, beneficiary, instrument and amount created since.
        Give each payout a reference of its own, or another one could be taken for it.

        Args:
            error: what `create` or `cancel` raised; also the `CancelledError`, or the `TimeoutError` of
                `asyncio.timeout`, that ended the call. Not one that was pickled: a pickle holds no request.
            timeout: seconds for each of the two steps; the client's own when left out.

        Returns:
            The payout; it was made once.

        Raises:
            RequestValidationError: `error` carries no request of this kind.
            ConfigurationError: the request belongs to another client id or base URL.
            ApiError: with outcome REJECTED: the API refuses the payout, and none was made.
            AntonError: with outcome UNKNOWN: still nobody can tell; it carries the key, and can be settled later.

        Source: https://docs.antonpayments.com/api-reference/idempotency
        """
        unsettled = self._check(error)
        try:
            wanted = self._transport.settings.timeout if timeout is None else check_timeout(timeout)
        except ConfigurationError as refusal:
            raise _about(refusal, error) from None
        call = replace(unsettled.call, timeout=wanted)
        try:
            return cast("Payout", (await self._transport.send(call, key_life=unsettled.life)).data)
        except AntonError as failure:
            if failure.outcome is not Outcome.UNKNOWN:
                raise
            still_unknown = failure
        if call.operation is CREATE_PAYOUT:
            found = await self._look_up(unsettled, call.timeout)
            if isinstance(found, Payout):
                return found
            still_unknown.message += f"; {found}"
        raise still_unknown

    def _check(self, error: BaseException) -> Unsettled:
        unsettled = kept(error)
        if unsettled is None or not issubclass(unsettled.call.operation.response, Payout):
            refusal = RequestValidationError(
                "carries no payout with an unknown outcome: give what `create` or `cancel` raised in this process, or"
                " repeat the same arguments under the same idempotency_key.",
                field="error",
            )
            raise _about(refusal, error)
        if unsettled.owner != self._transport.owner:
            raise ConfigurationError(
                "The payout was sent by a client with another client id or base URL: settle it with one like that.",
                idempotency_key=unsettled.call.idempotency_key,
                outcome=Outcome.UNKNOWN,
            )
        return unsettled

    async def _look_up(self, unsettled: Unsettled, timeout: float) -> Payout | str:
        """Return the one payout that is what was sent, or why it cannot be told."""
        order = cast("dict[str, str]", msgspec.json.decode(unsettled.call.body or b"{}"))
        since = dt.datetime.fromtimestamp(unsettled.life.sent_at, dt.UTC) - _CLOCK_TOLERANCE
        options: RequestOptions = {"timeout": timeout, "max_retries": unsettled.call.max_retries}
        candidates = self.list(limit=100, reference=order["reference"], created_after=since, **options)
        try:
            found = [payout async for payout in candidates if payout.batch_id is None and _is(payout, order)]
        except AntonError as failure:
            return f"looking it up failed with {type(failure).__name__}: {failure.message}"
        if len(found) == 1:
            return found[0]
        return (
            f"{len(found)} payouts like it were found, where one was expected"
            if found
            else "no payout like it was found"
        )


def _about(refusal: AntonError, error: BaseException) -> AntonError:
    """Return `refusal` with what is known of the payout: not being settled makes it no less unknown."""
    refusal.outcome = getattr(error, "outcome", Outcome.UNKNOWN)
    refusal.idempotency_key = getattr(error, "idempotency_key", None)
    return refusal


def _is(payout: Payout, order: dict[str, str]) -> bool:
    if any(getattr(payout, field) != order[field] for field in _SAME):
        return False
    # The API may recompute the amount that was not binding.
    return (
        Decimal(order["source_amount"]) == payout.source_amount or Decimal(order["dest_amount"]) == payout.dest_amount
    )
