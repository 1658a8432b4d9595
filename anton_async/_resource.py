"""What the generated resource classes share: three ways to call, one way to wait.

A generated method names its operation and hands over its arguments; everything else happens in the transport.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, cast

from anton_async.config import RequestOptions
from anton_async.operation import Operation
from anton_async.pagination import Page, Pager
from anton_async.response import ApiResponse
from anton_async.transport import Transport
from anton_async.transport.decode import PageBody
from anton_async.waiting import wait_until

T = TypeVar("T")
P = ParamSpec("P")


class Resource:
    """Base of the generated resources.

    Args:
        transport: sends the calls.
        whole: whether methods return the `ApiResponse` instead of its data.
    """

    def __init__(self, transport: Transport, *, whole: bool = False) -> None:
        self._transport = transport
        self._whole = whole

    async def _call(
        self,
        operation: Operation[T],
        options: RequestOptions,
        *,
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> T:
        call = self._transport.prepare(operation, options, path=path, query=query, body=body)
        response = await self._transport.send(call)
        return cast("T", response if self._whole else response.data)

    async def _call_list(
        self,
        operation: Operation[T],
        options: RequestOptions,
        *,
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
    ) -> list[T]:
        return cast("list[T]", await self._call(operation, options, path=path, query=query))

    def _page(
        self,
        operation: Operation[T],
        options: RequestOptions,
        *,
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
    ) -> Pager[T]:
        given = dict(query or {})
        start = given.pop("cursor", None)

        async def fetch(cursor: str | None) -> Page[T]:
            where = given if cursor is None else {**given, "cursor": cursor}
            response = await self._transport.send(self._transport.prepare(operation, options, path=path, query=where))
            body = cast("PageBody[T]", response.data)
            page = Page(data=body.data, has_more=body.has_more, next_cursor=body.next_cursor or None, _fetch=fetch)
            return cast("Page[T]", _with_data(response, page)) if self._whole else page

        if self._whole:
            return cast("Pager[T]", fetch(cast("str | None", start)))
        return Pager(fetch, cast("str | None", start))

    async def _wait(
        self,
        fetch: Callable[[str], Awaitable[T]],
        id: str,
        *,
        state: Callable[[T], str],
        terminal: frozenset[str],
        timeout: float,
    ) -> T:
        return await wait_until(
            lambda: fetch(id), state=state, terminal=terminal, timeout=timeout, clock=self._transport.clock
        )


def respond(method: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[ApiResponse[T]]]:
    """Type a method of a `whole` resource as what it returns: the response around the data."""
    return cast("Callable[P, Awaitable[ApiResponse[T]]]", method)


def _with_data(response: ApiResponse[Any], page: Page[T]) -> ApiResponse[Page[T]]:
    return ApiResponse(
        data=page,
        status=response.status,
        headers=response.headers,
        request_id=response.request_id,
        idempotency_key=response.idempotency_key,
        idempotent_replayed=response.idempotent_replayed,
        attempts=response.attempts,
        body=response.body,
    )
