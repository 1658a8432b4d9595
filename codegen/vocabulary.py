"""The keys `x-anton-*` that the compiler knows; the head of openapi/overlay.yaml says what each means.

A misspelt key would change nothing, and nobody would notice: the field that should stay out of the log would be in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType, UnionType
from typing import cast

from codegen.document import DATA, Node
from codegen.errors import CodegenError, about

KNOWN: Mapping[str, tuple[type | UnionType, str]] = MappingProxyType(
    {
        "x-anton-resource": (str, "payouts"),
        "x-anton-method": (str, "create"),
        "x-anton-internal": (str, "auth"),
        "x-anton-earlier-path": (str, "/v0/payouts/{id}"),
        "x-anton-retry": (str, "safe, keyed or never"),
        "x-anton-wait": (dict | list, "{method: wait, field: status}"),
        "x-anton-terminal": (list, "[completed, failed]"),
        "x-anton-name": (str, "some_name"),
        "x-anton-type": (str, "SomeName"),
        "x-anton-sensitive": (bool, "true or false"),
        "x-anton-words": (str, "two letters and six digits"),
        "x-anton-rules": (list, "[{exactly_one: [sell_amount, buy_amount]}]"),
        "x-anton-max-bytes": (int, "33554432"),
        "x-anton-media-types": (dict, "{csv: text/csv}"),
    }
)
"""Every key, the type of its value, and how that looks."""

_DATA = DATA | {"default"}
_NAMES = frozenset({"properties", "patternProperties", "headers", "schemas", "parameters", "responses"})
"""Keywords whose objects have names for keys, which the document chooses as it likes."""


def check(root: object) -> None:
    """Refuse keys `x-anton-*` that nobody reads.

    Raises:
        CodegenError: there is one, or the value of one that is known has another type than it must have.
    """
    pending: list[tuple[object, bool]] = [(root, False)]
    while pending:
        node, named = pending.pop()
        if isinstance(node, list):
            pending += [(entry, False) for entry in cast("list[object]", node)]
        elif isinstance(node, dict):
            inner = cast("Node", node)
            if not named:
                with about(inner):
                    _check_keys(inner)
            pending += [
                (value, not named and key in _NAMES) for key, value in inner.items() if named or key not in _DATA
            ]


def _check_keys(node: Node) -> None:
    for key, value in node.items():
        if not key.startswith("x-anton-"):
            continue
        if key not in KNOWN:
            raise CodegenError(f"`{key}` is not a key of the compiler. Use one of {', '.join(KNOWN)}, or drop it.")
        kind, example = KNOWN[key]
        if not isinstance(value, kind):
            raise CodegenError(f"`{key}` is `{value}`. Write it like this: {example}.")
