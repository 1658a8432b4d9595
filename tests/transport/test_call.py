from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from anton_async import AntonClient, RequestValidationError
from anton_async.models import IndividualDetails
from tests.support.examples import ORDER, PAYOUT, changed
from tests.support.raw_server import RawServer, answer

CREATED = answer(201, {"data": PAYOUT})
EMPTY = answer(200, {"data": [], "has_more": False})


async def refuses(anton: AntonClient, server: RawServer, **changes: object) -> RequestValidationError:
    with pytest.raises(RequestValidationError) as caught:
        await anton.payouts.create(**changed(ORDER, **changes))
    assert server.requests == []
    return caught.value


@pytest.mark.fault("H06")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("500.00"), "500.00"),
        ("500.00", "500.00"),
        (500, "500"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-7"), "0.0000001"),
        ("999999999999.99", "999999999999.99"),
    ],
)
async def test_money_leaves_as_plain_digits(anton: AntonClient, server: RawServer, value: Any, text: str) -> None:
    server.script(CREATED)

    await anton.payouts.create(**changed(ORDER, source_amount=value))

    assert server.requests[0].json["source_amount"] == text


@pytest.mark.fault("H06")
@pytest.mark.parametrize(
    "value",
    [
        0.1,
        True,
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("1E+999999"),
        Decimal("1E-999999"),
        10**12,
        10**5000,
        "1234567890123",
        "1e3",
        "10,10",
        "NaN",
        "٣",
        " 1",
        "1_000",
        "1.",
        "",
        b"1",
    ],
    ids=lambda value: type(value).__name__,
)
async def test_an_amount_that_is_none_is_refused_before_sending(
    anton: AntonClient, server: RawServer, value: object
) -> None:
    error = await refuses(anton, server, source_amount=value)

    assert error.field == "source_amount"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("beneficiary_id", "ins_1"),
        ("beneficiary_id", "ben_1\n"),
        ("beneficiary_id", "ben_٣"),
        ("beneficiary_id", None),
        ("beneficiary_id", 7),
        ("dest_currency", "eur"),
        ("dest_currency", "EURO12"),
        ("method", "pigeon"),
        ("reference", "x" * 101),
        ("purpose", "x" * 256),
        ("metadata", {"a": 1}),
        ("metadata", [1]),
        ("session", {"ip": 1}),
        ("session", {"unknown": "x"}),
        ("quote_id", "fxq_1"),
        ("fixed_side", ""),
    ],
)
async def test_a_field_that_breaks_the_document_is_named(
    anton: AntonClient, server: RawServer, field: str, value: object
) -> None:
    error = await refuses(anton, server, **{field: value})

    assert (error.field or "").partition(".")[0].partition("[")[0] == field


@pytest.mark.parametrize(
    ("field", "value", "mend"),
    [
        ("fixed_side", "both", "must be one of fixed_source, fixed_dest"),
        ("dest_currency", "eur", "must be 3 to 5 capital letters, such as 'EUR'"),
        ("reference", "x" * 101, "must have at most 100 characters"),
        ("purpose", 7, "must be of type str, not int"),
        ("beneficiary_id", None, "is required"),
        ("source_amount", "1,250.00", 'must be plain digits such as "1234.56", at most 12 before the point'),
    ],
)
async def test_an_error_is_a_sentence_with_the_mend_in_it(
    anton: AntonClient, server: RawServer, field: str, value: object, mend: str
) -> None:
    error = await refuses(anton, server, **{field: value})

    assert str(error) == f"{field}: {mend}"


@pytest.mark.fault("H08")
@pytest.mark.parametrize("metadata", [{"a": {"b": "c"}}, {"a": None}, {"a": 1.5}, {1: "a"}])
async def test_labels_that_are_no_texts_are_refused(
    anton: AntonClient, server: RawServer, metadata: dict[str, object]
) -> None:
    await refuses(anton, server, metadata=metadata)


@pytest.mark.fault("H12")
async def test_an_endless_value_is_refused(anton: AntonClient, server: RawServer) -> None:
    endless: dict[str, object] = {}
    endless["again"] = endless

    await refuses(anton, server, session=endless)


@pytest.mark.fault("H07")
async def test_half_a_surrogate_pair_is_refused_and_other_text_is_sent_unchanged(
    anton: AntonClient, server: RawServer
) -> None:
    assert (await refuses(anton, server, reference="a\ud800")).field == "reference"
    odd = "e\u0301 \u202e\x01 ✓"
    server.script(CREATED)

    await anton.payouts.create(**changed(ORDER, reference=odd))

    assert server.requests[0].json["reference"] == odd


async def test_an_unknown_argument_is_refused(anton: AntonClient, server: RawServer) -> None:
    error = await refuses(anton, server, amonut="5")

    assert error.field == "amonut"


async def test_what_is_left_out_is_not_sent(anton: AntonClient, server: RawServer) -> None:
    server.script(CREATED)

    await anton.payouts.create(**ORDER, quote_id=None, metadata=None)

    assert server.requests[0].json == ORDER


async def test_a_mutation_without_a_body_names_no_content_type(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(200, {"data": PAYOUT}))

    await anton.payouts.cancel("pay_1")

    assert server.requests[0].body == b""
    assert "content-type" not in server.requests[0].headers


