"""Docstrings of the generated methods: complete, and true to the operation table."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from anton_async import errors
from anton_async.resources import Resources
from anton_async.resources.operations import OPERATIONS
from anton_async.transport import Transport

RESOURCES = Resources(cast("Transport", None))


def methods() -> Iterator[tuple[str, Callable[..., Any]]]:
    for operation in OPERATIONS.values():
        resource, _, method = operation.name.rpartition(".")
        found = operator.attrgetter(resource)(RESOURCES) if resource != "auth" else None
        if found is not None:
            yield operation.id, getattr(found, method)


def section(docstring: str, title: str) -> str:
    """Return the entries below a title, up to the next empty line."""
    return docstring.partition(f"\n\n{title}:\n")[2].partition("\n\n")[0]


@pytest.mark.parametrize(("operation_id", "method"), [pytest.param(*item, id=item[0]) for item in methods()])
def test_a_docstring_is_complete(operation_id: str, method: Callable[..., Any]) -> None:
    operation = OPERATIONS[operation_id]

    docstring = inspect.getdoc(method) or ""

    summary, _, _ = docstring.partition("\n")
    assert summary.endswith(".")
    assert section(docstring, "Returns")
    links = [line for line in docstring.splitlines() if line.startswith("Docs:")]
    assert links == ([f"Docs: {operation.docs}"] if operation.docs else [])
    arguments = section(docstring, "Args")
    for name, parameter in inspect.signature(method).parameters.items():
        label = f"**{name}" if parameter.kind is inspect.Parameter.VAR_KEYWORD else name
        assert f"    {label}: " in arguments
    raises = " ".join(section(docstring, "Raises").split())
    assert "RequestValidationError: " in raises
    assert "AntonError: " in raises
    for status, codes in operation.errors:
        assert f"{errors.api_error_class(status).__name__}: {status}" in raises
        assert all(f"`{code}`" in raises for code in codes)


def test_every_authenticated_method_says_that_the_credentials_may_be_refused() -> None:
    for operation_id, method in methods():
        if OPERATIONS[operation_id].authenticated:
            assert "AuthenticationError: 401" in (inspect.getdoc(method) or ""), operation_id


def test_bounds_and_examples_stand_beside_the_arguments() -> None:
    listing = " ".join((inspect.getdoc(RESOURCES.payouts.list) or "").split())
    creating = " ".join((inspect.getdoc(RESOURCES.payouts.create) or "").split())

    assert "1 to 100." in listing
    assert "`20` when left out." in listing
    assert "Matches `ben_[a-zA-Z0-9]+`." in creating
    assert "At most 100 characters." in creating
    assert "`idempotency_key`" in creating
    assert "`idempotency_key`" not in listing
