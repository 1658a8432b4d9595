"""The first step: read the document, apply the overlay, and insist on valid OpenAPI."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Any, cast

import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from codegen import vocabulary
from codegen.document import Document, Node, digest
from codegen.errors import CodegenError
from codegen.foreign import adopt
from codegen.location import located
from codegen.overlay import apply_overlay
from codegen.upgrade import upgrade

_SCALARS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("bool", "float", "int", "null"))


class _Loader(yaml.CSafeLoader):
    """YAML 1.2 as JSON has it: keys and dates stay text, and a key given twice is an error and no silent loss."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = Counter(str(key.value) for key, _ in node.value)
        key, times = next(iter(keys.most_common(1)), ("", 0))
        if times > 1:
            line = node.start_mark.line + 1
            raise CodegenError(f"The object at line {line} has the key `{key}` twice. Remove one of them.")
        for scalar, _ in node.value:
            if scalar.tag in _SCALARS:
                scalar.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, deep=deep)


# YAML 1.1, which PyYAML reads, takes the country code NO for false.
_BOOL = [("tag:yaml.org,2002:bool", re.compile("(?:true|True|TRUE|false|False|FALSE)$"))]
_Loader.yaml_implicit_resolvers = {
    first: [
        *(resolver for resolver in resolvers if not resolver[0].endswith((":bool", ":timestamp"))),
        *(_BOOL if first in {"t", "T", "f", "F"} else []),
    ]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def load(spec: Path, overlay: Path | None) -> Document:
    """Return the document in `spec` with the actions of `overlay` applied.

    Raises:
        CodegenError: a file cannot be read, an action of the overlay is wrong, or the result is not valid OpenAPI 3.1.
    """
    text = _read(spec)
    root = _parse(spec, text)
    texts = [text]
    if overlay is not None:
        texts.append(_read(overlay))
        changes = _parse(overlay, texts[-1])
        with located(changes, overlay):
            root = apply_overlay(root, changes, overlay.name)
    document = Document(root, digest(*texts), _source(spec))
    with located(root, spec):
        document.check_references()
        _validate(root, spec)
        vocabulary.check(root)
    return document


def load_foreign(spec: Path) -> tuple[Document, list[str]]:
    """Return the document in `spec` as the compiler takes it, and what is wrong with it or was lost, one sentence each.

    Raises:
        CodegenError: the file cannot be read, or holds no OpenAPI 3 document.
    """
    text = _read(spec)
    adopted = adopt(_openapi(spec, text))
    return Document(adopted.root, digest(text), _source(spec)), adopted.losses


def load_loosely(spec: Path, overlay: Path | None) -> tuple[Document, list[str]]:
    """Return the document in `spec` with those actions of `overlay` that match, and what of the others matches nothing.

    Raises:
        CodegenError: a file cannot be read, is no OpenAPI 3 document, or the overlay is wrong by itself.
    """
    text = _read(spec)
    root = upgrade(_openapi(spec, text))
    unmatched: list[str] = []
    if overlay is not None:
        changes = _parse(overlay, _read(overlay))
        with located(changes, overlay):
            changed = Document(apply_overlay(root, changes, overlay.name, unmatched), digest(text), _source(spec))
        if changed.classes():
            return changed, unmatched
        # Somebody else's document, of which the overlay places nothing.
        root = adopt(root).root
    return Document(root, digest(text), _source(spec)), []


def _openapi(spec: Path, text: str) -> Node:
    root = _parse(spec, text)
    if not str(root.get("openapi", "")).startswith("3."):
        raise CodegenError(f"{spec} is no OpenAPI 3 document: it does not start with `openapi: 3.0.0` or a later one.")
    for key in ("paths", "components", "webhooks"):
        found: object = root.get(key, {})
        parts = cast("Node", found).values() if isinstance(found, dict) else [None]
        if not all(isinstance(part, dict) for part in parts):
            raise CodegenError(f"{spec} is no OpenAPI 3 document: its `{key}` is not an object of objects.")
    return root


def _source(spec: Path) -> str:
    return f"{spec.parent.name}/{spec.name}".removeprefix("/")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CodegenError(f"{path} cannot be read ({error}). Name a UTF-8 YAML or JSON file.") from error


def _parse(path: Path, text: str) -> Node:
    try:
        # JSON is read as JSON because YAML would refuse its tabs.
        root: object = json.loads(text) if path.suffix == ".json" else yaml.load(text, _Loader)  # noqa: S506 - a safe one
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise CodegenError(f"{path} is not well-formed, and cannot be read: {' '.join(str(error).split())}") from error
    except CodegenError as error:
        raise CodegenError(f"{path}: {error}") from error
    if not isinstance(root, dict):
        raise CodegenError(f"{path} holds no object at its top. Name an OpenAPI document or an overlay.")
    return cast("Node", root)


def _validate(root: Node, spec: Path) -> None:
    if not str(root.get("openapi", "")).startswith("3.1"):
        raise CodegenError(f"{spec} is not an OpenAPI 3.1 document. Start it with `openapi: 3.1.0`.")
    errors = sorted(OpenAPIV31SpecValidator(root).iter_errors(), key=lambda error: error.json_path)
    if errors:
        first = errors[0]
        what = first.message.partition("\n")[0]
        steps = tuple(str(step) for step in first.absolute_path)
        raise CodegenError(f"{spec} with its overlay is not valid OpenAPI 3.1: {what}. Correct it.", steps=steps)
