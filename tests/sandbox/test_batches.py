from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

import pytest

from anton_async.sandbox.tables import write_xlsx
from tests.sandbox.conftest import OpenSandbox
from tests.sandbox.wire import BENEFICIARY, Reply, Wire

HEADER = "external_ref,dest_amount,source_amount,source_currency,dest_currency,dest_country,method,reference,iban"
JANE = "contractor-1042,100.00,,,EUR,DE,sepa,INV-1,DE89370400440532013000"
JANE_IN_DOLLARS = "contractor-1042,50.00,,USD,EUR,DE,sepa,INV-2,DE89370400440532013000"
NEW_HEADER = (
    "external_ref,first_name,last_name,email,phone,date_of_birth,nationality,street_line_1,city,postal_code,country,"
    "dest_amount,dest_currency,method,reference,purpose,iban"
)
NEW = (
    "c-9,Ana,Silva,ana@example.com,+351210000000,1990-01-02,PT,Rua 1,Lisboa,1000-001,PT,"
    "20.00,EUR,sepa,INV-9,salary,PT50000201231234567890154"
)


async def upload(wire: Wire, *lines: str, header: str = HEADER, key: str | None = None) -> Reply:
    return await wire.upload("/v1/batches", "\n".join([header, *lines]).encode(), name="payroll.csv", key=key)


async def validated(wire: Wire, *lines: str, header: str = HEADER) -> Any:
    batch_id = (await upload(wire, *lines, header=header)).data["id"]
    wire.clock.step(2)
    return await batch(wire, batch_id)


async def batch(wire: Wire, batch_id: str, what: str = "") -> Any:
    return (await wire.call("GET", f"/v1/batches/{batch_id}{what}")).data


async def confirm(wire: Wire, batch_id: str, key: str = "confirm", **body: str) -> Reply:
    return await wire.call("POST", f"/v1/batches/{batch_id}/confirm", body=body, key=key)


async def cancel(wire: Wire, batch_id: str) -> Reply:
    return await wire.call("POST", f"/v1/batches/{batch_id}/cancel", key=f"cancel-{batch_id}")


async def test_a_batch_goes_from_file_to_payouts(wire: Wire) -> None:
    uploaded = (await upload(wire, JANE, JANE_IN_DOLLARS)).data
    seen = [uploaded["status"]]
    for _ in range(2):
        wire.clock.step(0.5)
        seen.append((await batch(wire, uploaded["id"]))["status"])
    seen.append((await confirm(wire, uploaded["id"])).data["status"])
    for _ in range(2):
        wire.clock.step(0.75)
        seen.append((await batch(wire, uploaded["id"]))["status"])

    assert seen == ["uploaded", "validating", "validated", "confirmed", "processing", "completed"]
    assert (uploaded["file_name"], uploaded["file_format"]) == ("payroll.csv", "csv")
    payouts = await batch(wire, uploaded["id"], "/payouts")
    assert [(one["reference"], one["dest_amount"], one["source_currency"]) for one in payouts] == [
        ("INV-1", "100.00", "EUR"),
        ("INV-2", "50.00", "USD"),
    ]
    results = await batch(wire, uploaded["id"], "/results")
    assert [(one["row"], one["status"], one["payout_id"]) for one in results] == [
        (2, "success", payouts[0]["id"]),
        (3, "success", payouts[1]["id"]),
    ]
    done = await batch(wire, uploaded["id"])
    assert (done["processed_rows"], done["current_row_index"]) == (2, 3)
    assert (await wire.events())[0]["type"] == "batch.uploaded"
    assert len(await wire.events("batch.completed")) == 1
    wire.clock.step(30)
    assert {one["status"] for one in await batch(wire, uploaded["id"], "/payouts")} == {"completed"}


async def test_the_summary_says_what_a_confirmation_will_cost(wire: Wire) -> None:
    found = await validated(wire, JANE, JANE_IN_DOLLARS)
    summary = found["summary"]

    debits = {one["currency"]: one for one in summary["estimated_debits"]}
    assert (debits["EUR"]["amount"], debits["EUR"]["same_currency_rows"]) == ("100.00", 1)
    assert debits["USD"]["fx_rows"] == 1
    assert summary["methods"] == {"sepa": 2}
    assert (summary["matched_beneficiaries"], summary["existing_beneficiaries"]) == (2, 1)
    assert (found["total_amount"], found["total_currency"]) == ("150.00", "EUR")
    before = Decimal((await wire.balance())[0])
    await confirm(wire, found["id"])
    wire.clock.step(1)
    assert before - Decimal((await wire.balance())[0]) == Decimal(debits["USD"]["amount"])


