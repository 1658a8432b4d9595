"""Input that is no row, or no input: told apart from its neighbours, which are paid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from anton_async import AntonClient, ConfigurationError
from anton_async.bulk import Accepted, Layout, PayoutJob, Rejected, read_jsonl
from anton_async.bulk.check import find_flaws
from anton_async.sandbox import Sandbox
from tests.support.payroll import pay, row, states


async def test_an_unreadable_row_does_not_take_the_name_of_another(
    anton: AntonClient, sandbox: Sandbox, journal: Path, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(["{", json.dumps(row(1, row_id="1"))]))

    async with PayoutJob(anton, journal=journal) as job:
        results = {result.line: result async for result in job.run(read_jsonl(file))}

    assert isinstance(results[1], Rejected)
    assert isinstance(results[2], Accepted)
    assert len(sandbox.executed) == 1
    assert [flaw is None for flaw in find_flaws(read_jsonl(file), Layout())] == [False, True]


async def test_an_item_that_is_no_row_is_rejected_and_the_others_are_paid(anton: AntonClient, journal: Path) -> None:
    given: list[Any] = ["x", row(1), None]

    results = await pay(anton, journal, given)

    assert isinstance(results["row-1"], Accepted)
    assert {name: result.reason for name, result in results.items() if isinstance(result, Rejected)} == {
        "1": "is a str: a row is a PayoutRow, or a mapping of row_id and fields",
        "3": "is a NoneType: a row is a PayoutRow, or a mapping of row_id and fields",
    }


@pytest.mark.parametrize("given", ["rows.csv", b"rows", {"row_id": "a"}, 5])
async def test_what_is_no_iterable_of_rows_is_refused(anton: AntonClient, journal: Path, given: Any) -> None:
    with pytest.raises(ConfigurationError, match="rows must be an iterable"):
        await pay(anton, journal, given)

    assert states(journal) == {}
