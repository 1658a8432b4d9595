"""Files of rows, read a line at a time: CSV with a header, or JSON Lines with an object a line."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import IO, Literal, TypeAlias, cast

from anton_async.bulk.layout import Layout, RowFileError
from anton_async.bulk.report import counted
from anton_async.bulk.rows import PayoutRow
from anton_async.errors import printable

Format: TypeAlias = Literal["csv", "jsonl"]

_AS_IT_IS = Layout()
_JSON_ENDINGS = frozenset({".jsonl", ".ndjson"})


def read_rows(
    path: str | os.PathLike[str], form: Format | None = None, *, layout: Layout = _AS_IT_IS
) -> Iterator[PayoutRow]:
    """Read rows from a file, one at a time.

    Args:
        path: the file.
        form: how it is written; left out, JSON Lines when its name ends in `.jsonl` or `.ndjson`, else CSV.
        layout: how columns become fields.

    Raises:
        RowFileError: as `read_csv`.
    """
    if form is None:
        form = "jsonl" if Path(path).suffix.lower() in _JSON_ENDINGS else "csv"
    return read_jsonl(path, layout=layout) if form == "jsonl" else read_csv(path, layout=layout)


def read_csv(path: str | os.PathLike[str], *, layout: Layout = _AS_IT_IS) -> Iterator[PayoutRow]:
    """Read rows from a CSV file, one at a time.

    The first line names the columns: fields of `payouts.create`, `row_id` (left out: the line number), and
    `metadata.<label>` or `session.<field>` for what is nested. An empty cell means that the field is not given.

    Args:
        path: a UTF-8 file, with or without byte order mark; cells may hold quoted line breaks.
        layout: how columns become fields, where they are called differently.

    Raises:
        RowFileError: the file cannot be read, is not UTF-8 or not CSV, or its columns are none of the above.
    """
    file = Path(path)
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            yield from _read_csv(text, file.name, layout)
    except OSError as error:
        problem = f"{file} cannot be read: {error.strerror or type(error).__name__}."
    except UnicodeDecodeError:
        problem = f"{file} is not UTF-8 text: save it as CSV UTF-8."
    else:
        return
    raise RowFileError(problem)


def read_jsonl(path: str | os.PathLike[str], *, layout: Layout = _AS_IT_IS) -> Iterator[PayoutRow]:
    """Read rows from a file with one JSON object a line, one at a time.

    Its keys are what columns are in CSV; `metadata` and `session` may be objects. A number is taken digit by digit, so
    that an amount written as one is exact. A line that is no such object is a row that is rejected.

    Args:
        path: a UTF-8 file, with or without byte order mark; empty lines are skipped.
        layout: how keys become fields, where they are called differently.

    Raises:
        RowFileError: the file cannot be read, or is not UTF-8.
    """
    file = Path(path)
    try:
        with file.open(encoding="utf-8-sig", newline="\n") as text:
            for number, line in enumerate(text, 1):
                if line.strip():
                    yield _json_row(line, number, layout)
    except OSError as error:
        problem = f"{file} cannot be read: {error.strerror or type(error).__name__}."
    except UnicodeDecodeError:
        problem = f"{file} is not UTF-8 text."
    else:
        return
    raise RowFileError(problem)


def _read_csv(text: IO[str], name: str, layout: Layout) -> Iterator[PayoutRow]:
    lines = csv.reader(text, strict=True)
    try:
        header = layout.fields_of([column.strip() for column in next(lines, cast("list[str]", []))], name)
        # `line_num` is the line on which a row ends; a quoted line break makes a row longer than a line.
        start = lines.line_num + 1
        for cells in lines:
            if cells:
                yield _csv_row(header, cells, start, layout)
            start = lines.line_num + 1
    except csv.Error as error:
        problem = f"{name} is not well-formed CSV near line {lines.line_num}: {error}."
    else:
        return
    raise RowFileError(problem)


def _csv_row(header: Sequence[str], cells: Sequence[str], line: int, layout: Layout) -> PayoutRow:
    row = PayoutRow(row_id=line)
    row.line = line
    if len(cells) > len(header):
        row.problem = f"{_extent(header, cells)}: put quotes around a cell that holds a comma"
        return row
    fields: dict[str, object] = {}
    for target, cell in zip(header, cells, strict=False):
        if target == "row_id" and cell:
            row.row_id = cell
        elif target and cell:
            layout.place(fields, target, cell)
    layout.fill(fields)
    row.fields = fields
    if not {*layout.required} <= {*header[: len(cells)]}:
        missing = len(header) - len(cells)
        row.problem = f"{_extent(header, cells)}: the last {'one is' if missing == 1 else f'{missing} are'} missing"
    return row


def _extent(header: Sequence[str], cells: Sequence[str]) -> str:
    return f"has {counted(len(cells), 'cell')} under {counted(len(header), 'column')}"


def _json_row(line: str, number: int, layout: Layout) -> PayoutRow:
    row = PayoutRow(row_id=number)
    row.line = number
    try:
        read: object = json.loads(line, object_pairs_hook=_unique, parse_float=Decimal, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        row.problem = f"is not JSON: {error.msg} at column {error.colno}"
        return row
    except (ValueError, ArithmeticError, RecursionError) as error:
        row.problem = str(error) if isinstance(error, _UnusableError) else "holds a number or a nesting beyond measure"
        return row
    if not isinstance(read, dict):
        row.problem = "is no JSON object: each line must be one, such as {...}"
        return row
    fields: dict[str, object] = {}
    for column, value in cast("dict[str, object]", read).items():
        target = layout.field_of(column)
        if target == "row_id":
            if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
                row.row_id = str(value)
            elif value is not None:
                row.problem = "row_id must be text or a whole number"
        elif target in layout.constants or target in fields:
            row.problem = f"{printable(column, 60)} is given already: leave one of the two out"
        elif target:
            layout.place(fields, target, value)
    layout.fill(fields)
    row.fields = fields
    return row


class _UnusableError(ValueError):
    """JSON that is well formed, but that readers understand differently."""


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise _UnusableError(f"names {printable(name, 60)!r} twice")
        found[name] = value
    return found


def _no_number(text: str) -> object:
    raise _UnusableError(f"holds {text}, which is no number")
