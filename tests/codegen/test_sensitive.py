"""A name that is sensitive once is sensitive everywhere, unless the overlay says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.errors import CodegenError
from codegen.pipeline import compile_document
from tests.codegen.documents import TEXT, Node, answer, body, document, operation, parameter, write

SECRET: Node = {**TEXT, "x-anton-sensitive": True}
OPEN: Node = {**TEXT, "x-anton-sensitive": False}


def fields(**properties: Node) -> Node:
    return {"type": "object", "properties": properties}


def asking(question: Node, reply: Node, *parameters: Node) -> Node:
    return document(
        {
            "/v1/things": {
                "post": operation("createThing", requestBody=body(question)),
                "get": operation("getThing", responses=answer(reply), parameters=list(parameters)),
            }
        }
    )


def table(root: Node, directory: Path) -> str:
    return compile_document(write(directory, root), None)["resources/operations.py"]


@pytest.mark.parametrize(
    ("root", "place"),
    [
        (asking(fields(name=SECRET), fields(name=TEXT)), "`GetThingResult.name`"),
        (asking(fields(name=TEXT), fields(name=SECRET)), "`CreateThingRequest.name`"),
        (asking(fields(name=SECRET), fields(a=TEXT), parameter("name")), "`GetThingQuery.name`"),
        (asking(fields(name=SECRET), fields(owner=fields(name=TEXT))), "`GetThingResultOwner.name`"),
    ],
)
def test_a_field_that_says_nothing_is_refused(root: Node, place: str, tmp_path: Path) -> None:
    with pytest.raises(
        CodegenError, match=f"^{place}: a field of this name is sensitive elsewhere. Say in the overlay"
    ):
        table(root, tmp_path)


def test_all_fields_that_say_nothing_are_named(tmp_path: Path) -> None:
    root = asking(fields(name=SECRET, ip=SECRET), fields(name=TEXT, ip=TEXT))

    with pytest.raises(CodegenError, match=r"^`GetThingResult\.ip`, `GetThingResult\.name`: a field"):
        table(root, tmp_path)


def test_a_field_may_say_that_it_is_not_sensitive(tmp_path: Path) -> None:
    operations = table(asking(fields(name=SECRET), fields(name=OPEN)), tmp_path)

    assert operations.count('sensitive=("name",)') == 1


def test_a_field_inside_a_sensitive_one_need_not_say_anything(tmp_path: Path) -> None:
    owner = {**fields(name=TEXT), "x-anton-sensitive": True}

    assert 'sensitive=("owner",)' in table(asking(fields(name=SECRET), fields(owner=owner)), tmp_path)


def test_a_query_parameter_may_say_it_itself(tmp_path: Path) -> None:
    secret = {**parameter("name"), "x-anton-sensitive": True}
    root = asking(fields(a=TEXT), fields(b=TEXT), secret)

    assert 'sensitive=("name",)' in table(root, tmp_path)
