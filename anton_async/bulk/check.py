"""Looking for bad rows in a whole file before any is sent; it needs no credentials and no journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import cast

from anton_async.bulk.layout import Layout
from anton_async.bulk.report import counted
from anton_async.bulk.rows import PayoutRow
from anton_async.config import Environment, Settings, parse_base_url
from anton_async.errors import RequestValidationError
from anton_async.resources.operations import CREATE_PAYOUT
from anton_async.transport.call import prepare

_SETTINGS = Settings(base_url=parse_base_url(Environment.SANDBOX.base_url))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """What is wrong with a row.

    Attributes:
        line: its line in the file.
        row_id: its id.
        column: the column at fault; None when it is the whole row.
        given: what is there instead: `nothing`, or the kind of value; None where `reason` shows it (amounts).
        reason: how it must be.
    """

    line: int
    row_id: str
    column: str | None
    given: str | None
    reason: str


def find_flaws(rows: Iterable[PayoutRow], layout: Layout) -> Iterator[Flaw | None]:
    """Yield for each row what is wrong with it, None when nothing is."""
    # In a file of SQLite's own making that ends with it: a million ids would not stay in flat memory.
    with closing(sqlite3.connect("", isolation_level=None)) as seen:
        seen.execute("CREATE TABLE row (row_id TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        seen.execute("BEGIN")
        for position, row in enumerate(rows, 1):
            line = row.line or position
            first_line = line if row.problem is not None else _first_line(seen, row.row_id, line)
            yield _flaw(row, line, layout, first_line)


def _first_line(seen: sqlite3.Connection, row_id: str, line: int) -> int:
    """Return the line that has brought `row_id` first."""
    name = row_id.encode("utf-8", "surrogatepass")
    found = seen.execute("SELECT line FROM row WHERE row_id = ?", (name,)).fetchone()
    if found is not None:
        return int(found[0])
    seen.execute("INSERT INTO row VALUES (?, ?)", (name, line))
    return line


def _flaw(row: PayoutRow, line: int, layout: Layout, first_line: int) -> Flaw | None:
    if row.problem is not None:
        return Flaw(line=line, row_id=row.row_id, column=None, given=None, reason=row.problem)
    if first_line != line:
        reason = f"repeats the row_id of line {first_line}: give it one of its own"
        return Flaw(line=line, row_id=row.row_id, column=layout.column_of("row_id"), given=None, reason=reason)
    try:
        prepare(CREATE_PAYOUT, _SETTINGS, {}, body=row.fields)
    except RequestValidationError as error:
        column = None if error.field is None else layout.column_of(error.field)
        is_shown = error.field is None or row.amount_given(error.field) is not None
        given = None if is_shown else _kind(row.fields, error.field or "")
        return Flaw(line=line, row_id=row.row_id, column=column, given=given, reason=row.refusal(error))
    return None


def _kind(fields: Mapping[str, object], path: str) -> str:
    name, _, inner = path.partition(".")
    value = fields.get(name)
    if inner and isinstance(value, Mapping):
        return _kind(cast("Mapping[str, object]", value), inner)
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return f"text of {counted(len(value), 'character')}"
    return "an object" if isinstance(value, Mapping) else "a list" if isinstance(value, list) else "a number"
