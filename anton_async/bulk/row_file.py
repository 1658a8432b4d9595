"""Files of rows, read a row at a time: CSV or XLSX with a header, or JSON Lines with an object a line."""

from __future__ import annotations

import codecs
import csv
import json
import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import IO, Literal, TypeAlias, cast

from anton_async.bulk.layout import Layout, RowFileError
from anton_async.bulk.report import counted
from anton_async.bulk.rows import PayoutRow
from anton_async.bulk.sheet import read_sheet
from anton_async.errors import printable

Format: TypeAlias = Literal["csv", "jsonl", "xlsx"]

_AS_IT_IS = Layout()
_ENDINGS: Mapping[str, Format] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".xlsx": "xlsx", ".xlsm": "xlsx"}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_rows(
    path: str | os.PathLike[str], form: Format | None = None, *, layout: Layout = _AS_IT_IS
) -> Iterator[PayoutRow]:
    """Read rows from a file, one at a time.

    Args:
        path: the file.
        form: how it is written; left out, what `form_of` says.
        layout: how columns become fields.

    Raises:
        RowFileError: as `read_csv`.
    """
    readers = {"csv": read_csv, "jsonl": read_jsonl, "xlsx": read_xlsx}
    return readers[form or form_of(path)](path, layout=layout)


def form_of(path: str | os.PathLike[str]) -> Format:
    """Return how a file is written by its name: JSON Lines (`.jsonl`, `.ndjson`), XLSX (`.xlsx`, `.xlsm`), else CSV."""
    return _ENDINGS.get(Path(path).suffix.lower(), "csv")


def columns_of(path: str | os.PathLike[str], form: Format | None = None) -> list[str]:
    """Return the columns that the first line of a file names, as they stand there; none for JSON Lines.

    Raises:
        RowFileError: as `read_rows`.
    """
    form = form or form_of(path)
    if form == "jsonl":
        return []
    lines = read_sheet(Path(path)) if form == "xlsx" else _csv_lines(Path(path))
    with closing(lines):
        return next(lines, (1, cast("list[str]", [])))[1]


def read_csv(path: str | os.PathLike[str], *, layout: Layout = _AS_IT_IS) -> Iterator[PayoutRow]:
    """Read rows from a CSV file, one at a time.

    The first line names the columns: fields of `payouts.create`, `row_id` (left out: the line number), and
    `metadata.<label>` or `session.<field>` for what is nested. An empty cell means that the field is not given.

    Args:
        path: a file in UTF-8, or in UTF-16 with its byte order mark; cells may hold quoted line breaks.
        layout: how columns become fields, where they are called differently.

    Raises:
        RowFileError: the file cannot be read, is not UTF-8, not UTF-16 or not CSV, or its columns are none of the
            above.
    """
    return _table(_csv_lines(Path(path)), Path(path).name, layout)


def read_xlsx(path: str | os.PathLike[str], *, layout: Layout = _AS_IT_IS) -> Iterator[PayoutRow]:
    """Read rows from the first sheet of an XLSX workbook, one at a time; needs the `xlsx` extra.

    Its first row names the columns, as in CSV. A number is what the sheet shows of it, in at most 15 digits; a formula
    is its last value; a row is called by its number.

    Args:
        path: an `.xlsx` or `.xlsm` file.
        layout: how columns become fields, where they are called differently.

    Raises:
        RowFileError: the workbook cannot be read, its columns cannot be used, or the extra is missing.
    """
    return _table(read_sheet(Path(path)), Path(path).name, layout)


def read_jsonl(path: str | os.PathLike[str], *, layout: Layout = _AS_IT_IS) -> Iterator[PayoutRow]:
    """Read rows from a file with one JSON object a line, one at a time.

    Its keys are what columns are in CSV; `metadata` and `session` may be objects. A number is taken digit by digit, so
    that an amount written as one is exact. A line that is no such object is a row that is rejected.

    Args:
        path: a file in UTF-8, or in UTF-16 with its byte order mark; empty lines are skipped.
        layout: how keys become fields, where they are called differently.

    Raises:
        RowFileError: the file cannot be read, or is neither UTF-8 nor UTF-16.
    """
    with _opened(Path(path), newline="\n") as text:
        for number, line in enumerate(text, 1):
            if line.strip():
                yield _json_row(line, number, layout)


@contextmanager
def _opened(file: Path, *, newline: str) -> Generator[IO[str], None, None]:
    try:
        with file.open("rb") as raw:
            encoding = "utf-16" if raw.read(2) in _UTF_16 else "utf-8-sig"
        with file.open(encoding=encoding, newline=newline) as text:
            yield text
    except OSError as error:
        problem = f"{file} cannot be read: {error.strerror or type(error).__name__}."
    except UnicodeError:
        problem = f"{file} is not UTF-8 text: save it as UTF-8."
    else:
        return
    raise RowFileError(problem)


def _csv_lines(file: Path) -> Generator[tuple[int, list[str]], None, None]:
    """Yield the number of the line on which each row begins, and its cells."""
    with _opened(file, newline="") as text:
        lines = csv.reader(text, strict=True)
        start = 1
        try:
            for cells in lines:
                if cells:
                    yield start, cells
                # `line_num` is the line on which a row ends; a quoted line break makes a row longer than a line.
                start = lines.line_num + 1
        except csv.Error as error:
            problem = f"{file.name} is not well-formed CSV near line {lines.line_num}: {error}."
        else:
            return
    raise RowFileError(problem)


def _table(lines: Generator[tuple[int, list[str]], None, None], name: str, layout: Layout) -> Iterator[PayoutRow]:
    with closing(lines):
        header: list[str] | None = None
        for line, cells in lines:
            if header is None:
                header = layout.fields_of([column.strip() for column in cells], name)
            else:
                yield _table_row(header, cells, line, layout)
        if header is None:
            layout.fields_of([], name)


def _table_row(header: Sequence[str], cells: Sequence[str], line: int, layout: Layout) -> PayoutRow:
    given = [cell for target, cell in zip(header, cells, strict=False) if target == "row_id" and cell]
    row = PayoutRow(row_id=given[0] if given else line)
    row.line, row.source = line, cells
    if len(cells) > len(header):
        row.problem = f"{_extent(header, cells)}: put quotes around a cell that holds a comma"
        return row
    fields: dict[str, object] = {}
    for target, cell in zip(header, cells, strict=False):
        if target and target != "row_id" and cell:
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
    row.line, row.source = number, (line.rstrip("\r\n"),)
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
