"""Waiting helpers, as the overlay asks for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.errors import CodegenError
from codegen.pipeline import compile_document
from tests.codegen.documents import TEXT, Node, document, operation, parameter, write


def waiting(wait: object, *, shape: str = "object", **changes: Node) -> Node:
    """A document with one retrieval that is waited on."""
    state = {"type": "string", "enum": ["new", "checked", "done"], "x-anton-terminal": ["done"]}
    tried = {"type": "object", "required": ["state"], "properties": {"state": {"$ref": "#/components/schemas/State"}}}
    report = {
        "type": "object",
        "required": ["state", "tries", "last", "name"],
        "properties": {
            "state": {"$ref": "#/components/schemas/State"},
            "maybe": {"$ref": "#/components/schemas/State"},
            "name": TEXT,
            "plain": {"type": "string", "enum": ["a", "b"]},
            "last": {"$ref": "#/components/schemas/Try"},
            "tries": {"type": "array", "items": {"$ref": "#/components/schemas/Try"}},
            **changes,
        },
    }
    derived = {"allOf": [{"$ref": "#/components/schemas/Report"}, {"type": "object", "properties": {"more": TEXT}}]}
    schema: Node = {"$ref": "#/components/schemas/Report"}
    if shape == "list":
        schema = {"type": "object", "properties": {"data": {"type": "array", "items": schema}}}
    elif shape == "derived":
        schema = {"$ref": "#/components/schemas/Derived"}
    retrieve = operation(
        "getReport",
        method="retrieve",
        parameters=[parameter("id", "path")],
        responses={"200": {"description": "", "content": {"application/json": {"schema": schema}}}},
    )
    retrieve["x-anton-wait"] = wait
    return document({"/v1/things/{id}": {"get": retrieve}}, State=state, Try=tried, Report=report, Derived=derived)


def compiled(directory: Path, root: Node) -> str:
    return compile_document(write(directory, root), None)["resources/things.py"]


@pytest.mark.parametrize(
    ("field", "state"),
    [
        ("state", "found.state"),
        ("last.state", "found.last.state"),
        ("tries.0.state", 'found.tries[0].state if found.tries else ""'),
    ],
)
def test_a_wait_looks_at_a_field(field: str, state: str, tmp_path: Path) -> None:
    source = compiled(tmp_path, waiting({"method": "wait", "field": field}))

    assert "async def wait(self, id: str, /, *, timeout: float = 300.0) -> Report:" in source
    assert f"state=lambda found: {state}," in source
    assert "terminal=STATE_TERMINAL," in source
    assert f"Ends when `{field}` is one of `STATE_TERMINAL`." in source


def test_one_retrieval_may_have_several_waits(tmp_path: Path) -> None:
    waits = [
        {"method": "wait", "field": "state"},
        {"method": "wait_until_checked", "field": "tries.0.state", "until": ["checked"]},
    ]

    source = compiled(tmp_path, waiting(waits))

    assert "async def wait(self" in source
    assert "async def wait_until_checked(self" in source
    assert 'terminal=STATE_TERMINAL | {"checked"},' in source
    assert "is one of `STATE_TERMINAL`, or `checked`." in source
    assert "wait_until_checked = respond" not in source


def test_a_wait_looks_at_an_inherited_field(tmp_path: Path) -> None:
    source = compiled(tmp_path, waiting({"method": "wait", "field": "state"}, shape="derived"))

    assert "-> Derived:" in source
    assert "state=lambda found: found.state," in source


@pytest.mark.parametrize(
    ("root", "sentence"),
    [
        (waiting({"method": "wait", "field": "absent"}), "needs .* a required field `absent` whose enum"),
        (waiting({"method": "wait", "field": "maybe"}), "a required field `maybe`"),
        (waiting({"method": "wait", "field": "plain"}), "a required field `plain`"),
        (waiting({"method": "wait", "field": "name"}), "a required field `name`"),
        (waiting({"method": "wait", "field": "name.state"}), "a required field `name.state`"),
        (waiting({"method": "wait"}), "a required field `None`"),
        (waiting({"method": "wait", "field": "state"}, shape="list"), "an answer with one object"),
        (
            waiting({"method": "wait", "field": "state", "until": ["gone"]}),
            "x-anton-wait ends at `gone`, which is no value of State",
        ),
        (waiting({"field": "state"}), "getReport: `None` is not a Python name"),
        (waiting({"method": "wait", "field": "state", "until": "checked"}), "write x-anton-wait as {method: wait"),
        (waiting(["wait"]), "write x-anton-wait as {method: wait"),
        (waiting("wait"), "`x-anton-wait` is `wait`. Write it like this"),
        (
            waiting([{"method": "wait", "field": "state"}, {"method": "retrieve", "field": "state"}]),
            "getReport: two of its methods have one name. Name each x-anton-wait differently",
        ),
    ],
)
def test_a_wait_that_cannot_be_is_refused(root: Node, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(CodegenError, match=sentence):
        compiled(tmp_path, root)
