"""What generated docstrings say where the document says little, and what None means in a request."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from codegen.pipeline import compile_document
from tests.codegen.documents import TEXT, Node, body, document, operation, parameter, write


def docstrings(source: str) -> dict[str, str]:
    """Return the docstrings in a module by the names of what they belong to; only for what has one."""
    tree = ast.parse(source)
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)]
    found = {"": ast.get_docstring(tree), **{node.name: ast.get_docstring(node) for node in nodes}}
    return {name: text for name, text in found.items() if text}


def compiled(root: Node, directory: Path) -> dict[str, str]:
    return compile_document(write(directory, root), None)


def test_nothing_is_made_up_where_the_document_says_nothing(tmp_path: Path) -> None:
    item = operation("getPart", mapped="things.parts", method="retrieve", parameters=[parameter("id", "path")])

    files = compiled(document({"/v1/parts/{id}": {"get": item}}), tmp_path)

    assert {*docstrings(files["resources/things.py"])} == {"with_response", "ThingsWithResponse"}
    parts = docstrings(files["resources/things_parts.py"])
    assert {*parts} == {"with_response", "ThingsPartsWithResponse", "retrieve"}
    assert parts["retrieve"].startswith("GET /v1/parts/{id}.\n\nArgs:\n    **options: ")
    assert "Docs:" not in parts["retrieve"]
    assert "Thing" not in docstrings(files["models/responses.py"])


def test_an_object_without_fields_and_without_description_compiles(tmp_path: Path) -> None:
    root = document({"/v1/things": {"get": operation("getThing")}}, Thing={"type": "object", "properties": {}})

    assert "pass" in compiled(root, tmp_path)["models/responses.py"]


@pytest.mark.parametrize("tag", ["Webhooks", "webhooks"])
def test_the_parent_of_nested_resources_is_described_by_the_tag_of_its_name(tmp_path: Path, tag: str) -> None:
    events = operation("listEvents", mapped="webhooks.events", method="retrieve", tags=["Events"])
    root = document({"/v1/webhooks/events": {"get": events}})
    root["tags"] = [{"name": "Events", "description": "what happened"}, {"name": tag, "description": "being told"}]

    files = compiled(root, tmp_path)

    assert docstrings(files["resources/webhooks.py"])["Webhooks"] == "Being told."
    assert docstrings(files["resources/webhooks_events.py"])["WebhooksEvents"] == "What happened."


def test_a_parent_is_described_by_its_own_operations_also_where_its_children_come_first(tmp_path: Path) -> None:
    root = document(
        {
            "/v1/things/parts": {"get": operation("listParts", mapped="things.parts", method="retrieve")},
            "/v1/things": {"get": operation("getThing", tags=["All"])},
        }
    )
    root["tags"] = [{"name": "All", "description": 'every "thing"'}]

    files = compiled(root, tmp_path)

    assert docstrings(files["resources/things.py"])["Things"] == 'Every "thing".'
    assert docstrings(files["resources/things.py"])[""] == 'Every "thing".'
    assert 'Every "thing".' in files["resources/__init__.py"]


def test_a_description_stands_in_for_a_missing_summary(tmp_path: Path) -> None:
    root = document({"/v1/things": {"get": operation("getThing", description="find one")}})

    text = docstrings(compiled(root, tmp_path)["resources/things.py"])["get_thing"]

    assert text.startswith("Find one.\n\nArgs:")


def test_the_link_is_that_of_the_operation(tmp_path: Path) -> None:
    root = document({"/v1/things": {"get": operation("getThing", externalDocs={"url": "https://docs.example.com/a"})}})

    text = docstrings(compiled(root, tmp_path)["resources/things.py"])["get_thing"]

    assert text.endswith("\n\nDocs: https://docs.example.com/a")


def test_a_field_that_may_be_null_says_what_none_does(tmp_path: Path) -> None:
    null: Node = {"type": ["string", "null"], "description": "a word"}
    schema = {"type": "object", "required": ["b"], "properties": {"a": null, "b": null, "c": TEXT}}
    root = document({"/v1/things": {"patch": operation("changeThing", requestBody=body(schema))}})

    files = compiled(root, tmp_path)

    text = docstrings(files["resources/things.py"])["change_thing"]
    assert "    a: A word. None sends null; left out, it stays as it is.\n" in text
    assert "    b: A word. None sends null.\n" in text
    assert "    c:" not in text
    assert '"""A word. None sends null; left out, it stays as it is."""' in files["models/requests.py"]


def test_a_document_whose_requests_have_no_bounds_compiles(tmp_path: Path) -> None:
    files = compiled(document({"/v1/things": {"get": operation("getThing")}}), tmp_path)

    assert "Timestamp: TypeAlias = Annotated[datetime, Meta(tz=True)]" in files["models/requests.py"]