async def test_new_payees_come_with_the_batch(wire: Wire) -> None:
    second = NEW.replace("INV-9", "INV-10")
    found = await validated(wire, NEW, second, header=NEW_HEADER)
    await confirm(wire, found["id"])
    wire.clock.step(2)

    made = await batch(wire, found["id"], "/beneficiaries")

    assert found["summary"]["new_beneficiaries"] == 1
    assert [(one["display_name"], one["external_ref"]) for one in made] == [("Ana Silva", "c-9")]
    listed = (await wire.call("GET", f"/v1/beneficiaries?source_batch_id={found['id']}&created_via=batch")).data
    assert listed == made
    payouts = await batch(wire, found["id"], "/payouts")
    assert len({one["instrument_id"] for one in payouts}) == 1
    assert {one["purpose"] for one in payouts} == {"salary"}


async def test_bad_rows_are_named_and_left_out(wire: Wire) -> None:
    found = await validated(
        wire,
        JANE,
        "contractor-1042,0,,,EUR,DE,sepa,INV-3,DE89370400440532013000",
        "contractor-1042,1.00,,,EUR,DE,sepa,INV-4,DE00370400440532013000",
        "contractor-1042,1.00,,,AAA,DE,sepa,INV-5,DE89370400440532013000",
        "contractor-1042,1.001,,,EUR,DE,sepa,INV-6,DE89370400440532013000",
        "contractor-1042,1.00,,,EUR,DE,pigeon,INV-7,DE89370400440532013000",
        "nobody,1.00,,,EUR,DE,sepa,INV-8,DE89370400440532013000",
        "contractor-1042,,,,EUR,DE,sepa,,DE89370400440532013000",
    )

    assert (found["status"], found["total_rows"], found["valid_rows"], found["invalid_rows"]) == ("validated", 8, 1, 7)
    errors = (await batch(wire, found["id"], "/errors"))["errors"]
    assert [(error["row"], error["field"]) for error in errors] == [
        (3, "dest_amount"), (4, "iban"), (5, "dest_currency"), (6, "dest_amount"), (7, "method"), (8, "external_ref"),
        (9, "reference"), (9, "dest_amount"),
    ]  # fmt: skip
    await confirm(wire, found["id"])
    wire.clock.step(2)
    statuses = [one["status"] for one in await batch(wire, found["id"], "/results")]
    assert statuses == ["success", *["skipped"] * 7]
    assert (await batch(wire, found["id"]))["status"] == "completed"


async def test_remarks_do_not_stop_a_row(wire: Wire) -> None:
    renamed = NEW.replace("c-9,Ana,Silva", "contractor-1042,Ana,Silva")
    found = await validated(wire, renamed, renamed, header=NEW_HEADER)

    warnings = (await batch(wire, found["id"], "/errors"))["warnings"]

    assert [(one["row"], one["type"]) for one in warnings] == [
        (2, "beneficiary_name_change"),
        (3, "duplicate_in_batch"),
        (3, "beneficiary_name_change"),
    ]
    assert (found["valid_rows"], found["warning_rows"]) == (2, 2)
    assert not any("Silva" in one["message"] for one in warnings)


async def test_a_file_without_a_good_row_cannot_be_confirmed(wire: Wire) -> None:
    found = await validated(wire, "nobody,1.00,,,EUR,DE,sepa,INV-8,DE89370400440532013000")

    reply = await confirm(wire, found["id"])

    assert found["status"] == "validation_failed"
    assert (reply.status, reply.code) == (409, "batch_not_validated")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"payee,amount\nA,1",
        b"\xff\xff",
        b"external_ref,method\nA,sepa",
        HEADER.encode() + b"\n" + b"," * 99 + b"x",
    ],
)
async def test_an_unusable_file_fails(wire: Wire, content: bytes) -> None:
    batch_id = (await wire.upload("/v1/batches", content)).data["id"]
    wire.clock.step(2)

    assert (await batch(wire, batch_id))["status"] == "failed"
    assert (await batch(wire, batch_id, "/errors"))["errors"][0]["row"] == 1
    assert [event["payload"]["status"] for event in await wire.events("batch.failed")] == ["failed"]


