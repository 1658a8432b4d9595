"""What of a document lacks the example that the tests in tests/conformance are made from.

They call every operation with the document's examples and answer with them, so that a new endpoint is tested without
a line of code. `__main__` tells what is missing after a new document was compiled, and those tests before they run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codegen.document import Document, Node, child, operation_name
from codegen.location import pointer


def missing_examples(document: Document) -> list[str]:
    """Return a sentence for each missing example: the operation, what lacks it, and where to write it."""
    found: dict[str, str] = {}
    for path, method, node, item in document.operations():
        for what, where in _lacking(document, ("paths", path), method, node, item):
            # A shared parameter is told once, whoever uses it.
            found.setdefault(where, f"{operation_name(path, method, node)}: {what} has no example")
    return [f"{what}. Write `example:` at {where}" for where, what in found.items()]


def _lacking(document: Document, way: Sequence[str], method: str, node: Node, item: Node) -> Iterator[tuple[str, str]]:
    for steps, owner in (((*way, "parameters"), item), ((*way, method, "parameters"), node)):
        for number, given in enumerate(owner.get("parameters", [])):
            parameter = document.resolve(given)
            if "example" not in parameter:
                yield f"the {parameter['in']} parameter `{parameter['name']}`", _where(given, (*steps, str(number)))
    steps = (*way, method, "requestBody")
    yield from (("the body", where) for where in _unshown(document, child(node, "requestBody"), steps))
    for status, given in child(node, "responses").items():
        steps = (*way, method, "responses", status)
        if status.startswith("2"):
            yield from ((f"the answer {status}", where) for where in _unshown(document, given, steps))
        for name, header in child(document.resolve(given), "headers").items():
            if "example" not in document.resolve(header):
                yield f"the header `{name}` of the answer {status}", _where(header, (*steps, "headers", name))


def _unshown(document: Document, given: Node, steps: Sequence[str]) -> Iterator[str]:
    """Yield where a body or an answer would show an example, when it has none."""
    content = child(document.resolve(given), "content")
    # A template comes as CSV and as XLSX, of which only the first can be shown.
    if content and not any("example" in media or media.get("examples") for media in content.values()):
        yield _where(given, steps) + pointer(("content", next(iter(content)))).removeprefix("#")


def _where(given: Node, steps: Sequence[str]) -> str:
    return str(given.get("$ref", pointer(steps)))
