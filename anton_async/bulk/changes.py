"""What is to be noted of rows, and the few statements that write it: each of them takes many rows.

Every call of `sqlite3` gives the interpreter's lock away and takes it back, and the event loop wants that lock after
each of its own system calls: the fewer calls, the less the two threads wait for one another.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, repeat
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import astuple

from anton_async.bulk.entry import Entry, State


class Change(msgspec.Struct, frozen=True):
    """What is to be noted of one row.

    Attributes:
        before: the state in which it was counted until now; None for a new row.
        after: the row as it is from now on.
        settled_at: Unix time of its outcome; None when it has none.
    """

    before: State | None
    after: Entry
    settled_at: float | None = None


Query: TypeAlias = Callable[[sqlite3.Connection], Any]

_COLUMNS = Entry.__struct_fields__
_SENDING = ("position", "state", "sent_at")
_OUTCOME = (
    "position",
    "state",
    "settled_at",
    "payout_id",
    "status",
    "source_amount",
    "source_currency",
    "dest_amount",
    "dest_currency",
    "field",
    "code",
    "reason",
)
_MOST = 32  # rows a statement: 640 values, and the narrowest limit of an SQLite is 999


def perform(connection: sqlite3.Connection, works: Iterable[Change | Query]) -> list[Any]:
    """Write the changes and ask the queries, as if one after the other; return what comes of each, in that order."""
    outcomes: list[Any] = []
    for changes, query in _grouped(works):
        outcomes += _write(connection, changes)
        if query is not None:
            outcomes.append(query(connection))
    return outcomes


def _grouped(works: Iterable[Change | Query]) -> Iterator[tuple[Collection[Change], Query | None]]:
    """Yield changes of as many different rows, whose order is therefore free, and the query that follows on them."""
    together: dict[int, Change] = {}
    for work in works:
        if not isinstance(work, Change):
            yield together.values(), work
            together = {}
            continue
        if work.after.position in together:
            yield together.values(), None
            together = {}
        together[work.after.position] = work
    yield together.values(), None


def _write(connection: sqlite3.Connection, changes: Collection[Change]) -> list[Entry]:
    planned = iter(_plan(connection, [change.after for change in changes if change.before is None]))
    sending: list[tuple[object, ...]] = []
    outcomes: list[tuple[object, ...]] = []
    written: list[Entry] = []
    for change in changes:
        after = change.after
        if change.before is None:
            after = next(planned)
        elif change.settled_at is None:
            sending.append((after.position, after.state, after.sent_at))
        else:
            outcomes.append(
                (
                    after.position,
                    after.state,
                    change.settled_at,
                    after.payout_id,
                    after.status,
                    after.source_amount,
                    after.source_currency,
                    after.dest_amount,
                    after.dest_currency,
                    after.field,
                    after.code,
                    after.reason,
                )
            )
        written.append(after)
    _update(connection, _SENDING, sending)
    _update(connection, _OUTCOME, outcomes)
    return written


def _plan(connection: sqlite3.Connection, entries: Sequence[Entry]) -> list[Entry]:
    """Insert new rows, those that repeat the `row_id` of an earlier one as repetitions."""
    first: dict[str, int] = {}
    for count, row_ids in _portions([(entry.row_id,) for entry in entries]):
        first.update(connection.execute(_find(count), row_ids))
    planned: list[Entry] = []
    for entry in entries:
        if entry.repeats is None and entry.row_id in first:
            planned.append(entry.repetition(first[entry.row_id]))
            continue
        if entry.repeats is None:
            first[entry.row_id] = entry.line
        planned.append(entry)
    for count, values in _portions([astuple(entry) for entry in planned]):
        connection.execute(_insert(count), values)
    return planned


def _update(connection: sqlite3.Connection, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    for count, values in _portions(rows):
        connection.execute(_change(columns, count), values)


def _portions(rows: Sequence[tuple[object, ...]]) -> Iterator[tuple[int, list[object]]]:
    """Yield rows as one list of values, filled up with rows of NULL to a power of two: few statements are compiled."""
    for start in range(0, len(rows), _MOST):
        portion = rows[start : start + _MOST]
        count = 1 << (len(portion) - 1).bit_length()
        empty = (count - len(portion)) * len(portion[0])
        yield count, [*chain.from_iterable(portion), *repeat(None, empty)]


@cache
def _find(count: int) -> str:
    return f"SELECT row_id, line FROM row WHERE repeats IS NULL AND row_id IN ({', '.join('?' * count)})"  # noqa: S608 - our own words


@cache
def _insert(count: int) -> str:
    rows = f"SELECT {', '.join(_COLUMNS)} FROM given WHERE position IS NOT NULL"  # noqa: S608 - the same
    return f"{_given(_COLUMNS, count)} INSERT INTO row ({', '.join(_COLUMNS)}) {rows}"


@cache
def _change(columns: tuple[str, ...], count: int) -> str:
    # UPDATE ... FROM was measured to be no faster, and needs SQLite 3.33.
    changed = ", ".join(columns[1:])
    return (
        f"{_given(columns, count)} UPDATE row SET ({changed}) ="  # noqa: S608 - the same
        f" (SELECT {changed} FROM given WHERE given.position = row.position)"
        " WHERE position IN (SELECT position FROM given)"
    )


def _given(columns: tuple[str, ...], count: int) -> str:
    rows = ", ".join([f"({', '.join('?' * len(columns))})"] * count)
    return f"WITH given ({', '.join(columns)}) AS (VALUES {rows})"
