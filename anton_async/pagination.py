"""Cursor pages, and the pager that walks them.

List methods return a `Pager`: await it for the first page, iterate it for every item, or iterate `.pages()`.

Source: https://docs.antonpayments.com/api-reference/pagination
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar

from anton_async.errors import PaginationError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page of a list.

    Attributes:
        data: its items.
        has_more: whether further items exist.
        next_cursor: pass it as `cursor=` to go on from here, now or in another process; None on the last page.
    """

    data: list[T]
    has_more: bool
    next_cursor: str | None
    _fetch: Callable[[str | None], Awaitable[Page[T]]] = field(repr=False, compare=False)
    _cursor: str | None = field(default=None, repr=False, compare=False)

    async def next_page(self) -> Page[T] | None:
        """Fetch the page after this one; None when this is the last.

        Raises:
            PaginationError: the API promises more without saying where; `.cursor` is the one of this page.
        """
        if not self.has_more:
            return None
        if self.next_cursor is None:
            message = "The API promises more items but gave no cursor to reach them."
            raise PaginationError(message, cursor=self._cursor)
        return await self._fetch(self.next_cursor)


class Pager(Generic[T]):
    """A list, fetched page by page as it is read.

    `await pager` gives the first page; `async for item in pager` gives every item of every page; `pager.pages()` gives
    the pages. Each use starts anew, and two uses do not disturb each other. An item created while a list is read may
    appear on two pages. An error that ends a list says in `.cursor` where: pass that as `cursor=` to go on.
    """

    def __init__(self, fetch: Callable[[str | None], Awaitable[Page[T]]], cursor: str | None = None) -> None:
        self._fetch = fetch
        self._cursor = cursor

    def __await__(self) -> Generator[object, None, Page[T]]:
        return self._fetch(self._cursor).__await__()

    if not TYPE_CHECKING:  # a type checker flags `for` because there is no such method

        def __iter__(self) -> NoReturn:
            raise TypeError("A list is read with `async for`; `await` it for one page.")

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.data:
                yield item

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Yield page after page.

        Raises:
            PaginationError: the API gives a cursor again, so the list would never end; `.cursor` says where it stopped.
        """
        seen: set[str | None] = {self._cursor}
        page: Page[T] | None = await self._fetch(self._cursor)
        while page is not None:
            yield page
            if page.has_more and page.next_cursor is not None and page.next_cursor in seen:
                raise PaginationError("The API gave a cursor again: the list goes in circles.", cursor=page.next_cursor)
            seen.add(page.next_cursor)
            page = await page.next_page()
