"""The books of a job: how many rows ended how, and how much money that is.

`Tally` is the running count that a journal keeps; `Report` is a snapshot of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

import msgspec

from anton_async.bulk.entry import Entry, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows that ended alike.

    Attributes:
        result: `accepted`, `rejected` or `unknown`.
        status: the payouts' state when they were accepted.
        currency: what beneficiaries get; None where nothing could be sent.
        method: the payment method; None where nothing could be sent.
        reason: the error code of rejected rows.
        rows: how many there are.
        amount: what their beneficiaries get, or would have got, together.
    """

    result: str
    status: str | None
    currency: str | None
    method: str | None
    reason: str | None
    rows: int
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Counts and sums over everything the journal knows, earlier runs included.

    Attributes:
        rows: how many rows the journal knows.
        accepted: payouts the API took.
        rejected: rows for which no payout was made.
        unknown: rows of which nobody can tell.
        pending: rows that are not settled: not sent yet, or sent and still without an answer.
        paid: what beneficiaries of accepted payouts get, by currency.
        debited: what accepted payouts take from the balances before fees, by currency.
        rejections: rejected rows by code.
        groups: settled and unknown rows by result, status, currency, method and reason.
    """

    rows: int
    accepted: int
    rejected: int
    unknown: int
    pending: int
    paid: Mapping[str, Decimal]
    debited: Mapping[str, Decimal]
    rejections: Mapping[str, int]
    groups: Sequence[Group]

    def closing_line(self) -> str:
        """Return the one line that a payout run ends with."""
        return f"rows {self.rows} | accepted {self.accepted} | rejected {self.rejected} | unknown {self.unknown}"


class Tally:
    """The running count; the journal moves it whenever a change has become durable."""

    def __init__(self) -> None:
        self._states: Counter[State] = Counter()
        self._paid: dict[str, Decimal] = {}
        self._debited: dict[str, Decimal] = {}
        self._rejections: Counter[str] = Counter()
        self._groups: dict[_Key, _Sum] = {}

    def move(self, before: State | None, entry: Entry) -> None:
        """Count `entry` where it is now, and no longer where it was."""
        if before is not None:
            self._states[before] -= 1
        self._states[entry.state] += 1
        if entry.state == "ACCEPTED":
            _add(self._paid, entry.dest_currency, entry.dest_amount)
            _add(self._debited, entry.source_currency, entry.source_amount)
        if entry.state == "REJECTED":
            self._rejections[entry.code or "no code"] += 1
        if before == "UNKNOWN":
            order = _ordered(entry.body)
            self._group("UNKNOWN", None, order, None).add(-1, -_amount(order.dest_amount))
        if entry.state in {"ACCEPTED", "REJECTED", "UNKNOWN"}:
            order = _ordered(entry.body)
            amount = _amount(entry.dest_amount or order.dest_amount)
            self._group(entry.state, entry.status, order, entry.code).add(1, amount)

    def _group(self, state: State, status: str | None, order: _Order, code: str | None) -> _Sum:
        return self._groups.setdefault((state.lower(), status, order.dest_currency, order.method, code), _Sum())

    def report(self) -> Report:
        """Return a snapshot."""
        return Report(
            rows=self._states.total(),
            accepted=self._states["ACCEPTED"],
            rejected=self._states["REJECTED"],
            unknown=self._states["UNKNOWN"],
            pending=self._states["PLANNED"] + self._states["SENT"],
            paid=dict(sorted(self._paid.items())),
            debited=dict(sorted(self._debited.items())),
            rejections=dict(self._rejections.most_common()),
            groups=[
                Group(
                    result=key[0],
                    status=key[1],
                    currency=key[2],
                    method=key[3],
                    reason=key[4],
                    rows=group.rows,
                    amount=group.amount,
                )
                for key, group in sorted(self._groups.items(), key=lambda item: [part or "" for part in item[0]])
                if group.rows
            ],
        )


_Key: TypeAlias = tuple[str, str | None, str | None, str | None, str | None]


class _Order(msgspec.Struct, frozen=True):
    method: str | None = None
    dest_currency: str | None = None
    dest_amount: str | None = None


_NO_ORDER = _Order()
_ORDER = msgspec.json.Decoder(_Order)


def _ordered(body: bytes | None) -> _Order:
    return _NO_ORDER if body is None else _ORDER.decode(body)


def _amount(text: str | None) -> Decimal:
    return Decimal(text or 0)


@dataclass(slots=True)
class _Sum:
    rows: int = 0
    amount: Decimal = Decimal(0)

    def add(self, rows: int, amount: Decimal) -> None:
        self.rows += rows
        self.amount += amount


def counted(number: int, noun: str) -> str:
    """Return `number` and `noun`, in the plural unless it is one: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _add(sums: dict[str, Decimal], currency: str | None, amount: str | None) -> None:
    if currency is not None and amount is not None:
        sums[currency] = sums.get(currency, Decimal(0)) + Decimal(amount)
