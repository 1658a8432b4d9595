"""Files that are JSON Lines, and files whose columns are called differently."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from anton_async import AntonClient, ConfigurationError
from anton_async.bulk import Accepted, JournalError, Layout, Rejected, RowFileError, read_csv, read_jsonl, read_rows
from anton_async.bulk.check import find_flaws
from anton_async.sandbox import Sandbox
from tests.support.payroll import pay, row, rows

LINE = json.dumps(row(1))


def write(path: Path, *lines: str, name: str = "rows.jsonl", encoding: str = "utf-8") -> Path:
    file = path / name
    file.write_bytes("\n".join(lines).encode(encoding))
    return file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_each_line_is_a_row_with_its_line_number(tmp_path: Path, encoding: str) -> None:
    file = write(tmp_path, LINE, "", "  \r", json.dumps(row(2, reference="Löhne")) + "\r", encoding=encoding)

    first, second = read_jsonl(file)

    assert (first.row_id, first.line, first.fields["method"]) == ("row-1", 1, "ach")
    assert (second.row_id, second.line, second.fields["reference"]) == ("row-2", 4, "Löhne")


def test_numbers_are_taken_digit_by_digit_and_nested_objects_as_they_are(tmp_path: Path) -> None:
    line = '{"row_id": 7, "dest_amount": 10.10, "metadata": {"a": "b"}, "metadata.c": "d", "session": {"ip": "::1"}}'

    (read,) = read_jsonl(write(tmp_path, line))

    assert read.row_id == "7"
    assert read.fields == {"dest_amount": Decimal("10.10"), "metadata": {"a": "b", "c": "d"}, "session": {"ip": "::1"}}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "is not JSON"),
        ("[]", "no JSON object"),
        ('"text"', "no JSON object"),
        ('{"dest_amount": NaN}', "NaN, which is no number"),
        ('{"dest_amount": "1.00", "dest_amount": "2.00"}', "names 'dest_amount' twice"),
        ('{"row_id": true}', "row_id must be text"),
        ("[" * 200_000, "beyond measure"),
        ('{"dest_amount": ' + "9" * 5000 + "}", "beyond measure"),
        ('{"purpose": "salary"}', "purpose is given already"),
    ],
)
def test_a_line_that_is_no_row_is_a_problem_of_its_own(tmp_path: Path, line: str, problem: str) -> None:
    spoilt, good = read_jsonl(write(tmp_path, line, '{"row_id": "b"}'), layout=Layout(constants={"purpose": "other"}))

    assert problem in (spoilt.problem or "")
    assert (good.row_id, good.problem) == ("b", None)


def test_other_encodings_and_missing_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(RowFileError, match="not UTF-8"):
        list(read_jsonl(write(tmp_path, '{"reference": "é"}', encoding="latin-1")))
    with pytest.raises(RowFileError, match="No such file"):
        list(read_jsonl(tmp_path / "none.jsonl"))


def test_the_ending_of_the_name_tells_the_format_unless_it_is_given(tmp_path: Path) -> None:
    as_json = write(tmp_path, LINE)
    odd = write(tmp_path, LINE, name="rows.txt")

    assert [read.row_id for read in read_rows(as_json)] == ["row-1"]
    assert [read.row_id for read in read_rows(odd, "jsonl")] == ["row-1"]
    with pytest.raises(RowFileError):
        list(read_rows(odd))


def test_columns_are_renamed_left_out_and_completed(tmp_path: Path) -> None:
    layout = Layout(
        columns={"amount": "source_amount", "payee": "beneficiary_id", "name": "", "team": "metadata.team"},
        constants={"purpose": "salary", "dest_currency": "USD", "method": "ach", "metadata.month": "11"},
    )
    file = write(
        tmp_path,
        "payee,name,amount,dest_amount,instrument_id,reference,team",
        "ben_A,Jane,10.00,10.00,ins_USD,S-1,blue",
        name="rows.csv",
    )

    (read,) = read_csv(file, layout=layout)

    assert read.problem is None
    assert dict(read.fields) == {
        **{name: value for name, value in row(1).items() if name != "row_id"},
        "metadata": {"team": "blue", "month": "11"},
    }


@pytest.mark.parametrize(
    ("header", "layout", "message"),
    [
        ("reference", Layout(columns={"amount": "source_amount"}), "no column 'amount'"),
        ("purpose", Layout(constants={"purpose": "salary"}), "purpose is given already"),
        ("amount,source_amount", Layout(columns={"amount": "source_amount"}), "source_amount is given already"),
        ("name", Layout(), "'name' that is no field"),
        ("reference", Layout(constants={"purpose": "salary"}), "lacks the columns beneficiary_id"),
    ],
)
def test_a_header_that_does_not_fit_the_layout_is_refused(
    tmp_path: Path, header: str, layout: Layout, message: str
) -> None:
    with pytest.raises(RowFileError, match=message):
        list(read_csv(write(tmp_path, header, name="rows.csv"), layout=layout))


@pytest.mark.parametrize(
    ("columns", "constants", "message"),
    [
        ({"a": "amount"}, {}, "'amount' is no field"),
        ({}, {"amount": "1"}, "'amount' is no field"),
        ({}, {"row_id": "1"}, "row_id"),
        ({"a": "method", "b": "method"}, {}, "given twice"),
        ({"a": "method"}, {"method": "ach"}, "given twice"),
    ],
)
def test_a_layout_that_makes_no_sense_is_refused(
    columns: dict[str, str], constants: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Layout(columns=columns, constants=constants)


async def test_a_file_of_json_lines_is_paid_and_resumed(
    anton: AntonClient, sandbox: Sandbox, journal: Path, tmp_path: Path
) -> None:
    file = write(tmp_path, *[json.dumps(line) for line in rows(3)], "{}", "{")

    for _ in range(2):
        results = await pay(anton, journal, read_jsonl(file))

        assert [type(results[name]) for name in ("row-1", "row-2", "row-3", "4", "5")] == [Accepted] * 3 + [
            Rejected
        ] * 2
    assert len(sandbox.executed) == 3


@pytest.mark.fault("F05")
async def test_another_constant_is_another_input(
    anton: AntonClient, sandbox: Sandbox, journal: Path, tmp_path: Path
) -> None:
    file = write(tmp_path, json.dumps({name: value for name, value in row(1).items() if name != "purpose"}))
    await pay(anton, journal, read_jsonl(file, layout=Layout(constants={"purpose": "salary"})))

    with pytest.raises(JournalError, match="has changed"):
        await pay(anton, journal, read_jsonl(file, layout=Layout(constants={"purpose": "contractor_payment"})))

    assert len(sandbox.executed) == 1


@pytest.mark.fault("F13")
def test_flaws_name_line_column_and_what_is_there_instead(tmp_path: Path) -> None:
    layout = Layout(columns={"amount": "source_amount", "id": "row_id"})
    bad = [
        row(1),
        row(2, source_amount="1,250.00"),
        row(3, method="?"),
        row(1),
        row(4, instrument_id=None),
        row(5, dest_amount=[]),
    ]
    lines = [
        json.dumps({{"source_amount": "amount", "row_id": "id"}.get(name, name): value for name, value in line.items()})
        for line in bad
    ]

    flaws = list(find_flaws(read_jsonl(write(tmp_path, *lines, "nonsense"), layout=layout), layout))

    assert flaws[0] is None
    told = [(flaw.line, flaw.row_id, flaw.column, flaw.given) for flaw in flaws if flaw is not None]
    assert told == [
        (2, "row-2", "amount", None),
        (3, "row-3", "method", "text of 1 character"),
        (4, "row-1", "id", None),
        (5, "row-4", "instrument_id", "nothing"),
        (6, "row-5", "dest_amount", "a list"),
        (7, "7", None, None),
    ]
    reasons = [flaw.reason for flaw in flaws if flaw is not None]
    assert reasons[0].endswith('not "1,250.00"')
    assert reasons[2] == "repeats the row_id of line 1: give it one of its own"
