"""The first sheet of an XLSX workbook, read a row at a time; needs the `xlsx` extra: `pip install "anton-async[xlsx]"`.

A workbook keeps repeated texts in one table, which is read whole; nothing else is held.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from anton_async.bulk.layout import RowFileError

if TYPE_CHECKING:
    from openpyxl.workbook.workbook import Workbook

_DIGITS = 15  # as many as a spreadsheet shows; further ones are noise of binary fractions


def read_sheet(path: Path) -> Generator[tuple[int, list[str]], None, None]:
    """Yield the number and the cells of each row that has any, as text: `1250.5`, `2026-11-30`, `true`.

    Formulas count as the values that they had when the workbook was saved.

    Raises:
        RowFileError: the package for it is missing, or this is no readable workbook.
    """
    try:
        from openpyxl import load_workbook  # noqa: PLC0415 - an extra of its own
    except ImportError:
        raise RowFileError('Reading XLSX needs one more package: pip install "anton-async[xlsx]"') from None
    try:
        book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
        try:
            yield from _rows(book)
        finally:
            book.close()
    except OSError as error:
        problem = f"{path} cannot be read: {error.strerror or type(error).__name__}."
    except Exception:  # noqa: BLE001 - openpyxl lets through whatever zip, XML and its own parts raise
        problem = f"{path.name} is no readable XLSX workbook: save it as .xlsx without a password."
    else:
        return
    raise RowFileError(problem)


def _rows(book: Workbook) -> Iterator[tuple[int, list[str]]]:
    sheet = book.worksheets[0]
    for number, values in enumerate(sheet.iter_rows(values_only=True), 1):
        cells = [_text(value) for value in values]
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield number, cells


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = format(value, f".{_DIGITS}g")
        return format(value, ".0f") if "e" in text and value.is_integer() else text
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, dt.datetime | dt.date | dt.time) else str(value)
