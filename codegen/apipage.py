"""`docs/api.md`: every method on one page, with the HTTP call it makes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from codegen import text
from codegen.operations import Endpoint
from codegen.render import template
from codegen.resources import Method, Resource
from codegen.waits import Wait

API = "../docs/api.md"
"""Where the page is, as seen from the package."""

_SHOWN = 5
"""How many arguments a signature names before it says `...`."""


def render_api(resources: Mapping[str, Resource], header: str) -> str:
    """Return the page."""
    return template("api.md.jinja2").render(
        header=header.removeprefix("# "),
        resources=[resource for _, resource in sorted(resources.items()) if resource.methods],
        signature=_signature,
        wait_signature=_wait_signature,
        about=_about,
    )


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
