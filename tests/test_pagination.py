from __future__ import annotations

import asyncio
import pickle
from typing import Any
from urllib.parse import parse_qs

import pytest

from anton_async import (
    AntonClient,
    BadRequestError,
    ConfigurationError,
    PaginationError,
    RequestValidationError,
    ResponseDecodeError,
    ServerError,
)
from anton_async.models import Payout
from anton_async.pagination import Pager
from tests.conftest import ClientMaker
from tests.support.clock import SteppedClock
from tests.support.examples import PAYOUT
from tests.support.raw_server import RawServer, Reply, answer, failure


def page(*ids: str, cursor: str | None = None, **extra: object) -> Reply:
    body = {"data": [{**PAYOUT, "id": f"pay_{name}"} for name in ids], "has_more": cursor is not None, **extra}
    return answer(200, body if cursor is None else {**body, "next_cursor": cursor})


def cursors(server: RawServer) -> list[str | None]:
    queries = [parse_qs(request.target.partition("?")[2]) for request in server.requests]
    return [query.get("cursor", [None])[0] for query in queries]


async def read(pager: Pager[Payout], seen: list[str]) -> None:
    async for payout in pager:
        seen.append(payout.id)  # noqa: PERF401 - what came before an error counts


async def test_awaiting_gives_the_first_page_and_its_neighbour(anton: AntonClient, server: RawServer) -> None:
    server.script(page("a", "b", cursor="c1"), page("c"))

    first = await anton.payouts.list(limit=2)
    second = await first.next_page()

    assert [payout.id for payout in first.data] == ["pay_a", "pay_b"]
    assert (first.has_more, first.next_cursor) == (True, "c1")
    assert second is not None
    assert (second.has_more, second.next_cursor, await second.next_page()) == (False, None, None)
    assert server.requests[1].target == "/v1/payouts?limit=2&cursor=c1"


async def test_iterating_gives_every_item(anton: AntonClient, server: RawServer) -> None:
    server.script(page("a", cursor="c1"), page("b", cursor="c2"), page("c"))

    assert [payout.id async for payout in anton.payouts.list()] == ["pay_a", "pay_b", "pay_c"]


async def test_pages_can_be_resumed_from_a_saved_cursor(anton: AntonClient, server: RawServer) -> None:
    server.script(page("b", cursor="c2"), page("c"))

    saved = [found.next_cursor async for found in anton.payouts.list(cursor="c1").pages()]

    assert (saved, cursors(server)) == (["c2", None], ["c1", "c2"])


@pytest.mark.fault("J01")
async def test_a_repeated_cursor_ends_the_list_with_an_error(anton: AntonClient, server: RawServer) -> None:
    server.script(page("a", cursor="c1"), page("b", cursor="c1"))

    items = aiter(anton.payouts.list())
    seen = [(await anext(items)).id, (await anext(items)).id]
    with pytest.raises(PaginationError) as caught:
        await anext(items)

    assert (seen, caught.value.cursor) == (["pay_a", "pay_b"], "c1")


@pytest.mark.fault("J01")
async def test_a_cursor_that_comes_again_later_ends_the_list_too(anton: AntonClient, server: RawServer) -> None:
    server.script(page("a", cursor="c1"), page("b", cursor="c2"), page("c", cursor="c1"))
    seen: list[str] = []

    with pytest.raises(PaginationError) as caught:
        await read(anton.payouts.list(), seen)

    assert (seen, caught.value.cursor) == (["pay_a", "pay_b", "pay_c"], "c1")


@pytest.mark.fault("J01")
async def test_a_list_that_leads_back_to_where_it_was_resumed_ends(anton: AntonClient, server: RawServer) -> None:
    server.script(page("b", cursor="c2"), page("c", cursor="c1"))

    with pytest.raises(PaginationError):
        [payout async for payout in anton.payouts.list(cursor="c1")]

    assert cursors(server) == ["c1", "c2"]


@pytest.mark.fault("J02")
async def test_more_without_a_cursor_is_an_error(anton: AntonClient, server: RawServer) -> None:
    server.script(page("a", cursor="c1"), answer(200, {"data": [], "has_more": True}))

    with pytest.raises(PaginationError) as caught:
        [payout async for payout in anton.payouts.list()]

    assert caught.value.cursor == "c1"


@pytest.mark.fault("J02")
async def test_a_missing_has_more_is_the_end(anton: AntonClient, server: RawServer) -> None:
    server.script(
        answer(200, {"data": [PAYOUT]}), answer(200, {"data": [PAYOUT], "has_more": False, "next_cursor": ""})
    )

    for _ in range(2):
        assert len([payout async for payout in anton.payouts.list()]) == 1


@pytest.mark.fault("J03")
async def test_an_empty_page_in_the_middle_does_not_end_the_list(anton: AntonClient, server: RawServer) -> None:
    server.script(page("a", cursor="c1"), page(cursor="c2"), page("b"))

    assert [payout.id async for payout in anton.payouts.list()] == ["pay_a", "pay_b"]


@pytest.mark.fault("J04", "J05")
@pytest.mark.parametrize("cursor", ["a+b/c=d&e%f é", "https://evil.example/?x", "x" * 8_000])
async def test_a_cursor_is_only_ever_a_value(anton: AntonClient, server: RawServer, cursor: str) -> None:
    server.script(page("a", cursor=cursor), page("b"))

    [payout async for payout in anton.payouts.list()]

    assert parse_qs(server.requests[1].target.partition("?")[2]) == {"cursor": [cursor]}