async def test_rows_can_fail_when_they_are_paid(wire: Wire) -> None:
    found = await validated(wire, JANE, JANE_IN_DOLLARS)
    await confirm(wire, found["id"])
    await wire.pay(source_amount="9990.00", dest_amount="9990.00")
    wire.clock.step(2)

    results = await batch(wire, found["id"], "/results")

    assert [one["status"] for one in results] == ["success", "failed"]
    assert results[1]["error"] == "insufficient funds for this payout"
    assert (await batch(wire, found["id"]))["status"] == "partial"


async def test_when_every_row_fails_the_batch_does(wire: Wire) -> None:
    found = await validated(wire, JANE)
    await confirm(wire, found["id"])
    await wire.call("POST", f"/v1/beneficiaries/{BENEFICIARY}/archive", key="a")
    wire.clock.step(2)

    assert (await batch(wire, found["id"]))["status"] == "failed"
    assert len((await wire.events("batch.failed"))[0]["payload"]["errors"]) == 1


async def test_the_live_balance_has_to_cover_the_batch(wire: Wire) -> None:
    found = await validated(wire, JANE)
    dear = await validated(wire, "contractor-1042,1999.00,,,EUR,DE,sepa,INV-7,DE89370400440532013000")
    await wire.pay(source_currency="EUR", dest_currency="EUR", instrument_id="ins_JANEEUR")

    refused = await confirm(wire, dear["id"], "a")

    assert dear["summary"]["balance_check"]["EUR"]["sufficient"] is True
    assert (refused.status, refused.code) == (422, "insufficient_balance")
    assert (await confirm(wire, found["id"], "b")).status == 200


async def test_the_funding_currency_of_rows_that_name_none_is_chosen_at_the_end(wire: Wire) -> None:
    found = await validated(wire, JANE)

    confirmed = (await confirm(wire, found["id"], source_currency="USD")).data
    wire.clock.step(2)

    assert confirmed["source_currency"] == "USD"
    assert [one["source_currency"] for one in await batch(wire, found["id"], "/payouts")] == ["USD"]


async def test_the_time_to_confirm_ends(wire: Wire) -> None:
    found = await validated(wire, JANE)
    wire.sandbox.clock.advance(24 * 3600)

    reply = await confirm(wire, found["id"])

    assert (reply.status, reply.code) == (409, "batch_confirmation_expired")


async def test_a_batch_is_cancelled_until_it_is_processed(wire: Wire) -> None:
    waiting = (await upload(wire, JANE)).data["id"]
    cancelled = (await cancel(wire, waiting)).data
    running = await validated(wire, JANE_IN_DOLLARS)
    await confirm(wire, running["id"])
    wire.clock.step(0.5)

    refused = await cancel(wire, running["id"])

    assert cancelled["status"] == "cancelled"
    assert (refused.status, refused.code) == (409, "batch_not_cancellable")
    wire.clock.step(10)
    assert (await batch(wire, waiting))["status"] == "cancelled"
    assert await batch(wire, waiting, "/payouts") == []


async def test_a_file_is_taken_once_while_it_is_under_way(wire: Wire) -> None:
    first = (await upload(wire, JANE)).data["id"]

    twice = await upload(wire, JANE)
    await cancel(wire, first)
    afterwards = await upload(wire, JANE)

    assert (twice.status, twice.code, afterwards.status) == (409, "duplicate_file", 201)


async def test_an_announced_hash_is_checked(wire: Wire) -> None:
    content = f"{HEADER}\n{JANE}".encode()

    wrong = await wire.upload("/v1/batches", content, fields={"file_hash": "0" * 64})
    right = await wire.upload("/v1/batches", content, fields={"file_hash": hashlib.sha256(content).hexdigest()})

    assert (wrong.status, wrong.code, right.status) == (400, "file_hash_mismatch", 201)


