"""Settling payouts whose outcome is unknown: ask again under the same key, then look the payout up.

`anton.payouts` is the generated resource with `settle` beside it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal
from typing import cast

import msgspec

from anton_async.config import check_timeout
from anton_async.errors import AntonError, ConfigurationError, Outcome, RequestValidationError
from anton_async.models import Payout
from anton_async.resources import payouts
from anton_async.resources.operations import CANCEL_PAYOUT, CREATE_PAYOUT
from anton_async.transport.retry_after import read_date
from anton_async.transport.unsettled import Unsettled, kept

_TOLERANCE = 5.0  # seconds; what was made longer before the first sending is a twin
_MOST_AHEAD = 24 * 3600.0  # seconds that a server's clock is believed to be ahead of ours
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
        call = msgspec.structs.replace(unsettled.call, timeout=wanted)
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
        if unsettled is None or unsettled.call.operation not in {CREATE_PAYOUT, CANCEL_PAYOUT}:
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

    async def _look_up(self, unsettled: Unsettled, timeout: float, now: float | None = None) -> Payout | str:
        """Return the one payout that is what was sent, or why it cannot be told.

        Args:
            unsettled: what was sent.
            timeout: seconds for each request.
            now: Unix time by the server's clock; as far as it is known already when left out.
        """
        order = cast("dict[str, str]", msgspec.json.decode(unsettled.call.body or b"{}"))
        clock = self._transport.clock
        assumed = self._transport.server_time() if now is None else now
        sent_at = assumed - unsettled.life.age(clock)
        try:
            answer = await self.with_response.list(
                limit=100,
                reference=order["reference"],
                created_after=dt.datetime.fromtimestamp(sent_at, dt.UTC) - dt.timedelta(seconds=_TOLERANCE),
                timeout=timeout,
                max_retries=unsettled.call.max_retries,
            )
        except AntonError as failure:
            return f"looking it up failed with {type(failure).__name__}: {failure.message}"
        theirs = read_date([answer.headers["Date"]]) if "Date" in answer.headers else None
        # Only ever a later beginning: with an earlier one, an answer from a cache would let an older twin in.
        if now is None and theirs is not None and _TOLERANCE < theirs - assumed < _MOST_AHEAD:
            return await self._look_up(unsettled, timeout, theirs)
        if answer.data.has_more:
            return "more payouts share its reference than can be told apart"
        found = [payout for payout in answer.data.data if payout.batch_id is None and _is(payout, order)]
        if len(found) == 1:
            return found[0]
        return f"{len(found)} payouts like it were found" if found else "no payout like it was found"


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