@pytest.mark.fault("J06")
async def test_a_failing_page_is_asked_for_again(anton: AntonClient, server: RawServer) -> None:
    server.script(page("a", cursor="c1"), failure(500, "x"), page("b"))

    assert [payout.id async for payout in anton.payouts.list()] == ["pay_a", "pay_b"]
    assert cursors(server) == [None, "c1", "c1"]


@pytest.mark.fault("J06")
async def test_a_list_that_failed_goes_on_from_the_cursor_of_the_error(
    make_client: ClientMaker, server: RawServer
) -> None:
    server.script(page("a", cursor="c1"), page("b", cursor="c2"), failure(500, "x"), page("c"))
    seen: list[str] = []

    async with make_client(max_retries=0) as anton:
        with pytest.raises(ServerError) as caught:
            await read(anton.payouts.list(), seen)
        seen += [payout.id async for payout in anton.payouts.list(cursor=caught.value.cursor)]

    assert (seen, caught.value.cursor) == (["pay_a", "pay_b", "pay_c"], "c2")
    assert pickle.loads(pickle.dumps(caught.value)).cursor == "c2"  # noqa: S301 - our own bytes


@pytest.mark.fault("J07")
async def test_a_cursor_that_is_refused_is_told_and_what_was_read_is_kept(
    anton: AntonClient, server: RawServer
) -> None:
    server.script(page("a", cursor="c1"), failure(400, "invalid_cursor"))
    seen: list[str] = []

    with pytest.raises(BadRequestError) as caught:
        await read(anton.payouts.list(), seen)

    assert (seen, caught.value.code, caught.value.cursor) == (["pay_a"], "invalid_cursor", "c1")


@pytest.mark.fault("J09")
async def test_an_item_on_two_pages_is_given_twice(anton: AntonClient, server: RawServer) -> None:
    server.script(page("a", "b", cursor="c1"), page("b", "c"))

    assert [payout.id async for payout in anton.payouts.list()] == ["pay_a", "pay_b", "pay_b", "pay_c"]


@pytest.mark.fault("J10")
@pytest.mark.parametrize("limit", [0, -1, True, "10", 1.0, 10**30])
async def test_a_limit_that_is_none_is_refused(anton: AntonClient, server: RawServer, limit: Any) -> None:
    with pytest.raises(RequestValidationError) as caught:
        await anton.transactions.list(limit=limit)

    assert (caught.value.field, server.requests) == ("limit", [])


@pytest.mark.fault("J08", "J02")
@pytest.mark.parametrize("body", [{"data": {}}, {"data": None}, {}, {"data": [], "has_more": "false"}, []])
async def test_a_page_that_is_none_is_a_decode_error(anton: AntonClient, server: RawServer, body: object) -> None:
    server.script(answer(200, body))

    with pytest.raises(ResponseDecodeError):
        await anton.payouts.list()


@pytest.mark.fault("J11")
async def test_two_readers_do_not_disturb_each_other_and_one_may_stop(anton: AntonClient, server: RawServer) -> None:
    server.script(page("a", "b", cursor="c1"), page("a", "b", cursor="c1"), page("c"))
    pager = anton.payouts.list()

    async for _ in pager:
        break
    rest = [payout.id async for payout in pager]

    assert rest == ["pay_a", "pay_b", "pay_c"]


@pytest.mark.fault("J11")
async def test_a_list_is_not_read_on_after_the_client_was_closed(make_client: ClientMaker, server: RawServer) -> None:
    server.script(page("a", cursor="c1"), page("b"))

    async with make_client() as anton:
        items = aiter(anton.payouts.list())
        await anext(items)
    with pytest.raises(ConfigurationError, match="closed"):
        await anext(items)

    assert len(server.requests) == 1


@pytest.mark.fault("J11")
async def test_a_list_that_is_left_early_leaves_nothing_behind(anton: AntonClient, server: RawServer) -> None:
    server.script(page("a", cursor="c1"), page("b"))

    async for _ in anton.payouts.list():
        break
    for _ in range(10):
        await asyncio.sleep(0)

    assert [repr(task) for task in asyncio.all_tasks() if "generator" in repr(task)] == []
    assert len(server.requests) == 1


@pytest.mark.fault("J12")
async def test_a_token_that_ends_between_two_pages_is_renewed_unseen(
    anton: AntonClient, server: RawServer, clock: SteppedClock
) -> None:
    server.script(page("a", cursor="c1"), page("b"))

    seen: list[str] = []
    async for payout in anton.payouts.list():
        seen.append(payout.id)
        clock.step(30_000)

    assert (seen, len(server.token_calls)) == (["pay_a", "pay_b"], 2)


async def test_a_bad_argument_is_told_when_the_list_is_read(anton: AntonClient, server: RawServer) -> None:
    with pytest.raises(RequestValidationError):
        await anton.payouts.list(limit=0)

    assert server.requests == []


async def test_the_whole_response_of_a_page_is_there(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(200, {"data": [PAYOUT], "has_more": False}, headers={"X-Request-ID": "r1"}))

    response = await anton.payouts.with_response.list(limit=1)

    assert (response.status, response.request_id, response.data.data[0].id) == (200, "r1", PAYOUT["id"])


async def test_a_plain_for_is_told_what_to_write(anton: AntonClient, server: RawServer) -> None:
    pager: Any = anton.payouts.list()

    with pytest.raises(TypeError, match="`async for`; `await` it for one page"):
        list(pager)

    assert server.requests == []
