"""Errors say where in which file the mistake is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from codegen.errors import CodegenError
from codegen.location import line_of
from codegen.pipeline import compile_document
from tests.codegen.documents import TEXT, Node, body, document, operation, overlay, write


def posting(**properties: Node) -> Node:
    schema: Node = {"type": "object", "properties": properties}
    return document({"/v1/things": {"post": operation("createThing", requestBody=body(schema))}})


def place(message: str, path: Path) -> tuple[int, str]:
    """Return the line and the pointer at the end of an error about `path`."""
    located = re.fullmatch(rf"  at {re.escape(str(path))}:(\d+), (#.*)", message.splitlines()[-1])
    assert located is not None, message
    return int(located[1]), located[2]


IN_THE_DOCUMENT: dict[str, tuple[Node, str, str]] = {
    "an operation": (posting(timeout=TEXT), "#/paths/~1v1~1things/post", "post:"),
    "a field": (
        posting(scan={"type": "string", "format": "binary"}),
        "#/paths/~1v1~1things/post/requestBody/content/application~1json/schema/properties/scan",
        "scan:",
    ),
    "a key of the compiler": (
        posting(name={"type": "string", "x-anton-sensitive": "yes"}),
        "#/paths/~1v1~1things/post/requestBody/content/application~1json/schema/properties/name",
        "name:",
    ),
    "a reference": (
        posting(part={"$ref": "#/components/schemas/Absent"}),
        "#/paths/~1v1~1things/post/requestBody/content/application~1json/schema/properties/part",
        "part:",
    ),
    "a field of a named schema": (
        document(
            {"/v1/things": {"get": operation("getThing")}},
            Thing={"type": "object", "properties": {"a": {"oneOf": [TEXT], "x-anton-type": 5, "properties": {}}}},
        ),
        "#/components/schemas/Thing/properties/a",
        "a:",
    ),
    "what is not valid OpenAPI": ({**document({}), "info": {"title": "Things"}}, "#/info", "info:"),
}


@pytest.mark.parametrize(("root", "pointer", "line"), IN_THE_DOCUMENT.values(), ids=IN_THE_DOCUMENT)
def test_a_mistake_in_the_document_is_located(root: Node, pointer: str, line: str, tmp_path: Path) -> None:
    spec = write(tmp_path, root)

    with pytest.raises(CodegenError) as caught:
        compile_document(spec, None)

    number, found = place(str(caught.value), spec)
    assert found == pointer
    assert spec.read_text().splitlines()[number - 1].strip().startswith(line)


def test_a_mistake_in_the_overlay_is_located_there(tmp_path: Path) -> None:
    spec = write(tmp_path, posting(name=TEXT))
    laid = write(tmp_path, overlay({"target": "$.info", "update": {}}, None), "overlay.yaml")

    with pytest.raises(CodegenError, match="action 2 is empty") as caught:
        compile_document(spec, laid)

    number, pointer = place(str(caught.value), laid)
    assert pointer == "#/actions/1"
    assert laid.read_text().splitlines()[number - 1] == "- null"


def test_a_file_below_the_working_directory_is_named_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(CodegenError, match=r"\n  at things\.yaml:\d+, #/paths"):
        compile_document(write(tmp_path, posting(timeout=TEXT)), None)


def test_what_only_the_overlay_has_is_located_as_far_as_the_document_goes() -> None:
    assert line_of("a:\n  b:\n    - 1\n    - c: 2\n", ("a", "b", "1", "d")) == 4
    assert line_of("a: [", ("a",)) is None
