from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from anton_async import (
    AntonClient,
    ApiError,
    BadRequestError,
    Outcome,
    ResponseDecodeError,
    ResponseLostError,
    ServerError,
    UnprocessableEntityError,
)
from tests.conftest import ClientMaker
from tests.support.examples import BALANCE, ORDER, PAYOUT
from tests.support.raw_server import RawServer, Reply, answer


def raw(content: bytes, status: int = 200, headers: str = "Content-Type: application/json\r\n") -> Reply:
    return Reply(f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n{headers}\r\n".encode() + content)


@pytest.mark.parametrize("body", [{"data": BALANCE}, BALANCE], ids=["enveloped", "bare"])
async def test_a_single_object_is_read_in_both_editions(
    anton: AntonClient, server: RawServer, body: dict[str, Any]
) -> None:
    server.script(answer(200, body))

    balance = await anton.balances.retrieve("USD")

    assert (balance.available, balance.total) == (Decimal("10.10"), Decimal("11.00"))


@pytest.mark.fault("D01", "D02")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"7",
        b"<html></html>",
        b"\xef\xbb\xbf{}",
        '{"data":{}}'.encode("utf-16"),
        b'{"data":{"id":"\xff"}}',
        b"[" * 100_000,
        b'{"data":{"id":' + b"9" * 5_000 + b"}}",
        b"{}",
        b'{"data":null}',
        b'{"data":{}}',
    ],
    ids=lambda content: repr(content[:12]),
)
async def test_a_success_without_a_readable_body_is_a_decode_error_and_unknown_on_a_mutation(
    make_client: ClientMaker, server: RawServer, content: bytes
) -> None:
    server.script(raw(content, 201, "X-Request-ID: r1\r\n"))

    async with make_client(max_retries=0) as anton:
        with pytest.raises(ResponseDecodeError) as caught:
            await anton.payouts.create(**ORDER)

    error = caught.value
    assert (error.status, error.request_id, error.outcome) == (201, "r1", Outcome.UNKNOWN)
    assert error.idempotency_key is not None


@pytest.mark.fault("D01")
async def test_an_unreadable_success_of_a_mutation_is_asked_for_again_under_its_key(
    anton: AntonClient, server: RawServer
) -> None:
    server.script(raw(b"", 201), answer(201, {"data": PAYOUT}, headers={"X-Idempotent-Replayed": "true"}))

    response = await anton.payouts.with_response.create(**ORDER)

    assert response.idempotent_replayed
    assert len({request.headers["idempotency-key"] for request in server.requests}) == 1


@pytest.mark.fault("D04")
@pytest.mark.parametrize(
    ("change", "path"),
    [({"available": None}, "available"), ({"available": True}, "available"), ({"updated_at": 5}, "updated_at")],
)
async def test_a_wrong_field_is_named(
    anton: AntonClient, server: RawServer, change: dict[str, object], path: str
) -> None:
    server.script(answer(200, {"data": {**BALANCE, **change}}))

    with pytest.raises(ResponseDecodeError, match=path) as caught:
        await anton.balances.retrieve("USD")

    assert caught.value.outcome is not Outcome.NOT_SENT


@pytest.mark.fault("D04")
async def test_a_missing_field_is_named(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(200, {"data": {name: value for name, value in BALANCE.items() if name != "total"}}))

    with pytest.raises(ResponseDecodeError, match=r"it does not fit Balance at \$\.data\.total"):
        await anton.balances.retrieve("USD")


@pytest.mark.fault("D04")
async def test_unknown_fields_and_values_are_taken(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(200, {"data": {**PAYOUT, "status": "teleported", "new_field": [1]}}))

    assert (await anton.payouts.retrieve("pay_1")).status == "teleported"


