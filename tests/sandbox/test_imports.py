from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.wire import Reply, Wire

HEADER = (
    "external_ref,first_name,last_name,email,phone,date_of_birth,nationality,street_line_1,city,postal_code,country"
)
GOOD = "c-1,Ana,Silva,ana@example.com,+351210000000,1990-01-02,PT,Rua 1,Lisboa,1000-001,PT"
OTHER = "c-2,Rui,Amaral,rui@example.com,+351210000001,1991-01-02,PT,Rua 2,Porto,4000-001,PT"
BAD = "c-3,Eva,,not-an-address,+351210000002,02.01.1990,PT,Rua 3,Braga,4700-001,Portugal"


async def preview(wire: Wire, *lines: str, header: str = HEADER, name: str = "people.csv") -> Reply:
    return await wire.upload("/v1/beneficiaries/import", "\n".join([header, *lines]).encode(), name=name)


async def confirm(wire: Wire, import_id: str, key: str = "c") -> Reply:
    return await wire.call("POST", f"/v1/beneficiaries/import/{import_id}/confirm", key=key)


async def names(wire: Wire) -> set[str]:
    return {one["display_name"] for one in (await wire.call("GET", "/v1/beneficiaries")).data}


async def test_a_preview_checks_each_row_and_creates_nothing(wire: Wire) -> None:
    reply = await preview(wire, GOOD, BAD)

    assert reply.status == 201
    assert reply.data["summary"] == {"total": 2, "valid": 1, "invalid": 1}
    good, bad = reply.data["rows"]
    assert (good["row_number"], good["valid"], good["individual"]["last_name"]) == (1, True, "Silva")
    assert "errors" not in good
    assert set(bad["errors"]) == {
        "last_name is required",
        "email must be a valid email address",
        "date_of_birth must be in YYYY-MM-DD format",
        "country must be a valid ISO-3166 alpha-2 country code",
    }
    assert "Ana Silva" not in await names(wire)


async def test_a_confirmation_creates_the_valid_rows_once(wire: Wire) -> None:
    import_id = (await preview(wire, GOOD, BAD, OTHER)).data["import_id"]

    confirmed = await confirm(wire, import_id)
    again = await confirm(wire, import_id, "again")

    assert confirmed.data["summary"] == {"created": 2, "skipped": 1, "failed": 0}
    assert {"Ana Silva", "Rui Amaral"} <= await names(wire)
    assert (again.status, again.code) == (409, "import_already_confirmed")
    assert len(await wire.events("beneficiary.created")) == 2


async def test_rows_that_fail_only_now_are_reported(wire: Wire) -> None:
    import_id = (await preview(wire, GOOD, GOOD)).data["import_id"]

    confirmed = (await confirm(wire, import_id)).data

    assert confirmed["summary"] == {"created": 1, "skipped": 0, "failed": 1}
    assert [error["row_number"] for error in confirmed["errors"]] == [2]


async def test_a_preview_expires_after_a_day(wire: Wire) -> None:
    import_id = (await preview(wire, GOOD)).data["import_id"]
    wire.sandbox.clock.advance(24 * 3600)

    reply = await confirm(wire, import_id)

    assert (reply.status, reply.code) == (409, "import_expired")


@pytest.mark.parametrize(("import_id", "status", "code"), [
    ("imp_NONE", 404, "import_not_found"), ("ben_1", 400, "invalid_import_id"),
])  # fmt: skip
async def test_an_import_that_is_not_there(wire: Wire, import_id: str, status: int, code: str) -> None:
    reply = await confirm(wire, import_id)

    assert (reply.status, reply.code) == (status, code)


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ({"name": "people.xlsx"}, "invalid_file_format"),
        ({"name": ""}, "invalid_file"),
        ({"content": b"\xff\xfe\x00"}, "invalid_csv"),
        ({"content": b""}, "invalid_csv"),
        ({"content": b"name,wage\nA,1"}, "invalid_csv"),
        ({"content": b"first_name,legal_name\nA,B"}, "invalid_csv"),
        ({"content": b"first_name,first_name\nA,B"}, "invalid_csv"),
        ({"content": b'first_name\n"A'}, "invalid_csv"),
    ],
)
async def test_a_file_that_is_no_import(wire: Wire, file: dict[str, Any], code: str) -> None:
    options: dict[str, Any] = {"content": b"first_name\nA", **file}
    reply = await wire.upload("/v1/beneficiaries/import", **options)

    assert (reply.status, reply.code) == (400, code)


async def test_something_other_than_a_form(wire: Wire) -> None:
    for content_type, raw in (
        ("application/json", b"{}"), ("multipart/form-data", b"x"), ("multipart/form-data; boundary=b", b"garbage"),
    ):  # fmt: skip
        headers = {"Content-Type": content_type}
        reply = await wire.call("POST", "/v1/beneficiaries/import", raw=raw, key=content_type, headers=headers)
        assert (reply.status, reply.code) == (400, "invalid_multipart_form"), content_type


async def test_a_file_over_the_limit(wire: Wire) -> None:
    reply = await wire.upload("/v1/beneficiaries/import", b"x" * (8 * 1024 * 1024 + 1))

    assert (reply.status, reply.code) == (413, "file_too_large")


async def test_the_template_is_a_valid_import(wire: Wire) -> None:
    for kind in ("individual", "business"):
        template = await wire.call("GET", f"/v1/beneficiaries/import/template?type={kind}")
        assert template.headers["Content-Type"] == "text/csv"

        reply = await wire.upload("/v1/beneficiaries/import", template.body, key=kind)

        assert (reply.data["summary"], reply.data["rows"][0]["type"]) == ({"total": 1, "valid": 1, "invalid": 0}, kind)


@pytest.mark.parametrize(("query", "code"), [
    ("", "invalid_template_type"), ("?type=dog", "invalid_template_type"),
    ("?type=individual&format=xlsx", "invalid_template_format"),
])  # fmt: skip
async def test_a_template_that_does_not_exist(wire: Wire, query: str, code: str) -> None:
    reply = await wire.call("GET", f"/v1/beneficiaries/import/template{query}")

    assert (reply.status, reply.code) == (400, code)


async def test_the_same_file_in_another_envelope_is_the_same_request(wire: Wire) -> None:
    content = f"{HEADER}\n{GOOD}".encode()
    first = await wire.upload("/v1/beneficiaries/import", content, key="k")
    again = await wire.upload("/v1/beneficiaries/import", content, key="k")
    other = await wire.upload("/v1/beneficiaries/import", content + b"\n", key="k")

    assert again.json == first.json
    assert (other.status, other.code) == (409, "idempotency_conflict")
