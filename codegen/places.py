"""Where the overlay puts operations on the client: which resource, and which method of it.

All of it is checked before anything is compiled, so that whoever adds operations hears of every missing name at once.
`operations` reads the places, and `resources` builds the classes.
"""

from __future__ import annotations

import itertools
import keyword
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import cast

import yaml

from codegen import names
from codegen.document import Document, Node, operation_name
from codegen.errors import CodegenError, about
from codegen.waits import waits

CLIENT_NAMES = frozenset(
    {
        "client_id",
        "close",
        "from_env",
        "observe",
        "open",
        "request",
        "settings",
        "transport",
        "warm_up",
        "with_response",
    }
)
"""What `AntonClient` has beside its resources, and what every resource has."""

_BUILTINS = frozenset({"bool", "dict", "float", "int", "object", "property", "str", "super"})
_SNAKE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_VERSION = re.compile(r"v[0-9]+")
_METHODS = {
    ("get", False): "list",
    ("post", False): "create",
    ("get", True): "retrieve",
    ("put", True): "update",
    ("patch", True): "update",
    ("delete", True): "delete",
}
"""What a method is usually called, by HTTP method and by whether the path ends in an id."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one operation is found.

    Attributes:
        resource: dotted name on the client; None for what the SDK calls itself.
        method: name in the resource, or in the part of the SDK that makes the call.
        owner: the resource, or that part of the SDK.
    """

    resource: str | None
    method: str
    owner: str


def place(node: Node, name: str) -> Place | None:
    """Return where the overlay puts the operation called `name`, None when it says nothing.

    Raises:
        CodegenError: it says half of it, or both that it is public and that it is not.
    """
    resource, method, internal = (node.get(f"x-anton-{key}") for key in ("resource", "method", "internal"))
    if resource is None and method is None:
        if internal is None:
            return None
        if isinstance(internal, str):
            return Place(None, names.snake(name), internal)
    if internal is not None or not isinstance(resource, str) or not isinstance(method, str):
        raise CodegenError(
            f"{name}: its place is half told. Give it x-anton-resource and x-anton-method, each a text, "
            "or x-anton-internal alone."
        )
    return Place(resource, method, resource)


def check_places(document: Document) -> None:
    """Insist that each operation has a place of its own, under names that Python and the SDK leave free.

    Raises:
        CodegenError: operations have no place, or a name is taken.
    """
    missing: list[str] = []
    owners: dict[str, str] = {}
    resources: set[str] = set()
    for path, method, node, _ in document.operations():
        with about(node):
            name = operation_name(path, method, node)
            found = place(node, name)
            if found is None:
                missing.append(suggestion(path, method, name, node.get("tags", [])))
                continue
            methods = [found.method, *_waiting(node)]
            if found.resource is not None:
                resources.add(found.resource)
                _check_names(name, found.resource, methods)
            if len({*methods}) < len(methods):
                raise CodegenError(f"{name}: two of its methods have one name. Name each x-anton-wait differently.")
            for taken in methods:
                _take(owners, f"{found.owner}.{taken}", name)
    if missing:
        raise CodegenError(_unmapped(missing))
    _check_classes(resources, owners)


def _waiting(node: Node) -> Iterator[str]:
    for wait in waits(node):
        method = cast("Node", wait).get("method") if isinstance(wait, dict) else None
        if isinstance(method, str):
            yield method


def _take(owners: dict[str, str], wanted: str, name: str) -> None:
    other = owners.setdefault(wanted, name)
    if other != name:
        raise CodegenError(
            f"{other} and {name} would both be `{wanted}`. Give one of them another x-anton-method in the overlay."
        )


def _check_names(name: str, resource: str, methods: list[str]) -> None:
    parts = resource.split(".")
    for part in (*parts, *methods):
        if not _SNAKE.fullmatch(part) or keyword.iskeyword(part):
            raise CodegenError(
                f"{name}: `{part}` cannot be the name of a resource or method. Write it in the overlay in small "
                "letters and digits with single underscores between words, and take no word that Python reserves."
            )
    reserved = names.MODULE_NAMES | {"with_response"}
    own = [*({parts[0]} & CLIENT_NAMES), *(part for part in parts if part in reserved)]
    own += [method for method in methods if method in reserved | _BUILTINS]
    if own:
        raise CodegenError(f"{name}: `{own[0]}` is a name the SDK uses itself. Choose another in the overlay.")


def _check_classes(resources: AbstractSet[str], owners: Mapping[str, str]) -> None:
    every = {path for resource in resources for path in itertools.accumulate(resource.split("."), "{}.{}".format)}
    taken = dict.fromkeys(names.MODULE_NAMES | {"Resources"}, "the SDK itself")
    modules: dict[str, str] = {}
    for resource in sorted(every):
        if resource in owners:
            raise CodegenError(
                f"`{resource}` would be both a method of {owners[resource]} and the resource below "
                f"`{resource.rpartition('.')[0]}`. Rename one of them in the overlay."
            )
        module, cls = resource.replace(".", "_"), names.pascal(resource)
        other = modules.get(module) or taken.get(cls) or taken.get(f"{cls}WithResponse")
        if other:
            raise CodegenError(
                f"The resource `{resource}` and {other} would share the module `{module}` or the class `{cls}`. "
                "Give one of them another x-anton-resource in the overlay."
            )
        modules[module] = taken[cls] = taken[f"{cls}WithResponse"] = f"`{resource}`"


def _unmapped(missing: list[str]) -> str:
    what = "1 operation is" if len(missing) == 1 else f"{len(missing)} operations are"
    return (
        f"{what} not mapped. Paste this below `actions:` in the overlay, and choose the names you like:\n\n"
        + "\n\n".join(missing)
        + "\n\nAn operation that the SDK shall not have gets `remove: true` instead of `update`, and one that it calls "
        "itself `x-anton-internal: auth` instead of resource and method."
    )


def derive(path: str, method: str, name: str, tags: Sequence[str]) -> tuple[str, str]:
    """Return the resource and the method that most APIs would choose for the operation called `name`.

    The resource is its tag or the first step of its path; the method is the usual verb or what the operation is called.
    """
    steps = [step for step in path.split("/") if step and not _VERSION.fullmatch(step)]
    fixed = [step for step in steps if not step.startswith("{")]
    resource = next((words for word in (*tags[:1], *fixed[:1]) if _is_free(words := names.snake(word))), "calls")
    usual = _METHODS.get((method, steps[-1].startswith("{"))) if len(fixed) == 1 and len(steps) < 3 else None
    phrase = names.snake(name).removeprefix(f"{resource}_")
    return resource, usual or (phrase if _is_free(phrase) and phrase not in _BUILTINS else f"call_{phrase}")


def _is_free(name: str) -> bool:
    taken = CLIENT_NAMES | names.MODULE_NAMES | {"resources"}
    return _SNAKE.fullmatch(name) is not None and not keyword.iskeyword(name) and not taken & {name, names.pascal(name)}


def suggestion(path: str, method: str, name: str, tags: Sequence[str]) -> str:
    """Return the action that gives an operation a place."""
    resource, chosen = derive(path, method, name, tags)
    return (
        f"  # {name} ({method.upper()} {path})\n"
        f"  - {yaml.safe_dump({'target': _target(path, method)}, width=math.inf)}"
        "    update:\n"
        f"      x-anton-resource: {resource}\n"
        f"      x-anton-method: {chosen}"
    )


def _target(path: str, method: str) -> str:
    quoted = path.replace("\\", "\\\\").replace("'", "\\'")
    return f"$.paths['{quoted}'].{method.lower()}"