@pytest.mark.fault("D05")
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("10.10", "10.10"),
        ('"10.10"', "10.10"),
        ('"0.12345678901234567890"', "0.12345678901234567890"),
        ('"1e3"', "1E+3"),
    ],
)
async def test_money_is_exact(anton: AntonClient, server: RawServer, text: str, wanted: str) -> None:
    body = answer(200, {"data": {**BALANCE, "available": "@"}}).raw.partition(b"\r\n\r\n")[2]
    server.script(raw(body.replace(b'"@"', text.encode())))

    available = (await anton.balances.retrieve("USD")).available

    assert (type(available), str(available)) == (Decimal, wanted)


@pytest.mark.fault("D05")
async def test_money_with_a_comma_is_a_decode_error(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(200, {"data": {**BALANCE, "available": "10,10"}}))

    with pytest.raises(ResponseDecodeError, match="available"):
        await anton.balances.retrieve("USD")


@pytest.mark.fault("D05")
@pytest.mark.parametrize("text", ["1e99999999999999999999", '"1e99999999999999999999"', '"0x1"', '""', "true", "[]"])
async def test_what_is_no_amount_is_a_decode_error(anton: AntonClient, server: RawServer, text: str) -> None:
    body = answer(200, {"data": {**BALANCE, "total": "@"}}).raw.partition(b"\r\n\r\n")[2]
    server.script(raw(body.replace(b'"@"', text.encode())))

    with pytest.raises(ResponseDecodeError, match="total"):
        await anton.balances.retrieve("USD")


@pytest.mark.fault("D03")
async def test_of_a_key_that_comes_twice_the_last_one_counts(anton: AntonClient, server: RawServer) -> None:
    balance = msgspec.json.encode(BALANCE).removesuffix(b"}") + b',"total":"99.00"}'
    page = b'{"data":[' + msgspec.json.encode(PAYOUT) + b'],"data":[],"has_more":true,"has_more":false}'
    failure = b'{"error":{"code":"old","message":"no"},"error":{"code":"x","code":"new","message":"no"}}'
    server.script(raw(b'{"data":' + balance + b"}"), raw(page), raw(balance), raw(failure, 404))

    assert (await anton.balances.retrieve("USD")).total == Decimal("99.00")
    assert (await anton.payouts.list()).data == []
    assert (await anton.request("GET", "/v1/x", response_type=dict))["total"] == "99.00"
    with pytest.raises(ApiError) as caught:
        await anton.balances.retrieve("USD")
    assert caught.value.code == "new"


class Note(msgspec.Struct):
    id: str
    data: dict[str, str] | None = None


@pytest.mark.parametrize(
    "body",
    [{"id": "n1", "data": {"a": "b"}}, {"data": {"id": "n1", "data": {"a": "b"}}, "meta": {}}],
    ids=["bare", "enveloped"],
)
async def test_an_object_may_have_a_member_called_data(
    anton: AntonClient, server: RawServer, body: dict[str, object]
) -> None:
    server.script(answer(200, body))

    note = await anton.request("GET", "/v1/notes/n1", response_type=Note)

    assert (note.id, note.data) == ("n1", {"a": "b"})


@pytest.mark.parametrize("body", [{**BALANCE, "data": {"new": 1}}, {**BALANCE, "data": 1}, {**BALANCE, "data": None}])
async def test_a_new_member_called_data_does_not_hide_the_object(
    anton: AntonClient, server: RawServer, body: dict[str, object]
) -> None:
    server.script(answer(200, body))

    assert (await anton.balances.retrieve("USD")).currency == "USD"


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ({"data": {"a": 1}}, {"a": 1}),
        ({"a": 1}, {"a": 1}),
        ({"id": "e", "data": {"a": 1}}, {"id": "e", "data": {"a": 1}}),
        ({"data": [1], "has_more": False}, {"data": [1], "has_more": False}),
    ],
)
async def test_of_an_object_of_any_members_nothing_is_lost(
    anton: AntonClient, server: RawServer, body: object, wanted: object
) -> None:
    server.script(answer(200, body))

    assert await anton.request("GET", "/v1/x", response_type=dict) == wanted


