"""What the generated resource classes share: the ways to call, and one way to wait.

A generated method names its operation and hands over its arguments; everything else happens in the transport.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ParamSpec, TypeVar, cast

from anton_async.config import RequestOptions
from anton_async.download import Download, File, as_file
from anton_async.errors import AntonError
from anton_async.operation import Operation, Upload
from anton_async.pagination import Page, Pager
from anton_async.response import ApiResponse
from anton_async.transport import Transport
from anton_async.transport.decode import PageBody
from anton_async.transport.form import encode_form
from anton_async.transport.stream import Receive
from anton_async.transport.validation import check_fields, to_texts
from anton_async.upload import FileInput, read_file
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

    async def _upload(
        self,
        operation: Operation[T],
        options: RequestOptions,
        *,
        file: FileInput,
        file_name: str | None,
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> T:
        upload = cast("Upload", operation.upload)
        # All but the file is checked before the file is read.
        self._transport.prepare(operation, options, path=path, query=query, body=body)
        texts = to_texts(check_fields(operation.body, body or {})) if operation.body else []
        content = await read_file(upload, file, file_name)
        form = await asyncio.to_thread(encode_form, texts, upload.field, content)
        call = self._transport.prepare(operation, options, path=path, query=query, form=form)
        response = await self._transport.send(call)
        return cast("T", response if self._whole else response.data)

    def _download(
        self,
        operation: Operation[bytes],
        options: RequestOptions,
        *,
        path: Sequence[object] = (),
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Download:
        async def send(receive: Receive | None) -> ApiResponse[bytes]:
            call = self._transport.prepare(operation, options, path=path, query=query, body=body)
            return await self._transport.send(call, receive)

        async def whole() -> ApiResponse[File]:
            response = await send(None)
            return response.with_data(as_file(response))

        return cast("Download", whole()) if self._whole else Download(send)

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
            call = self._transport.prepare(operation, options, path=path, query=where)
            try:
                response = await self._transport.send(call)
            except AntonError as error:
                error.cursor = cursor
                raise
            body = cast("PageBody[T]", response.data)
            page = Page(
                data=body.data,
                has_more=body.has_more,
                next_cursor=body.next_cursor or None,
                _fetch=fetch,
                _cursor=cursor,
            )
            return cast("Page[T]", response.with_data(page)) if self._whole else page

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
