from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from anton_async.sandbox.merchant import RowResult
from anton_async.sandbox.paging import Collection
from tests.sandbox.conftest import OpenSandbox
from tests.sandbox.wire import Wire, encoded

STRICT = ["/v1/beneficiaries", "/v1/instruments", "/v1/batches/bat_1/payouts", "/v1/batches/bat_1/beneficiaries"]
LISTS = ["/v1/payouts", *STRICT]


@pytest.fixture
async def wire(open_sandbox: OpenSandbox) -> Wire:
    seed = {
        "beneficiaries": [{"id": f"ben_{number:02}", "source_batch_id": "bat_1"} for number in range(25)],
        "instruments": [{"id": f"ins_{number:02}", "beneficiary_id": "ben_00"} for number in range(25)],
        "batches": [{"id": "bat_1"}, {"id": "bat_2"}],
        "payouts": [
            {"id": f"pay_{number:02}", "batch_id": "bat_1", "beneficiary_id": "ben_00", "instrument_id": "ins_00"}
            for number in range(25)
        ],
    }
    return await open_sandbox(seed=seed)


async def walk(wire: Wire, path: str, limit: int) -> list[list[str]]:
    pages: list[list[str]] = []
    query = f"?limit={limit}"
    while True:
        reply = await wire.call("GET", path + query)
        pages.append([item["id"] for item in reply.data])
        if not reply.json["has_more"]:
            assert "next_cursor" not in reply.json
            return pages
        query = f"?limit={limit}&cursor={reply.json['next_cursor']}"


@pytest.mark.parametrize("path", LISTS)
async def test_pages_hold_everything_once(wire: Wire, path: str) -> None:
    pages = await walk(wire, path, 10)

    assert [len(page) for page in pages] == [10, 10, 5]
    assert len({item for page in pages for item in page}) == 25


async def test_a_full_last_page_says_so(wire: Wire) -> None:
    assert [len(page) for page in await walk(wire, "/v1/payouts", 5)] == [5, 5, 5, 5, 5]


@pytest.mark.parametrize("path", ["/v1/payouts", "/v1/beneficiaries", "/v1/instruments"])
async def test_newest_come_first(wire: Wire, path: str) -> None:
    items = (await wire.call("GET", path)).data

    assert len(items) == 20
    assert [item["created_at"] for item in items] == sorted((item["created_at"] for item in items), reverse=True)


async def test_payouts_of_a_batch_come_in_row_order(wire: Wire) -> None:
    pages = await walk(wire, "/v1/batches/bat_1/payouts", 10)

    assert [item for page in pages for item in page] == [f"pay_{number:02}" for number in range(25)]
    assert await walk(wire, "/v1/batches/bat_2/payouts", 10) == [[]]


async def test_new_objects_do_not_shift_a_page(wire: Wire) -> None:
    first = await wire.call("GET", "/v1/payouts?limit=10")
    body: dict[str, Any] = {"beneficiary_id": "ben_00", "instrument_id": "ins_00"}
    for _ in range(3):
        await wire.pay(**body)

    second = await wire.call("GET", f"/v1/payouts?limit=10&cursor={first.json['next_cursor']}")

    assert [item["id"] for item in second.data] == [f"pay_{number:02}" for number in range(14, 4, -1)]


@pytest.mark.parametrize("path", STRICT)
@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "ten", "", "%2B5", "99999999999", "\u0665"])
async def test_a_limit_out_of_range_is_refused_by_strict_lists(wire: Wire, path: str, limit: str) -> None:
    reply = await wire.call("GET", f"{path}?limit={limit}")

    assert (reply.status, reply.code) == (400, "invalid_limit")


@pytest.mark.parametrize(("limit", "count"), [("0", 20), ("-1", 20), ("ten", 20), ("101", 25), ("7", 7)])
async def test_payouts_cap_a_limit_in_silence(wire: Wire, limit: str, count: int) -> None:
    assert len((await wire.call("GET", f"/v1/payouts?limit={limit}")).data) == count


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "!!!!",
        "%C3%A9",
        "",
        encoded(b"{}"),
        encoded(b"[]"),
        encoded(b"\xff"),
        encoded(json.dumps({"id": "zzz_1"}).encode()),
        encoded(json.dumps({"id": "pay_01", "more": 1}).encode()),
        base64.urlsafe_b64encode(b'{"id":"pay_01"}').decode() + "==",
    ],
)
async def test_a_cursor_that_was_not_handed_out_is_refused(wire: Wire, path: str, cursor: str) -> None:
    reply = await wire.call("GET", f"{path}?cursor={cursor}")

    assert (reply.status, reply.code) == (400, "invalid_cursor")


async def test_an_altered_cursor_is_refused(wire: Wire) -> None:
    cursor = (await wire.call("GET", "/v1/payouts?limit=1")).json["next_cursor"]
    altered = [cursor[:-1] + other for other in "ABCDefgh0189-_" if other != cursor[-1]]

    codes = [(await wire.call("GET", f"/v1/payouts?cursor={text}")).code for text in altered]

    assert set(codes) == {"invalid_cursor"}


async def test_a_cursor_of_another_list_is_refused(wire: Wire) -> None:
    cursor = (await wire.call("GET", "/v1/payouts?limit=1")).json["next_cursor"]

    assert (await wire.call("GET", f"/v1/beneficiaries?cursor={cursor}")).code == "invalid_cursor"


async def test_a_filter_holds_over_pages(wire: Wire) -> None:
    for _ in range(3):
        await wire.pay(beneficiary_id="ben_00", instrument_id="ins_00", reference="MINE")

    first = await wire.call("GET", "/v1/payouts?reference=MINE&limit=2")
    second = await wire.call("GET", f"/v1/payouts?reference=MINE&limit=2&cursor={first.json['next_cursor']}")

    assert (len(first.data), len(second.data), second.json["has_more"]) == (2, 1, False)


def test_the_latest_entries_can_be_kept_alone() -> None:
    whole: Collection[RowResult] = Collection()
    for number in range(5):
        whole.add(RowResult(str(number), {}))

    kept = whole.latest(2)

    assert [entry.id for entry in kept] == ["3", "4"]
    assert kept.get("2") is None