@pytest.mark.fault("D01")
async def test_white_space_around_a_body_is_nothing(anton: AntonClient, server: RawServer) -> None:
    server.script(raw(b"\r\n " + msgspec.json.encode({"data": BALANCE}) + b"\n"))

    assert (await anton.balances.retrieve("USD")).currency == "USD"


@pytest.mark.fault("D02")
async def test_a_text_larger_than_the_cap_is_not_read(make_client: ClientMaker, server: RawServer) -> None:
    server.script(raw(b'{"data":{"id":"' + b"x" * 2_000_000 + b'"}}'))

    async with make_client(max_retries=0, max_response_bytes=1_000_000) as anton:
        with pytest.raises(ResponseLostError, match="max_response_bytes"):
            await anton.balances.retrieve("USD")


@pytest.mark.fault("D06")
@pytest.mark.parametrize(
    "moment", ["2026-09-01T08:00:60Z", "2026-09-01 08:00", "yesterday", "", "2026-13-01T00:00:00Z"]
)
async def test_a_timestamp_that_is_none_is_a_decode_error(anton: AntonClient, server: RawServer, moment: str) -> None:
    server.script(answer(200, {"data": {**BALANCE, "updated_at": moment}}))

    with pytest.raises(ResponseDecodeError, match="updated_at"):
        await anton.balances.retrieve("USD")


@pytest.mark.fault("D06")
async def test_a_timestamp_without_a_zone_is_a_decode_error(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(200, {"data": {**BALANCE, "updated_at": "2026-09-01T08:00:00"}}))

    with pytest.raises(ResponseDecodeError, match="updated_at"):
        await anton.balances.retrieve("USD")


@pytest.mark.fault("D06")
@pytest.mark.parametrize("fraction", ["", ".1", ".123", ".123456", ".123456789"])
@pytest.mark.parametrize("zone", ["Z", "z", "+02:00"])
async def test_timestamps_are_read_with_any_fraction_and_zone(
    anton: AntonClient, server: RawServer, fraction: str, zone: str
) -> None:
    server.script(answer(200, {"data": {**BALANCE, "updated_at": f"2026-09-01T08:00:00{fraction}{zone}"}}))

    moment = (await anton.balances.retrieve("USD")).updated_at

    assert moment.tzinfo is not None
    assert moment.hour == 8


@pytest.mark.fault("D11")
async def test_the_body_decides_and_not_the_content_type(anton: AntonClient, server: RawServer) -> None:
    body = answer(200, {"data": BALANCE}).raw.partition(b"\r\n\r\n")[2]
    server.script(raw(body, headers="Content-Type: text/plain\r\n"))

    assert (await anton.balances.retrieve("USD")).currency == "USD"


@pytest.mark.fault("D07")
@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"error": {"code": "bad_request", "message": "why"}}, "bad_request", "why"),
        ({"error": {"message": "why"}}, None, "why"),
        ({"error": {"code": 400, "message": "why"}}, "400", "why"),
        ({"error": "invalid_request", "error_description": "why"}, "invalid_request", "why"),
        ({"code": "old", "message": "why"}, "old", "why"),
        ([], None, "no reason"),
        ("text", None, "no reason"),
    ],
)
async def test_errors_are_read_in_every_shape(
    anton: AntonClient, server: RawServer, body: object, code: str | None, message: str
) -> None:
    server.script(answer(400, body, headers={"X-Request-ID": "req1"}))

    with pytest.raises(BadRequestError, match=message) as caught:
        await anton.payouts.create(**ORDER)

    assert (caught.value.code, caught.value.request_id) == (code, "req1")


