"""`docs/api.md`: every method on one page, with the HTTP call it makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from codegen import text
from codegen.operations import Endpoint
from codegen.render import template
from codegen.resources import Method, Resource
from codegen.waits import Wait

API = "../docs/api.md"
"""Where the page is, as seen from the package."""

_SHOWN = 5
"""How many arguments a signature names before it says `...`."""


@dataclass(frozen=True, slots=True)
class Handwritten:
    """A method that no operation of the document stands for, and what it does."""

    method: str
    arguments: str
    answer: str
    text: str


HANDWRITTEN: Mapping[str, Sequence[Handwritten]] = {
    "batches": [
        Handwritten(
            "run",
            "path, confirm=, ...",
            "Batch",
            "Uploads a file, waits for its validation, asks `confirm`, and waits for the end; run again, it goes on and"
            " never pays a file twice.",
        )
    ],
    "payouts": [
        Handwritten(
            "settle",
            "error, timeout=None",
            "Payout",
            "Finds out what became of a payout whose outcome is unknown, from the error of `create` or `cancel`; never"
            " makes a second one.",
        )
    ],
}
"""By resource, what the client adds to the generated methods."""


def render_api(resources: Mapping[str, Resource], header: str) -> str:
    """Return the page."""
    return template("api.md.jinja2").render(
        header=header.removeprefix("# "),
        resources=[resource for _, resource in sorted(resources.items()) if resource.methods],
        signature=_signature,
        wait_signature=_wait_signature,
        about=_about,
        handwritten=HANDWRITTEN,
        names=_names,
    )


def _names(resource: Resource) -> list[str]:
    """Return what the methods of a resource are called, helpers after what they build on."""
    generated = [
        name
        for method in resource.methods
        for name in (method.endpoint.method, *(wait.method for wait in method.endpoint.waits))
    ]
    return [*generated, *(one.method for one in HANDWRITTEN.get(resource.path, ()))]


def _signature(resource: Resource, method: Method) -> str:
    path = [argument.name for argument in method.arguments if argument.where == "path"]
    others = [argument for argument in method.arguments if argument.where != "path"]
    required = [argument.name for argument in others if not argument.default]
    shown = required[:_SHOWN]
    more = ["..."] if len(others) > len(shown) else []
    return (
        f"anton.{resource.path}.{method.endpoint.method}({', '.join([*path, *(f'{name}=' for name in shown), *more])})"
    )


def _about(method: Method) -> str:
    """Return what a method does and what is special about it."""
    summary = text.sentence(method.endpoint.call.node.get("summary", ""))
    return " ".join([*([summary] if summary else []), *_notes(method)])


def _wait_signature(resource: Resource, method: Method, wait: Wait) -> str:
    identifier = method.arguments[0].name
    return f"anton.{resource.path}.{wait.method}({identifier}, timeout=300.0)"


def _notes(method: Method) -> Iterator[str]:
    endpoint = method.endpoint
    if endpoint.call.shape == "page":
        yield "Pages: `await` it for the first one, `async for` reads all."
    if endpoint.call.shape == "file":
        yield "A download: `await` it, `save()` it, or read it as a stream."
    if endpoint.call.upload:
        yield f"Uploads a file of at most {text.size(endpoint.call.upload.max_bytes)}."
    yield from _repeats(endpoint)


def _repeats(endpoint: Endpoint) -> Iterator[str]:
    if endpoint.call.idempotency_key:
        yield "Takes an idempotency key."
    if endpoint.retry == "never":
        yield "Never repeated by itself."
    if not endpoint.authenticated:
        yield "Needs no credentials."
    if endpoint.call.node.get("deprecated") is True:
        yield "Deprecated."
