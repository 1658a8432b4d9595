"""Workbooks as input, and texts in the encodings that spreadsheets save."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import openpyxl
import pytest

from anton_async import AntonClient
from anton_async.bulk import Accepted, Layout, RowFileError, read_csv, read_jsonl, read_rows, read_xlsx
from anton_async.bulk.row_file import columns_of
from anton_async.sandbox import Sandbox
from tests.support.payroll import FIELDS, pay, row, rows


def workbook(folder: Path, *lines: list[object]) -> Path:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for line in lines:
        sheet.append(line)
    file = folder / "rows.xlsx"
    book.save(file)
    return file


async def test_a_workbook_is_paid_and_resumed(
    anton: AntonClient, sandbox: Sandbox, journal: Path, tmp_path: Path
) -> None:
    columns = ["row_id", *FIELDS]
    file = workbook(tmp_path, list(columns), *([line[name] for name in columns] for line in rows(5)))

    for _ in range(2):
        results = await pay(anton, journal, read_rows(file))

        assert {name: type(result) for name, result in results.items()} == {
            f"row-{number}": Accepted for number in range(1, 6)
        }
    assert len(sandbox.executed) == 5
    assert columns_of(file) == columns


def test_cells_become_the_text_that_the_sheet_shows(tmp_path: Path) -> None:
    values: list[object] = [
        7,
        0.1 + 0.2,
        1250.5,
        1e15,
        True,
        dt.datetime.fromisoformat("2026-11-30"),
        "Löhne\nNov",
        None,
        "  ",
    ]
    header: list[object] = ["row_id", *(f"metadata.{number}" for number in range(8))]
    layout = Layout(constants=dict.fromkeys(FIELDS, "x"))

    (read,) = read_xlsx(workbook(tmp_path, header, [], list(values)), layout=layout)

    assert (read.row_id, read.line) == ("7", 3)
    assert read.fields["metadata"] == {
        "0": "0.3",
        "1": "1250.5",
        "2": "1000000000000000",
        "3": "true",
        "4": "2026-11-30",
        "5": "Löhne\nNov",
        "7": "  ",
    }


def test_a_short_row_is_told_and_keeps_its_place(tmp_path: Path) -> None:
    short, good = read_xlsx(workbook(tmp_path, list(FIELDS), ["ben_A"], [row(1)[name] for name in FIELDS]))

    assert (short.line, short.problem) == (2, "has 1 cell under 8 columns: the last 7 are missing")
    assert (good.line, good.problem) == (3, None)


@pytest.mark.parametrize("content", [b"", b"row_id,amount", b"PK\x03\x04" + b"\0" * 200])
def test_what_is_no_workbook_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "rows.xlsx"
    file.write_bytes(content)

    with pytest.raises(RowFileError, match="no readable XLSX workbook"):
        list(read_xlsx(file))
    with pytest.raises(RowFileError, match="No such file"):
        list(read_xlsx(tmp_path / "none.xlsx"))


def test_an_empty_workbook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RowFileError, match="is empty"):
        list(read_xlsx(workbook(tmp_path)))


def test_without_the_extra_the_error_names_its_install_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)

    with pytest.raises(RowFileError, match=r'pip install "anton-async\[xlsx\]"'):
        list(read_xlsx(tmp_path / "rows.xlsx"))


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_texts_with_a_byte_order_mark_are_read(tmp_path: Path, mark: str) -> None:
    start = "\ufeff" if mark.endswith(("le", "be")) else ""
    table = tmp_path / "rows.csv"
    lines = tmp_path / "rows.jsonl"
    table.write_bytes(f"{start}row_id,{','.join(FIELDS)}\r\nLöhne,{'x,' * 7}x\r\n".encode(mark))
    lines.write_bytes(f'{start}{{"row_id": "Löhne"}}\r\n'.encode(mark))

    assert [read.row_id for read in read_csv(table)] == ["Löhne"]
    assert [(read.row_id, read.problem) for read in read_jsonl(lines)] == [("Löhne", None)]


def test_a_utf_16_file_that_is_cut_in_a_letter_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(f"row_id,{','.join(FIELDS)}\r\na".encode("utf-16")[:-1])

    with pytest.raises(RowFileError, match="not UTF-8"):
        list(read_csv(file))
