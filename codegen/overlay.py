"""Laying an overlay over a document; `load` calls it.

Overlays follow the OpenAPI Overlay Specification 1.0; their targets are JSONPath (RFC 9535).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, cast

from jsonpath import CompoundJSONPath, JSONPath, JSONPathEnvironment, JSONPathMatch
from jsonpath.exceptions import JSONPathError

from codegen import vocabulary
from codegen.document import Node
from codegen.errors import CodegenError

_JSONPATH = JSONPathEnvironment(strict=True)


def apply_overlay(root: Node, overlay: Node, name: str, unmatched: list[str] | None = None) -> Node:
    """Return a copy of `root` changed by the overlay's actions, in their order.

    Args:
        root: the document.
        overlay: an OpenAPI Overlay 1.0 document.
        name: of the overlay's file, for errors.
        unmatched: where what matches nothing is told, so that the rest is applied; left out, that is an error.

    Raises:
        CodegenError: an action is none, or has a target of which a part matches nothing.
    """
    if not str(overlay.get("overlay", "")).startswith("1."):
        raise CodegenError(f"{name} is not an overlay. Start it with `overlay: 1.0.0`.")
    actions: object = overlay.get("actions")
    if not isinstance(actions, list):
        raise CodegenError(f"{name} has no list of actions. Write `actions:`, and below it `- target: ...` for each.")
    result = copy.deepcopy(root)
    for number, action in enumerate(cast("list[object]", actions)):
        try:
            _apply(result, action, f"{name}, action {number + 1}", unmatched)
        except CodegenError as error:
            raise CodegenError(str(error), steps=("actions", str(number))) from error
    return result


def _apply(root: Node, given: object, where: str, unmatched: list[str] | None) -> None:
    if not isinstance(given, dict):
        what = "is empty" if given is None else "is no object"
        raise CodegenError(f"{where} {what}. Write `target:` and either `update:` or `remove: true`, or drop it.")
    action = cast("Node", given)
    target: object = action.get("target")
    if not isinstance(target, str) or not target:
        raise CodegenError(f"{where} has no target. Say what it changes, such as `target: $.paths['/v1/payouts'].get`.")
    where = f"{where} ({target})"
    removes = "remove" in action and action["remove"] is not False
    if ("update" in action) == removes or action.get("remove", True) not in (True, False):
        raise CodegenError(f"{where}: give it either `update` or `remove: true`.")
    vocabulary.check(action.get("update"))
    matches = _matches(root, target, where, unmatched)
    # The last match goes first: removing one item of a list moves the ones behind it.
    for match in reversed(matches):
        if removes:
            _remove(match, where)
        else:
            _update(match.value, action["update"], where)


def _matches(root: Node, target: str, where: str, unmatched: list[str] | None) -> list[JSONPathMatch]:
    try:
        path = _JSONPATH.compile(target)
        if isinstance(path, CompoundJSONPath):
            raise CodegenError(f"{where}: `|` and `&` are not JSONPath. Write one action for each target.")
        for selector, single in _selectors(path):
            if next(iter(single.finditer(root)), None) is None:
                missing = f"{where}: `{selector}` matches nothing. Correct it, or take it out of the target."
                _miss(missing, unmatched)
        # A target may select one node twice; it is changed once.
        matches = list({match.parts: match for match in path.finditer(root)}.values())
    except JSONPathError as error:
        # Its own text needs the token, which is not there when the target ends too early.
        raise CodegenError(f"{where}: the target is not JSONPath: {error.args[0]}. Correct it.") from error
    if not matches:
        _miss(f"{where}: the target matches nothing. Correct it, or drop the action.", unmatched)
    return matches


def _miss(sentence: str, unmatched: list[str] | None) -> None:
    if unmatched is None:
        raise CodegenError(sentence)
    unmatched.append(sentence)


def _selectors(path: JSONPath) -> Iterator[tuple[str, JSONPath]]:
    """Yield each selector that stands beside others in brackets, with the path that has it alone there."""
    for number, segment in enumerate(path.segments):
        for selector in segment.selectors if len(segment.selectors) > 1 else ():
            alone = type(segment)(env=segment.env, token=segment.token, selectors=(selector,))
            segments = (*path.segments[:number], alone, *path.segments[number + 1 :])
            yield str(selector), JSONPath(env=path.env, segments=segments)


def _remove(match: JSONPathMatch, where: str) -> None:
    if match.parent is None:
        raise CodegenError(f"{where}: the whole document cannot be removed. Name a part of it.")
    del cast("Any", match.parent.value)[match.parts[-1]]


def _update(target: object, update: object, where: str) -> None:
    if isinstance(target, list):
        cast("list[object]", target).append(copy.deepcopy(update))
    elif isinstance(target, dict) and isinstance(update, dict):
        _merge(cast("Node", target), cast("Node", update))
    else:
        raise CodegenError(f"{where}: select the object that holds the value, and update that with an object.")


def _merge(target: Node, update: Node) -> None:
    for key, value in update.items():
        present: object = target.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            _merge(cast("Node", present), cast("Node", value))
        elif isinstance(present, list) and isinstance(value, list):
            cast("list[object]", present).extend(copy.deepcopy(cast("list[object]", value)))
        else:
            target[key] = copy.deepcopy(value)
