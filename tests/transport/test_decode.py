from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from anton_async import (
    AntonClient,
    ApiError,
    BadRequestError,
    Outcome,
    ResponseDecodeError,
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

    with pytest.raises(ResponseDecodeError, match="Balance"):
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


async def test_field_problems_are_kept(anton: AntonClient, server: RawServer) -> None:
    details = [{"field": "dest_currency", "message": "is required"}]
    server.script(answer(422, {"error": {"code": "validation_error", "message": "no", "details": details}}))

    with pytest.raises(UnprocessableEntityError) as caught:
        await anton.payouts.create(**ORDER)

    assert caught.value.details == details


@pytest.mark.fault("D08")
@pytest.mark.parametrize("status", [418, 599])
async def test_an_unknown_status_has_a_base_class(make_client: ClientMaker, server: RawServer, status: int) -> None:
    server.script(answer(status, {}))

    async with make_client(max_retries=0) as anton:
        with pytest.raises(ApiError) as caught:
            await anton.payouts.create(**ORDER)

    assert type(caught.value) is (ServerError if status >= 500 else ApiError)


@pytest.mark.fault("D09")
@pytest.mark.parametrize("value", ["x" * 5_000, "a b", ""])
async def test_a_request_id_that_is_none_is_not_carried(anton: AntonClient, server: RawServer, value: str) -> None:
    server.script(answer(404, {}, headers={"X-Request-ID": value}))

    with pytest.raises(ApiError) as caught:
        await anton.balances.retrieve("USD")

    assert caught.value.request_id is None


@pytest.mark.fault("D10")
async def test_control_characters_of_a_message_are_escaped(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(404, {"error": {"code": "x\n", "message": "a\r\nb\x1b[31mred"}}))

    with pytest.raises(ApiError) as caught:
        await anton.balances.retrieve("USD")

    assert "a\\x0d\\x0ab\\x1b[31mred" in str(caught.value)
    assert caught.value.code == "x\\x0a"