@pytest.mark.fault("H01")
@pytest.mark.parametrize(
    "path_id",
    [
        "",
        ".",
        "..",
        "../x",
        "%2e%2e",
        "a/b",
        "pay_1?x",
        "pay_1#y",
        "pay_\r\n",
        "pay_\x00",
        "pay_ 1",
        "pay_é",
        "pay_1\n",
        7,
        None,
    ],
)
async def test_nothing_leaves_the_path_of_a_resource(anton: AntonClient, server: RawServer, path_id: Any) -> None:
    with pytest.raises(RequestValidationError, match="id"):
        await anton.payouts.retrieve(path_id)

    assert (server.requests, server.token_calls) == ([], [])


@pytest.mark.fault("H02")
async def test_an_id_of_another_kind_is_refused(anton: AntonClient, server: RawServer) -> None:
    with pytest.raises(RequestValidationError, match="pay_"):
        await anton.payouts.retrieve("ben_1")

    assert server.requests == []


@pytest.mark.fault("H03")
async def test_query_values_arrive_as_they_were_given(anton: AntonClient, server: RawServer) -> None:
    server.script(EMPTY)
    moment = dt.datetime(2026, 9, 1, 10, tzinfo=dt.timezone(dt.timedelta(hours=2)))

    await anton.payouts.list(
        reference="a&b=c+d%e é", status=["created", "sent"], created_after=moment, dest_currency=None
    )

    assert server.requests[0].target == (
        "/v1/payouts?status=created&status=sent&reference=a%26b%3Dc%2Bd%25e+%C3%A9"
        "&created_after=2026-09-01T10:00:00%2B02:00"
    )


@pytest.mark.fault("H03", "J10")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("limit", 0),
        ("limit", 101),
        ("limit", -1),
        ("limit", True),
        ("limit", "10"),
        ("status", "created"),
        ("status", ["nope"]),
        ("created_after", dt.datetime(2026, 9, 1)),  # noqa: DTZ001 - naive on purpose
        ("beneficiary_id", "x"),
        ("reference", 7),
    ],
)
async def test_a_query_value_out_of_bounds_is_named(
    anton: AntonClient, server: RawServer, field: str, value: Any
) -> None:
    with pytest.raises(RequestValidationError) as caught:
        await anton.payouts.list(**{field: value})

    assert (caught.value.field or "").partition("[")[0] == field
    assert server.requests == []


@pytest.mark.fault("H04", "H05")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X:A", "1"),
        ("X A", "1"),
        ("", "1"),
        ("DPoP", "1"),
        ("authorization", "1"),
        ("Host", "1"),
        ("Content-Length", "1"),
        ("Transfer-Encoding", "1"),
        ("Idempotency-Key", "1"),
        ("X-A", "secret\r"),
        ("X-A", "secret\n"),
        ("X-A", "secret\x00"),
        ("X-A", "secret\x7f"),
        ("X-A", "secret\ud800"),
        ("X-A", "secreté"),
    ],
)
async def test_a_header_of_the_callers_that_could_do_harm_is_refused(
    anton: AntonClient, server: RawServer, name: str, value: str
) -> None:
    with pytest.raises(RequestValidationError) as caught:
        await anton.balances.list(headers={name: value})

    assert server.requests == []
    assert "secret" not in str(caught.value)


@pytest.mark.fault("H04")
@pytest.mark.parametrize(
    "headers", [5, "X-A: 1", [("X-A", "1")], (), {1: "1"}, {"X-A": 1}, {"X-A": None}, {b"X-A": b"1"}]
)
async def test_headers_that_are_no_texts_by_name_are_refused(
    anton: AntonClient, server: RawServer, headers: Any
) -> None:
    with pytest.raises(RequestValidationError) as caught:
        await anton.balances.list(headers=headers)

    assert (caught.value.field, server.requests) == ("headers", [])


async def test_a_header_of_the_callers_is_sent(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(200, {"data": []}))

    await anton.balances.list(headers={"X-Request-ID": "mine"})

    assert server.requests[0].headers["x-request-id"] == "mine"


PERSON: dict[str, Any] = {
    "first_name": "Ada",
    "last_name": "Byron",
    "email": "ada@example.org",
    "phone": "+442071234567",
    "date_of_birth": "1988-05-12",
    "nationality": "GB",
    "address": {"street_line_1": "1 Main St", "city": "London", "postal_code": "N1", "country": "GB"},
}
BENEFICIARY = {
    "id": "ben_1",
    "merchant_id": "mer_1",
    "type": "individual",
    "status": "active",
    "display_name": "Ada Byron",
    "country": "GB",
    "risk_score": None,
    "risk_tier": None,
    "created_at": "2026-09-01T08:00:00Z",
    "updated_at": "2026-09-01T08:00:00Z",
}


async def test_nested_objects_are_given_as_mappings_or_structs(anton: AntonClient, server: RawServer) -> None:
    server.script(*[answer(201, {"data": BENEFICIARY})] * 2)

    await anton.beneficiaries.create(type="individual", country="GB", individual=PERSON)
    await anton.beneficiaries.create(type="individual", country="GB", individual=IndividualDetails(**changed(PERSON)))

    assert server.requests[0].json["individual"] == PERSON
    assert server.requests[0].body == server.requests[1].body


async def test_a_struct_inside_a_request_is_checked_too(anton: AntonClient, server: RawServer) -> None:
    with pytest.raises(RequestValidationError) as caught:
        await anton.beneficiaries.create(
            type="individual", country="GB", individual=IndividualDetails(**changed(PERSON, nationality="gb"))
        )

    assert caught.value.field == "individual.nationality"
    assert server.requests == []
