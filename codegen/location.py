"""Where in a file an error lies: its line, and the JSON pointer of what it is about.

Nothing is kept for this while the compiler works: an error carries the objects it is about, and they are looked up in
the document, and in its text, only once there is an error to report.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import yaml

from codegen.document import Node
from codegen.errors import CodegenError


@contextmanager
def located(root: Node, path: Path) -> Generator[None, None, None]:
    """Add to every error from within where in `path` the part of `root` lies that it is about."""
    try:
        yield
    except CodegenError as error:
        steps = error.steps if error.steps is not None else _first_found(root, error.nodes)
        if not steps:
            raise
        where = f"  at {_shown(path)}{_line(path, steps)}, {pointer(steps)}"
        innermost = _first_found(root, error.nodes[:1])
        if error.update and innermost is not None:
            where += f"\n  in the overlay:\n  - target: {json_path(root, innermost)}\n    update: {error.update}"
        raise CodegenError(f"{error}\n{where}") from error


def pointer(steps: Sequence[str]) -> str:
    """Return the way from the top of a document as a JSON pointer in a fragment (RFC 6901)."""
    return "#" + "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def json_path(root: Node, steps: Sequence[str]) -> str:
    """Return the way from the top of a document as the target of an overlay's action (RFC 9535)."""
    path, node = "$", cast("object", root)
    for step in steps:
        if isinstance(node, list):
            path, node = f"{path}[{step}]", cast("list[object]", node)[int(step)]
        else:
            quoted = step.replace("\\", "\\\\").replace("'", "\\'")
            path += f".{step}" if step.isidentifier() and step.isascii() else f"['{quoted}']"
            node = cast("Node", node)[step]
    return path


def line_of(text: str, steps: Sequence[str]) -> int | None:
    """Return the line where `steps` lead in YAML or JSON, or where they lead as far as the text goes."""
    try:
        node = yaml.compose(text, yaml.CSafeLoader)
    except yaml.YAMLError:
        return None
    line = None
    for step in steps:
        found = _inside(node, step)
        if found is None:
            break
        mark, node = found
        line = mark.start_mark.line + 1
    return line


def _inside(node: yaml.Node | None, step: str) -> tuple[yaml.Node, yaml.Node] | None:
    """Return the node to show for one step, and the node to go on from."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
        return node.value[int(step)], node.value[int(step)]
    return None


def _line(path: Path, steps: Sequence[str]) -> str:
    line = line_of(path.read_text(encoding="utf-8"), steps)
    return f":{line}" if line else ""


def _shown(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _first_found(root: Node, nodes: Sequence[object]) -> tuple[str, ...] | None:
    return next((steps for node in nodes if (steps := _find(root, node)) is not None), None)


def _find(root: Node, wanted: object) -> tuple[str, ...] | None:
    """Return the way to the object that is `wanted` itself, and no equal one."""
    pending: list[tuple[tuple[str, ...], object]] = [((), root)]
    while pending:
        steps, node = pending.pop()
        if node is wanted and node is not None:
            return steps
        if isinstance(node, dict):
            pending += [((*steps, str(key)), value) for key, value in cast("Node", node).items()]
        elif isinstance(node, list):
            entries = cast("list[object]", node)
            pending += [((*steps, str(number)), value) for number, value in enumerate(entries)]
    return None
