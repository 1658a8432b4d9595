from __future__ import annotations

import re
import time
import timeit
from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from anton_async import AntonClient, ResponseDecodeError
from anton_async.models import Payout
from anton_async.resources.operations import OPERATIONS
from anton_async.transport.decode import PageBody, read_data
from anton_async.transport.wire import WireAnswer
from tests.support.examples import BALANCE, PAYOUT
from tests.support.raw_server import RawServer, Reply, answer


def written(fields: dict[str, object], value: str) -> Reply:
    """Answer with `fields`, in which `"@"` becomes `value`."""
    content = msgspec.json.encode({"data": fields}).replace(b'"@"', value.encode())
    return Reply(f"HTTP/1.1 200 X\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)


@pytest.mark.fault("D03", "D05")
@pytest.mark.parametrize("value", ['"NaN"', '"sNaN"', '"-nan"', '"Infinity"', '"-inf"', "NaN", "Infinity", "-Infinity"])
async def test_money_without_end_is_a_decode_error(anton: AntonClient, server: RawServer, value: str) -> None:
    server.script(written({**BALANCE, "pending": "@"}, value))

    with pytest.raises(ResponseDecodeError) as caught:
        await anton.balances.retrieve("USD")

    assert "at $.pending" in str(caught.value) or "it is not JSON" in str(caught.value)
    assert value.strip('"') not in str(caught.value)


@pytest.mark.fault("D03")
async def test_money_without_end_is_named_in_a_page(anton: AntonClient, server: RawServer) -> None:
    items = [PAYOUT, {**PAYOUT, "fee": "NaN"}]
    server.script(answer(200, {"data": items, "has_more": False}))

    with pytest.raises(ResponseDecodeError, match=r"does not fit Payout at \$\.data\[1\]\.fee"):
        await anton.payouts.list()


class Money(msgspec.Struct):
    amounts: list[Decimal] = []
    by_name: dict[str, Decimal] = {}
    either: Decimal | int | None = None
    inner: list[Money] | None = None


@pytest.mark.fault("D03")
@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"amounts": ["1", "NaN"]}, "amounts[1]"),
        ({"by_name": {"x": "Infinity"}}, "by_name.x"),
        ({"either": "NaN"}, "either"),
        ({"inner": [{}, {"inner": [{"amounts": ["NaN"]}]}]}, "inner[1].inner[0].amounts[0]"),
    ],
)
async def test_money_without_end_is_found_wherever_it_is(
    anton: AntonClient, server: RawServer, body: object, path: str
) -> None:
    server.script(answer(200, body), answer(200, {"amounts": ["1"], "by_name": {"x": "2"}, "inner": [{"either": 3}]}))

    with pytest.raises(ResponseDecodeError, match=re.escape(f"at $.{path}")):
        await anton.request("GET", "/v1/x", response_type=Money)

    assert (await anton.request("GET", "/v1/x", response_type=Money)).amounts == [Decimal(1)]


def test_the_check_of_money_costs_little() -> None:
    body = msgspec.json.encode({"data": [PAYOUT] * 100, "has_more": False})
    bare = msgspec.json.Decoder(PageBody[Payout])
    checked = _answer(body)
    operation = OPERATIONS["listPayouts"]
    read_data(operation, checked)

    def seconds(run: Callable[[], object]) -> float:
        return timeit.timeit(run, number=10, timer=time.thread_time)

    rounds = [(seconds(lambda: read_data(operation, checked)), seconds(lambda: bare.decode(body))) for _ in range(30)]
    ratio = min(ours for ours, _ in rounds) / min(theirs for _, theirs in rounds)

    assert ratio < 1.25, "1.08 on a quiet machine"


def _answer(body: bytes) -> WireAnswer:
    headers = CIMultiDictProxy(CIMultiDict[str]())
    return WireAnswer(url=URL("https://api.example/"), status=200, headers=headers, body=body, elapsed=0.0)
