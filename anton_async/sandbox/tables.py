"""Tables in files: CSV and XLSX, read into rows of text and written from them.

Only what such uploads need of XLSX is read (ECMA-376): the first sheet, its texts and numbers. A date has to be text.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, InvalidOperation
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

_MAX_UNPACKED = 256 * 1024 * 1024  # bytes
_MAX_COLUMNS = 16_384  # what the format allows
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_REFERENCE = re.compile(r"([A-Z]{1,3})[0-9]+")
_FLOAT = Context(prec=15)  # what a spreadsheet keeps of a number


class TableError(Exception):
    """A file that holds no table that can be read."""


@dataclass(frozen=True, slots=True)
class Table:
    """A header and the rows under it, each with its number in the file; the header is row 1."""

    header: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]


def read_table(content: bytes, kind: str) -> Table:
    """Read a `csv` or `xlsx` file.

    Raises:
        TableError: it cannot be read, has no header, or names a column twice.
    """
    lines = list(_xlsx_lines(content) if kind == "xlsx" else _csv_lines(content))
    if not lines:
        raise TableError("the file is empty")
    header = tuple(name.strip() for name in lines[0][1])
    if len(set(header)) != len(header) or "" in header:
        raise TableError("the header row has an empty or repeated column")
    rows: list[tuple[int, dict[str, str]]] = []
    for number, cells in lines[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        if any(cell.strip() for cell in cells[len(header) :]):
            raise TableError(f"row {number} has more cells than the header")
        rows.append((number, {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}))
    return Table(header, tuple(rows))


def write_csv(lines: Iterable[Sequence[str]]) -> bytes:
    """Return the lines as CSV in UTF-8."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode()


def write_xlsx(lines: Iterable[Sequence[str]]) -> bytes:
    """Return the lines as a workbook with one sheet, every cell a text."""
    rows = "".join(f"<row>{''.join(_CELL.format(escape(cell)) for cell in line)}</row>" for line in lines)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in {**_PARTS, "xl/worksheets/sheet1.xml": _SHEET.format(rows)}.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), f'<?xml version="1.0"?>{text}')
    return packed.getvalue()


def _csv_lines(content: bytes) -> Iterable[tuple[int, list[str]]]:
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        yield from enumerate(reader, 1)
    except (UnicodeDecodeError, csv.Error) as error:
        raise TableError("the file is not CSV in UTF-8") from error


def _xlsx_lines(content: bytes) -> Iterable[tuple[int, list[str]]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _MAX_UNPACKED:
                raise TableError("the workbook is too large when unpacked")
            sheets = sorted(name for name in archive.namelist() if name.startswith("xl/worksheets/sheet"))
            if not sheets:
                raise TableError("the workbook has no sheet")
            shared = _shared_texts(archive)
            sheet = _parsed(archive.read(sheets[0]))
            for position, row in enumerate(sheet.iter(f"{_MAIN}row"), 1):
                yield int(row.get("r") or position), _cells(row, shared)
    except (zipfile.BadZipFile, ET.ParseError, KeyError, IndexError, ValueError, InvalidOperation) as error:
        raise TableError("the file is not a readable XLSX workbook") from error


def _shared_texts(archive: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    return [_text(item) for item in _parsed(archive.read("xl/sharedStrings.xml")).iter(f"{_MAIN}si")]


def _cells(row: ET.Element, shared: Sequence[str]) -> list[str]:
    cells: list[str] = []
    for cell in row.iter(f"{_MAIN}c"):
        column = _column(cell.get("r"), len(cells))
        cells += [""] * (column - len(cells))
        cells.append(_value(cell, shared))
    return cells


def _column(reference: str | None, following: int) -> int:
    match = _REFERENCE.fullmatch(reference or "")
    if match is None:
        return following
    column = 0
    for letter in match.group(1):
        column = column * 26 + ord(letter) - ord("A") + 1
    if not following < column <= _MAX_COLUMNS:
        raise TableError("the cells of a row are out of order")
    return column - 1


def _value(cell: ET.Element, shared: Sequence[str]) -> str:
    kind = cell.get("t")
    if kind == "inlineStr":
        return _text(cell)
    value = cell.findtext(f"{_MAIN}v") or ""
    if kind == "s":
        return shared[int(value)]
    if kind is not None or not value:
        return value
    number = _FLOAT.create_decimal(value)
    # A spreadsheet keeps 0.1 + 0.2 as 0.30000000000000004; 15 digits are what a person typed.
    return format(number.normalize(_FLOAT), "f")


def _text(element: ET.Element) -> str:
    return "".join(part.text or "" for part in element.iter(f"{_MAIN}t"))


def _parsed(xml: bytes) -> ET.Element:
    if b"<!DOCTYPE" in xml:
        raise TableError("the workbook has a DTD")
    return ET.fromstring(xml)  # noqa: S314 - without a DTD there are no entities to expand


_SPREADSHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_SHEET = f'<worksheet xmlns="{_SPREADSHEET}"><sheetData>{{}}</sheetData></worksheet>'
_CELL = '<c t="inlineStr"><is><t>{}</t></is></c>'
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_SPREADSHEET}" xmlns:r="{_RELATIONS}">'
    '<sheets><sheet name="Payouts" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}