async def test_files_of_another_kind_or_size_are_refused(wire: Wire) -> None:
    kind = await wire.upload("/v1/batches", b"x", name="rows.pdf")
    size = await wire.upload("/v1/batches", b"x" * (32 * 1024 * 1024 + 1))

    assert (kind.status, kind.code) == (400, "invalid_file_format")
    assert (size.status, size.code) == (413, "file_too_large")


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
async def test_the_template_is_a_valid_batch(wire: Wire, kind: str) -> None:
    template = await wire.call("GET", f"/v1/batches/template?format={kind}")

    batch_id = (await wire.upload("/v1/batches", template.body, name=f"t.{kind}")).data["id"]
    wire.clock.step(2)

    found = await batch(wire, batch_id)
    assert (found["status"], found["valid_rows"], found["file_format"]) == ("validated", 1, kind)


async def test_the_template_is_a_workbook_unless_csv_is_asked_for(wire: Wire) -> None:
    assert (await wire.call("GET", "/v1/batches/template")).body.startswith(b"PK")
    unknown = await wire.call("GET", "/v1/batches/template?format=ods")
    assert (unknown.status, unknown.code) == (400, "invalid_template_format")


async def test_a_workbook_is_paid_like_a_csv_file(wire: Wire) -> None:
    content = write_xlsx([HEADER.split(","), JANE.split(",")])
    batch_id = (await wire.upload("/v1/batches", content, name="rows.XLSX")).data["id"]
    wire.clock.step(2)
    await confirm(wire, batch_id)
    wire.clock.step(2)

    assert [one["dest_amount"] for one in await batch(wire, batch_id, "/payouts")] == ["100.00"]


async def test_batches_are_listed_by_status_and_time(wire: Wire) -> None:
    first = (await upload(wire, JANE)).data
    wire.clock.step(60)
    second = (await upload(wire, JANE_IN_DOLLARS)).data

    async def listed(query: str) -> list[str]:
        return [one["id"] for one in (await wire.call("GET", f"/v1/batches?{query}")).data]

    assert await listed("") == [second["id"], first["id"]]
    assert await listed("status=validated") == [first["id"]]
    assert await listed(f"created_after={second['created_at']}") == [second["id"]]
    assert await listed(f"created_before={first['created_at']}") == [first["id"]]
    page = await wire.call("GET", "/v1/batches?limit=1")
    assert await listed(f"limit=1&cursor={page.json['next_cursor']}") == [first["id"]]
    assert (await wire.call("GET", "/v1/batches?cursor=x")).code == "invalid_cursor"


async def test_results_are_paged_in_the_order_of_the_file(wire: Wire) -> None:
    lines = [JANE.replace("INV-1", f"INV-{number}") for number in range(5)]
    found = await validated(wire, *lines)

    first = await wire.call("GET", f"/v1/batches/{found['id']}/results?limit=3")
    second = await wire.call("GET", f"/v1/batches/{found['id']}/results?cursor={first.json['next_cursor']}")

    assert [one["row"] for one in first.data + second.data] == [2, 3, 4, 5, 6]
    assert {one["status"] for one in first.data} == {"pending"}


async def test_a_batch_that_is_not_there(wire: Wire) -> None:
    for what in ("", "/payouts", "/beneficiaries", "/errors", "/results"):
        reply = await wire.call("GET", f"/v1/batches/bat_NONE{what}")
        assert (reply.status, reply.code) == (404, "batch_not_found")
    assert (await confirm(wire, "bat_NONE")).code == (await cancel(wire, "bat_NONE")).code == "batch_not_found"


async def test_a_large_batch_is_quick(open_sandbox: OpenSandbox) -> None:
    wire = await open_sandbox(settle=None)
    lines = [NEW.replace("c-9,Ana", f"c-{number},Ana{number}").replace(",20.00,", ",0.10,") for number in range(2000)]
    found = await validated(wire, *lines, header=NEW_HEADER)
    await confirm(wire, found["id"])
    wire.clock.step(2)

    done = await batch(wire, found["id"])

    assert (done["status"], done["valid_rows"], done["processed_rows"]) == ("completed", 2000, 2000)
    assert (await wire.balance("EUR")) == ("1800.00", "200.00", "2000.00")
