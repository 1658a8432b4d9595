from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from anton_async.bulk import PayoutRow, RowFileError, read_csv
from tests.support.payroll import FIELDS

HEADER = ",".join(FIELDS)
LINE = "ben_A,ins_USD,10.00,10.00,USD,ach,salary,S-1"


def write(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    file = path / "rows.csv"
    file.write_bytes("\r\n".join(lines).encode(encoding))
    return file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_is_read_with_and_without_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    file = write(tmp_path, f"row_id,{HEADER}", f"Löhne-1,{LINE}", encoding=encoding)

    (row,) = read_csv(file)

    assert (row.row_id, row.line, row.fields["method"]) == ("Löhne-1", 2, "ach")


def test_without_a_row_id_the_line_number_names_the_row(tmp_path: Path) -> None:
    file = write(tmp_path, HEADER, LINE, "", LINE)

    assert [row.row_id for row in read_csv(file)] == ["2", "4"]


def test_a_quoted_line_break_belongs_to_its_cell_and_counts_as_a_line(tmp_path: Path) -> None:
    file = write(tmp_path, f"{HEADER},metadata.note", f'{LINE},"two\r\nlines"', f"{LINE},one")

    first, second = read_csv(file)

    assert first.fields["metadata"] == {"note": "two\r\nlines"}
    assert (first.line, second.line) == (2, 4)


def test_empty_cells_are_left_out_and_dotted_columns_are_nested(tmp_path: Path) -> None:
    columns = "source_currency,metadata.team,metadata.month,session.ip"
    file = write(tmp_path, f"{HEADER},{columns}", f"{LINE},,blue,,203.0.113.7", f"{LINE},,,,")

    first, second = read_csv(file)

    assert first.fields["metadata"] == {"team": "blue"}
    assert first.fields["session"] == {"ip": "203.0.113.7"}
    assert second.fields.keys() == set(FIELDS)


def test_a_row_with_too_many_cells_is_a_problem_of_that_row_alone(tmp_path: Path) -> None:
    file = write(tmp_path, HEADER, LINE.replace("10.00", "1,250.00", 1), LINE)

    spoilt, good = read_csv(file)

    assert spoilt.problem is not None
    assert "9 cells under 8 columns" in spoilt.problem
    assert good.problem is None


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("ben_A", "has 1 cell under 8 columns: the last 7 are missing"),
        ("ben_A,ins_USD", "has 2 cells under 8 columns: the last 6 are missing"),
        (LINE.removesuffix(",salary,S-1"), "has 6 cells under 8 columns: the last 2 are missing"),
    ],
)
def test_a_row_that_ends_before_a_needed_cell_says_how_short_it_is(tmp_path: Path, line: str, problem: str) -> None:
    short, good = read_csv(write(tmp_path, HEADER, line, LINE))

    assert (short.problem, short.line) == (problem, 2)
    assert good.problem is None


def test_a_short_row_keeps_its_name_and_one_missing_cell_is_told_in_the_singular(tmp_path: Path) -> None:
    (short,) = read_csv(write(tmp_path, f"row_id,{HEADER}", f"a,{LINE.removesuffix(',S-1')}"))

    assert (short.row_id, short.problem) == ("a", "has 8 cells under 9 columns: the last one is missing")


def test_a_row_may_leave_out_optional_cells_at_its_end(tmp_path: Path) -> None:
    (row,) = read_csv(write(tmp_path, f"{HEADER},source_currency,metadata.note", LINE))

    assert row.problem is None
    assert row.fields.keys() == set(FIELDS)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("1,250.00", "1,250.00"),
        ("9" * 40, "9" * 40),
        ("9" * 41, "9" * 39 + "…"),
        ("\x1b[31m1\u202e", r"\x1b[31m1\u202e"),
        ("\x00" * 500_000, (r"\x00" * 10)[:39] + "…"),
        (0.5, None),
    ],
)
def test_an_amount_is_shown_in_at_most_40_printable_characters(given: object, shown: str | None) -> None:
    row = PayoutRow(row_id="a", dest_amount=given, purpose="private")

    assert row.amount_given("dest_amount") == shown
    assert row.amount_given("purpose") is None
    assert row.amount_given(None) is None


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "is empty"),
        ([f"{HEADER},amout"], "'amout' that is no field"),
        ([HEADER.replace(",", ";")], "separated by commas"),
        ([f"{HEADER},method"], "'method' twice"),
        ([f"{HEADER},metadata"], "metadata.<label>"),
        (["row_id,reference"], "lacks the columns beneficiary_id"),
        ([HEADER, f'"{LINE}'], "near line 2"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused_whole(tmp_path: Path, lines: list[str], message: str) -> None:
    file = write(tmp_path, *lines)

    with pytest.raises(RowFileError, match=message.replace(".", r"\.")):
        list(read_csv(file))


def test_other_encodings_and_missing_files_are_told(tmp_path: Path) -> None:
    file = write(tmp_path, HEADER, LINE.replace("S-1", "Löhne"), encoding="latin-1")

    with pytest.raises(RowFileError, match="not UTF-8"):
        list(read_csv(file))
    with pytest.raises(RowFileError, match="No such file"):
        list(read_csv(tmp_path / "none.csv"))


def test_rows_with_the_same_fields_have_the_same_hash_in_any_order_and_form() -> None:
    as_text = PayoutRow(row_id="a", dest_amount="10.50", method="ach")
    as_decimal = PayoutRow(row_id="b", method="ach", dest_amount=Decimal("10.50"), reference=None)
    other = PayoutRow(row_id="a", dest_amount="10.51", method="ach")

    assert as_text.content_hash() == as_decimal.content_hash()
    assert as_text.content_hash() != other.content_hash()


def test_a_hash_survives_whatever_a_caller_puts_into_a_row() -> None:
    endless: dict[str, object] = {}
    endless["self"] = endless

    for value in (endless, object(), {1: "a", "b": 2}, "\ud800", float("nan"), b"bytes", {"x"}):
        assert len(PayoutRow(row_id="a", metadata=value).content_hash()) == 32


def test_a_row_shows_no_payment_data() -> None:
    assert repr(PayoutRow(row_id="a", end_user_ip="203.0.113.7")) == "PayoutRow(row_id='a', line=None)"


def test_a_mapping_without_row_id_is_named_by_its_position() -> None:
    row = PayoutRow.of({"method": "ach"}, position=7)

    assert (row.row_id, row.fields) == ("7", {"method": "ach"})


def test_what_is_no_row_is_a_row_with_a_problem() -> None:
    row = PayoutRow.of(["ach"], position=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the point

    assert (row.row_id, row.problem) == ("1", "is a list: a row is a PayoutRow, or a mapping of row_id and fields")


@pytest.mark.parametrize(
    ("header", "line", "row_id"),
    [
        (f"row_id,{HEADER}", f"a,{LINE},surplus", "a"),
        (f"row_id,{HEADER}", f",{LINE},surplus", "2"),
        (HEADER, f"{LINE},surplus", "2"),
    ],
)
def test_a_row_with_too_many_cells_keeps_its_name(tmp_path: Path, header: str, line: str, row_id: str) -> None:
    (spoilt,) = read_csv(write(tmp_path, header, line))

    assert (spoilt.row_id, spoilt.problem is None) == (row_id, False)
