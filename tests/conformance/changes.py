"""What may change in an answer or an event after this version, and what must not."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from tests.conformance.document import Path, Place

NEW = {"added": ["later", {"x": None}]}
VALUE = "invented_tomorrow"
NO_MONEY: tuple[object, ...] = (True, {}, [], "twelve", "1,000.00", "")

Change = Callable[[Any, str | int], None]


def is_enum(place: Place) -> bool:
    return isinstance(place.value, str) and ("enum" in place.flat or "const" in place.flat)


def is_model(place: Place) -> bool:
    return isinstance(place.value, dict) and "properties" in place.flat


def put(value: object) -> Change:
    """Put a value in the place of another."""

    def change(holder: Any, name: str | int) -> None:
        holder[name] = value

    return change


def add(fields: dict[str, Any]) -> Change:
    """Put further fields into an object."""

    def change(holder: Any, name: str | int) -> None:
        holder[name] = {**fields, **holder[name]}

    return change


def changed(example: Any, change: Change, paths: Iterable[Path]) -> Any:
    """Return a copy of an example with a change at each path, the innermost first."""
    copied = {"$": copy.deepcopy(example)}
    for path in sorted(paths, key=len, reverse=True):
        holder: Any = copied
        *way, last = ("$", *path)
        for step in way:
            holder = holder[step]
        change(holder, last)
    return copied["$"]


def decoded_at(found: Any, path: Path) -> Any:
    """Return what was decoded from the value at a path of an example."""
    for step in path:
        if isinstance(found, msgspec.Struct):
            names = dict(zip(found.__struct_encode_fields__, found.__struct_fields__, strict=True))
            found = getattr(found, names[str(step)])
        else:
            found = found[step]
    return found
