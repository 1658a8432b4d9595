"""Pages over a collection: opaque cursors, strict limits, a stable order.

A cursor names the last object of the page before, as base64url JSON; clients must not look inside. Objects added
meanwhile never shift a page, because positions are counted from the oldest object.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

import msgspec

from anton_async.sandbox.errors import Refusal

_DEFAULT_LIMIT = 20
_MAX_LIMIT = 100
_INTEGER = re.compile(r"-?[0-9]{1,9}")

# Of the older lists only this one is documented to cap a large limit in silence and to ignore an unreadable one.
_LENIENT_LISTS = frozenset({"listPayouts"})


class Identified(Protocol):
    """An entry of a collection: it has the id of the object it holds."""

    @property
    def id(self) -> str:
        """The object's id."""
        ...


EntryT = TypeVar("EntryT", bound=Identified)


class _Cursor(msgspec.Struct, forbid_unknown_fields=True):
    id: str


class Collection(Generic[EntryT]):
    """Entries in the order they were made, found by id or by position."""

    def __init__(self) -> None:
        self._entries: list[EntryT] = []
        self._positions: dict[str, int] = {}

    def __iter__(self) -> Iterator[EntryT]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: EntryT) -> None:
        """Append an entry; raises ValueError when its id is taken."""
        if entry.id in self._positions:
            raise ValueError(f"The id {entry.id} is used twice; every object needs its own.")
        self._positions[entry.id] = len(self._entries)
        self._entries.append(entry)

    def get(self, entry_id: str) -> EntryT | None:
        """Return the entry with this id, None when there is none."""
        position = self._positions.get(entry_id)
        return None if position is None else self._entries[position]

    def latest(self, count: int) -> Collection[EntryT]:
        """Return a collection of the entries added last."""
        kept: Collection[EntryT] = Collection()
        for entry in self._entries[-count:]:
            kept.add(entry)
        return kept

    def page(
        self, *, limit: int, cursor: str | None, keep: Callable[[EntryT], bool], newest_first: bool = True
    ) -> tuple[list[EntryT], str | None]:
        """Return the entries of one page and the cursor of the next, None on the last page.

        Raises:
            Refusal: 400 when the cursor is malformed or not of this collection.
        """
        found: list[EntryT] = []
        for position in self._walk(cursor, newest_first=newest_first):
            entry = self._entries[position]
            if not keep(entry):
                continue
            if len(found) == limit:
                return found, _cursor_after(found[-1].id)
            found.append(entry)
        return found, None

    def _walk(self, cursor: str | None, *, newest_first: bool) -> range:
        count = len(self._entries)
        if cursor is None:
            return range(count - 1, -1, -1) if newest_first else range(count)
        position = self._positions.get(_id_in(cursor))
        if position is None:
            raise _invalid_cursor()
        return range(position - 1, -1, -1) if newest_first else range(position + 1, count)


def read_limit(operation_id: str, text: str | None) -> int:
    """Return the page size that a `limit` parameter asks for.

    Raises:
        Refusal: 400 on a strict list when it is not an integer from 1 to 100.
    """
    if text is None:
        return _DEFAULT_LIMIT
    limit = int(text) if _INTEGER.fullmatch(text) else None
    if operation_id in _LENIENT_LISTS:
        return min(limit, _MAX_LIMIT) if limit is not None and limit > 0 else _DEFAULT_LIMIT
    if limit is None or not 1 <= limit <= _MAX_LIMIT:
        raise Refusal(400, "invalid_limit", f"limit must be an integer from 1 to {_MAX_LIMIT}")
    return limit


def _cursor_after(entry_id: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(_Cursor(entry_id))).rstrip(b"=").decode()


def _id_in(cursor: str) -> str:
    padding = "=" * (-len(cursor) % 4)
    try:
        decoded = msgspec.json.decode(base64.b64decode(cursor + padding, altchars="-_", validate=True), type=_Cursor)
    except (binascii.Error, ValueError):
        raise _invalid_cursor() from None
    # base64 lets the last character vary without changing the bytes; an altered cursor is refused all the same.
    if _cursor_after(decoded.id) != cursor:
        raise _invalid_cursor()
    return decoded.id


def _invalid_cursor() -> Refusal:
    return Refusal(400, "invalid_cursor", "the cursor is malformed or altered; start again from the first page")
