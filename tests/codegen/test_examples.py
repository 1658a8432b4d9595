"""Examples that the conformance tests need of a new document: which are missing, and where they belong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codegen.__main__ import main
from codegen.document import Document
from codegen.examples import missing_examples
from tests.codegen.documents import TEXT, Node, answer, body, document, operation, overlay, parameter, write

SHARED: Node = {"$ref": "#/components/parameters/Limit"}
THINGS = "#/paths/~1v1~1things"


def lacking() -> Node:
    """Two operations without a single example, the first of which shares a parameter with the second."""
    created = answer({"$ref": "#/components/schemas/Thing"}, "201")
    created["201"]["headers"] = {"X-Request-ID": {"schema": TEXT}}
    refused = answer({"type": "object"}, "422")
    post = operation("createThing", requestBody=body({"type": "object", "properties": {"note": TEXT}}))
    root = document(
        {
            "/v1/things": {
                "parameters": [SHARED],
                "post": {**post, "responses": {**created, **refused}},
                "get": operation("getThing", parameters=[parameter("note"), SHARED]),
            }
        }
    )
    root["components"]["parameters"] = {"Limit": parameter("limit")}
    return root


def test_each_missing_example_is_named_with_its_place() -> None:
    json_200, json_201 = (f"responses/{status}/content/application~1json" for status in ("200", "201"))
    expected = {
        "getThing: the query parameter `limit`": "#/components/parameters/Limit",
        "getThing: the query parameter `note`": f"{THINGS}/get/parameters/0",
        "getThing: the answer 200": f"{THINGS}/get/{json_200}",
        "createThing: the body": f"{THINGS}/post/requestBody/content/application~1json",
        "createThing: the answer 201": f"{THINGS}/post/{json_201}",
        "createThing: the header `X-Request-ID` of the answer 201": f"{THINGS}/post/responses/201/headers/X-Request-ID",
    }

    assert missing_examples(Document(lacking(), "", "")) == [
        f"{what} has no example. Write `example:` at {where}" for what, where in expected.items()
    ]


def test_nothing_is_missing_once_they_are_written() -> None:
    text = json.dumps(lacking())
    for place in (f'"schema": {json.dumps(TEXT)}', '"schema": {"$ref": "#/components/schemas/Thing"}'):
        text = text.replace(place, f'{place}, "example": "x"')
    root = json.loads(text)
    root["paths"]["/v1/things"]["post"]["requestBody"]["content"]["application/json"]["examples"] = {"one": {}}

    assert missing_examples(Document(root, "", "")) == []


def test_the_compiler_tells_them_where_somebody_maintains_the_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = write(tmp_path, document({"/v1/things": {"get": operation("getThing")}}))
    actions = write(tmp_path, overlay({"target": "$.info", "update": {"title": "x"}}), "overlay.yaml")
    arguments = ["--spec", str(spec), "--out", str(tmp_path / "out")]

    assert main([*arguments, "--overlay", str(actions)]) == 0
    assert "codegen: getThing: the answer 200 has no example" in capsys.readouterr().err
    assert main(arguments) == 0
    assert "example" not in capsys.readouterr().err
