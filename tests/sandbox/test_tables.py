from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest

from anton_async.sandbox.tables import TableError, read_table, write_csv, write_xlsx

SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
)


def workbook(rows: str, shared: str | None = None, prolog: str = "") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", prolog + SHEET.format(rows))
        if shared is not None:
            archive.writestr("xl/sharedStrings.xml", SHEET.format("").replace("<sheetData></sheetData>", shared))
    return packed.getvalue()


@pytest.mark.parametrize(("kind", "write"), [("csv", write_csv), ("xlsx", write_xlsx)])
def test_what_is_written_is_read_back(kind: str, write: Callable[[list[list[str]]], bytes]) -> None:
    lines = [["name", "note"], ["Ana", 'a "quoted", <tagged> & long\nnote'], ["Çelik", ""]]

    table = read_table(write(lines), kind)

    assert table.header == ("name", "note")
    assert table.rows == ((2, {"name": "Ana", "note": lines[1][1]}), (3, {"name": "Çelik"}))


def test_csv_may_begin_with_a_mark_and_have_blank_lines() -> None:
    table = read_table("\ufeffa,b\r\n1,2\r\n,\r\n\r\n3\r\n".encode(), "csv")

    assert table.rows == ((2, {"a": "1", "b": "2"}), (5, {"a": "3"}))


def test_a_workbook_with_shared_texts_gaps_and_numbers() -> None:
    rows = (
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c></row>'
        '<row r="3"><c r="A3"><v>0.30000000000000004</v></c><c r="C3"><v>1E3</v></c></row>'
    )
    shared = "<si><t>a</t></si><si><r><t>b</t></r><r><t>b</t></r></si><si><t>c</t></si>"

    table = read_table(workbook(rows, shared), "xlsx")

    assert table.header == ("a", "bb", "c")
    assert table.rows == ((3, {"a": "0.3", "c": "1000"}),)


@pytest.mark.parametrize(
    "content",
    [
        b"PK but no archive",
        workbook("<row><c t='s'><v>7</v></c></row>"),
        workbook("<row>"),
        workbook("<row/>", prolog='<!DOCTYPE x [<!ENTITY a "aaaa">]>'),
        workbook('<row><c r="ZZZ1"><v>1</v></c></row>'),
        workbook('<row><c r="B1"><v>1</v></c><c r="A1"><v>1</v></c></row>'),
        workbook("<row><c><v>many</v></c></row>"),
        write_csv([["a"], ["1"]]),
    ],
)
def test_a_broken_workbook_is_refused(content: bytes) -> None:
    with pytest.raises(TableError):
        read_table(content, "xlsx")
