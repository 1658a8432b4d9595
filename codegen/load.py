"""The first step: read the document, apply the overlay, and insist on valid OpenAPI.

Overlays follow the OpenAPI Overlay Specification 1.0; their targets are JSONPath (RFC 9535).
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Any, cast

import yaml
from jsonpath import JSONPathMatch, finditer
from jsonpath.exceptions import JSONPathError
from openapi_spec_validator import OpenAPIV31SpecValidator

from codegen.document import Document, Node, digest
from codegen.errors import CodegenError


class _Loader(yaml.CSafeLoader):
    """YAML as JSON has it: dates stay text, and a key given twice is an error instead of a silent loss."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = Counter(str(key.value) for key, _ in node.value)
        key, times = next(iter(keys.most_common(1)), ("", 0))
        if times > 1:
            line = node.start_mark.line + 1
            raise CodegenError(f"The object at line {line} has the key `{key}` twice. Remove one of them.")
        return super().construct_mapping(node, deep=deep)


def _timestamp(loader: yaml.Loader | yaml.FullLoader | yaml.UnsafeLoader | yaml.CSafeLoader, node: yaml.Node) -> str:
    del loader
    return str(node.value)


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _timestamp)


def load(spec: Path, overlay: Path | None) -> Document:
    """Return the document in `spec` with the actions of `overlay` applied.

    Raises:
        CodegenError: a file cannot be read, an overlay target matches nothing, or the result is not valid OpenAPI 3.1.
    """
    text = _read(spec)
    root = _parse(spec, text)
    texts = [text]
    if overlay is not None:
        texts.append(_read(overlay))
        root = apply_overlay(root, _parse(overlay, texts[-1]), overlay.name)
    document = Document(root, digest(*texts), f"{spec.parent.name}/{spec.name}".removeprefix("/"))
    document.check_references()
    _validate(root, spec)
    return document


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CodegenError(f"{path} cannot be read ({error}). Name a UTF-8 YAML or JSON file.") from error


def _parse(path: Path, text: str) -> Node:
    try:
        # JSON is read as JSON because YAML would refuse its tabs.
        root: object = json.loads(text) if path.suffix == ".json" else yaml.load(text, _Loader)  # noqa: S506
    except (ValueError, yaml.YAMLError) as error:
        raise CodegenError(f"{path} is not well-formed: {error}") from error
    if not isinstance(root, dict):
        raise CodegenError(f"{path} holds no object at its top. Name an OpenAPI document or an overlay.")
    return cast("Node", root)


def apply_overlay(root: Node, overlay: Node, name: str) -> Node:
    """Return a copy of `root` changed by the overlay's actions, in their order.

    Args:
        root: the document.
        overlay: an OpenAPI Overlay 1.0 document.
        name: of the overlay's file, for errors.

    Raises:
        CodegenError: an action has a wrong target, or one that matches nothing.
    """
    if not str(overlay.get("overlay", "")).startswith("1."):
        raise CodegenError(f"{name} is not an overlay. Start it with `overlay: 1.0.0`.")
    result = copy.deepcopy(root)
    for number, action in enumerate(cast("list[Node]", overlay.get("actions", [])), start=1):
        where = f"{name}, action {number} ({action.get('target')})"
        if ("update" in action) == ("remove" in action):
            raise CodegenError(f"{where}: give it either `update` or `remove: true`.")
        matches = _matches(result, action.get("target"), where)
        # The last match goes first: removing one item of a list moves the ones behind it.
        for match in reversed(matches):
            if action.get("remove") is True:
                _remove(match, where)
            elif "update" in action:
                _update(match.value, action["update"], where)
    return result


def _matches(root: Node, target: object, where: str) -> list[JSONPathMatch]:
    try:
        # A target may select one node twice; it is changed once.
        matches = list({match.parts: match for match in finditer(str(target), root)}.values())
    except JSONPathError as error:
        raise CodegenError(f"{where}: the target is not JSONPath: {error}") from error
    if not matches:
        raise CodegenError(f"{where}: the target matches nothing. Correct it, or drop the action.")
    return matches


def _remove(match: JSONPathMatch, where: str) -> None:
    if match.parent is None:
        raise CodegenError(f"{where}: the whole document cannot be removed.")
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


def _validate(root: Node, spec: Path) -> None:
    if not str(root.get("openapi", "")).startswith("3.1"):
        raise CodegenError(f"{spec} is not an OpenAPI 3.1 document. Start it with `openapi: 3.1.0`.")
    errors = sorted(OpenAPIV31SpecValidator(root).iter_errors(), key=lambda error: error.json_path)
    if errors:
        first = errors[0]
        what = f"{first.json_path}: {first.message.partition(chr(10))[0]}"
        raise CodegenError(f"{spec} with its overlay is not valid OpenAPI 3.1, at {what}")
