"""What a caller passes is data: it is refused, or it arrives as it was."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from anton_async import AntonClient, RequestValidationError
from tests.support.examples import ORDER, PAYOUT, changed
from tests.support.raw_server import RawServer, answer

CREATED = answer(201, {"data": PAYOUT})


@pytest.mark.fault("H11")
async def test_a_url_in_a_request_is_sent_and_never_fetched(anton: AntonClient, server: RawServer) -> None:
    fetched = asyncio.Event()

    async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fetched.set()
        writer.close()

    listener = await asyncio.start_server(note, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/hook?a=%2F"
    server.script(answer(500, {"error": {"code": "x", "message": url}}), answer(200, {}))

    async with listener:
        await anton.request("POST", "/v1/x", response_type=dict, body={"url": url, "callback_url": f"{url}#x"})
        for _ in range(10):
            await asyncio.sleep(0)

    assert server.requests[1].json == {"url": url, "callback_url": f"{url}#x"}
    assert not fetched.is_set()


@pytest.mark.fault("H11")
async def test_the_url_of_a_webhook_subscription_is_sent_as_it_is(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(404, {}))
    url = "https://hooks.example/é?x=1&y=%2F#f"

    with pytest.raises(Exception, match="404"):
        await anton.webhooks.create(url=url, events=["payout.completed"])

    assert server.requests[0].json["url"] == url


@pytest.mark.fault("H07")
@pytest.mark.parametrize(
    "text",
    ["a\0b", "\u202eabc", "e\u0301", "\u00e9", " \t\r\n", "\U0001f4b8", "</script>", "\\u0000", '"', "\u2028"],
    ids=ascii,
)
async def test_odd_text_arrives_unchanged(anton: AntonClient, server: RawServer, text: str) -> None:
    server.script(CREATED)

    await anton.payouts.create(**changed(ORDER, purpose=text, metadata={text: text}))

    sent = server.requests[0].json
    assert (sent["purpose"], sent["metadata"]) == (text, {text: text})


@pytest.mark.fault("H07")
async def test_text_of_a_mebibyte_is_refused_by_its_length(anton: AntonClient, server: RawServer) -> None:
    with pytest.raises(RequestValidationError, match="purpose: must have at most 255 characters"):
        await anton.payouts.create(**changed(ORDER, purpose="x" * (1 << 20)))

    assert server.requests == []


@pytest.mark.fault("H07")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("method", "\ud800"),
        ("fixed_side", "\udfff"),
        ("metadata", {"a": "\ud800"}),
        ("metadata", {"\ud800": "a"}),
        ("metadata", "\ud800"),
        ("session", {"ip": "\ud800"}),
        ("reference", "\ud800"),
        ("source_amount", "\ud800"),
    ],
)
async def test_half_a_surrogate_pair_is_refused_in_a_field_of_any_type(
    anton: AntonClient, server: RawServer, field: str, value: object
) -> None:
    with pytest.raises(RequestValidationError) as caught:
        await anton.payouts.create(**changed(ORDER, **{field: value}))

    assert ((caught.value.field or "").partition(".")[0], server.requests) == (field, [])


@pytest.mark.fault("H08")
async def test_ten_thousand_labels_are_the_api_s_to_judge(anton: AntonClient, server: RawServer) -> None:
    server.script(CREATED)
    labels = {f"key{number}": "v" for number in range(10_000)}

    await anton.payouts.create(**changed(ORDER, metadata=labels))

    assert server.requests[0].json["metadata"] == labels


@pytest.mark.fault("H12")
@pytest.mark.parametrize(
    "name", ["__class__", "__init__", "__struct_fields__", "source_amount\0", "Reference", "reference "]
)
async def test_a_name_from_a_hostile_mapping_is_refused(anton: AntonClient, server: RawServer, name: str) -> None:
    hostile: dict[str, Any] = {**ORDER, name: {"__globals__": 1}}

    with pytest.raises((RequestValidationError, TypeError)):
        await anton.payouts.create(**hostile)

    assert server.requests == []


@pytest.mark.fault("H12")
async def test_a_hostile_value_breaks_nothing(anton: AntonClient, server: RawServer) -> None:
    cycle: dict[str, Any] = {}
    cycle["session"] = cycle
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]

    for session in (cycle, {"ip": deep}, {"ip": 10**5000}, {"__class__": "x"}, deep):
        with pytest.raises(RequestValidationError):
            await anton.payouts.create(**changed(ORDER, session=session))

    assert server.requests == []


@pytest.mark.fault("H06")
@pytest.mark.parametrize(
    ("currency", "value"), [("JPY", "100.01"), ("BHD", "1.0001"), ("USD", Decimal("0.00")), ("EUR", Decimal("-0"))]
)
async def test_how_many_decimals_a_currency_has_is_the_api_s_to_judge(
    anton: AntonClient, server: RawServer, currency: str, value: Any
) -> None:
    server.script(CREATED)

    await anton.payouts.create(**changed(ORDER, dest_currency=currency, dest_amount=value))

    assert server.requests[0].json["dest_amount"] == str(value)