@pytest.mark.fault("D07")
@pytest.mark.parametrize("content", [b"", b"<html>Bad Gateway</html>", b"[" * 100_000])
async def test_an_error_without_json_keeps_its_status(
    make_client: ClientMaker, server: RawServer, content: bytes
) -> None:
    server.script(raw(content, 502, "Content-Type: text/html\r\n"))

    async with make_client(max_retries=0) as anton:
        with pytest.raises(ServerError) as caught:
            await anton.balances.list()

    assert (caught.value.status, caught.value.code) == (502, None)


@pytest.mark.fault("D07")
@pytest.mark.parametrize("details", [{"field": "a"}, [{"field": "a", "message": "b"}], [], "text", 7, None])
async def test_details_are_kept_when_they_are_a_list_or_an_object(
    anton: AntonClient, server: RawServer, details: object
) -> None:
    server.script(answer(400, {"error": {"code": "x", "message": "no", "details": details}}))

    with pytest.raises(BadRequestError) as caught:
        await anton.payouts.create(**ORDER)

    assert caught.value.details == (details if isinstance(details, list | dict) else None)


@pytest.mark.fault("D07")
@pytest.mark.fault("D02")
async def test_an_error_body_of_megabytes_is_not_read(anton: AntonClient, server: RawServer) -> None:
    body = {"error": {"code": "validation_error", "message": "no", "details": ["a"] * 20_000}}
    server.script(answer(422, body))

    with pytest.raises(UnprocessableEntityError) as caught:
        await anton.payouts.create(**ORDER)

    assert (caught.value.code, caught.value.details, caught.value.outcome) == (None, None, Outcome.REJECTED)


async def test_field_problems_are_kept(anton: AntonClient, server: RawServer) -> None:
    details = [{"field": "dest_currency", "message": "is required"}]
    server.script(answer(422, {"error": {"code": "validation_error", "message": "no", "details": details}}))

    with pytest.raises(UnprocessableEntityError) as caught:
        await anton.payouts.create(**ORDER)

    assert caught.value.details == details
    assert caught.value.field_errors == {"dest_currency": ["is required"]}


@pytest.mark.fault("D08")
@pytest.mark.parametrize("status", [418, 599])
async def test_an_unknown_status_has_a_base_class(make_client: ClientMaker, server: RawServer, status: int) -> None:
    server.script(answer(status, {}))

    async with make_client(max_retries=0) as anton:
        with pytest.raises(ApiError) as caught:
            await anton.payouts.create(**ORDER)

    assert type(caught.value) is (ServerError if status >= 500 else ApiError)
    assert caught.value.outcome is (Outcome.UNKNOWN if status >= 500 else Outcome.REJECTED)


@pytest.mark.fault("D09")
@pytest.mark.parametrize("value", ["x" * 5_000, "a b", ""])
async def test_a_request_id_that_is_none_is_not_carried(anton: AntonClient, server: RawServer, value: str) -> None:
    server.script(answer(404, {}, headers={"X-Request-ID": value}))

    with pytest.raises(ApiError) as caught:
        await anton.balances.retrieve("USD")

    assert caught.value.request_id is None


@pytest.mark.fault("D09")
async def test_a_missing_request_id_is_none_and_one_with_control_characters_is_not_carried(
    anton: AntonClient, server: RawServer
) -> None:
    server.script(answer(404, {}), raw(b"{}", 404, "X-Request-ID: a\x1b[31m\r\n"))

    for _ in range(2):
        with pytest.raises(ApiError) as caught:
            await anton.balances.retrieve("USD")
        assert caught.value.request_id is None
        assert "\x1b" not in str(caught.value)


@pytest.mark.fault("D10")
async def test_control_characters_of_a_message_are_escaped(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(404, {"error": {"code": "x\n", "message": "a\r\nb\x1b[31mred"}}))

    with pytest.raises(ApiError) as caught:
        await anton.balances.retrieve("USD")

    assert "a\\x0d\\x0ab\\x1b[31mred" in str(caught.value)
    assert caught.value.code == "x\\x0a"
