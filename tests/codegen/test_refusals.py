"""What the compiler does not accept, and the sentence it says then."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from codegen.__main__ import main
from codegen.errors import CodegenError
from codegen.pipeline import compile_document
from tests.codegen.documents import TEXT, Node, answer, body, document, operation, overlay, parameter, write

THING = {"$ref": "#/components/schemas/Thing"}


def getting(**keywords: Any) -> Node:
    return document({"/v1/things": {"get": operation("getThing", **keywords)}})


def getting_one(schema: Node) -> Node:
    return document({"/v1/things/{id}": {"get": operation("getThing", parameters=[parameter("id", "path", schema)])}})


def posting(schema: Node, **keywords: Any) -> Node:
    return document({"/v1/things": {"post": operation("createThing", requestBody=body(schema), **keywords)}})


def fields(**properties: Node) -> Node:
    return {"type": "object", "properties": properties}


PAGE: Node = fields(data={"type": "array", "items": THING}, has_more={"type": "boolean"}, next_cursor=TEXT)

REFUSALS: dict[str, tuple[Node, str]] = {
    "an operation without a name": (
        document({"/v1/things": {"get": {"responses": answer(THING)}}}),
        "GET /v1/things has no operationId. Give it one",
    ),
    "a body field with the name of an option": (
        posting(fields(timeout={"type": "integer"})),
        "createThing: the body field `timeout` collides with the option `timeout`.*x-anton-name: some_name",
    ),
    "a query parameter with the name of an option": (
        getting(parameters=[parameter("max_retries")]),
        "getThing: the query field `max_retries` collides with the option `max_retries`",
    ),
    **{
        f"a field called {name}": (
            posting(fields(**{name: TEXT})),
            f"createThing: the body field `{name}` collides with the name `{name}`.*x-anton-name: some_name",
        )
        for name in ("options", "operations", "builtins")
    },
    "a field that the overlay calls self": (
        posting(fields(owner={**TEXT, "x-anton-name": "self"})),
        "createThing: the body field `owner` collides with the name `self`",
    ),
    "a page that no cursor turns": (
        getting(responses=answer(PAGE)),
        "getThing answers a page .* no query parameter `cursor`.*in the overlay .*remove `has_more`",
    ),
    "a schema with the name of something that is imported": (
        getting(responses=answer(fields(part={**fields(a=TEXT), "x-anton-type": "Pager"}))),
        "part: a type cannot be called `Pager`. Choose a name",
    ),
    "a schema in small letters": (
        getting(responses=answer({**fields(a=TEXT), "x-anton-type": "date"})),
        "getThing: a type cannot be called `date`",
    ),
    "a field that no Python name fits": (
        posting(fields(**{"2fa": TEXT})),
        "createThing, body: `2fa` cannot be written as a Python name",
    ),
    "a body field with the name of a path parameter": (
        document(
            {
                "/v1/things/{id}": {
                    "post": operation(
                        "moveThing", parameters=[parameter("id", "path")], requestBody=body(fields(id=TEXT))
                    )
                }
            }
        ),
        "moveThing: the body field `id` and the path field `id` would both be the argument `id`",
    ),
    "two fields with one Python name": (
        getting(parameters=[parameter("madeAt"), parameter("made_at")]),
        "the query field `made_at` and the query field `madeAt` would both be the argument `made_at`",
    ),
    "a form without a file": (
        document({"/v1/things": {"post": operation("send", requestBody=body(fields(), "multipart/form-data"))}}),
        "send: its form has no file. Give the field that is one `format: binary`",
    ),
    "a form with a field that is no text": (
        document(
            {
                "/v1/things": {
                    "post": operation(
                        "send",
                        requestBody=body(
                            fields(file={"type": "string", "format": "binary"}, tags={"type": "array", "items": TEXT}),
                            "multipart/form-data",
                        ),
                    )
                }
            }
        ),
        "send: its form's field `tags` is neither a file nor a text",
    ),
    "a form of a public operation": (
        document(
            {"/v1/things": {"post": operation("send", requestBody=body(fields(), "application/x-www-form-urlencoded"))}}
        ),
        "send: a request body of type application/x-www-form-urlencoded is not supported",
    ),
    "a file beside an object": (
        getting(
            responses={
                **answer(THING),
                "202": {"description": "", "content": {"text/csv": {"schema": TEXT}}},
            }
        ),
        "getThing: answers of type text/csv are not supported beside others",
    ),
    "a body that is no object": (
        posting({"type": "array", "items": TEXT}),
        "createThing: the request body must be an object with named properties",
    ),
    "an answer that is no object": (
        getting(responses=answer({"type": "array", "items": TEXT})),
        "getThing: the answer must be an object with named properties",
    ),
    "several kinds of successful answers": (
        getting(responses={**answer(THING), **answer(fields(job=TEXT), "202")}),
        r"getThing has several successful answers \(200, 202\) with different bodies",
    ),
    "no successful answer": (
        getting(responses=answer(THING, "400")),
        "getThing has no successful answer",
    ),
    "a header parameter": (
        getting(parameters=[parameter("X-Colour", "header")]),
        "getThing, parameter `X-Colour`: header parameters are not supported",
    ),
    "a cookie": (
        getting(parameters=[parameter("session", "cookie")]),
        "getThing, parameter `session`: cookies are not supported",
    ),
    "a list in a query that is not repeated": (
        getting(parameters=[parameter("colour", schema={"type": "array", "items": TEXT}, explode=False)]),
        "getThing, query parameter `colour`: only `style: form` with `explode: true` is supported",
    ),
    "an object in a query": (
        getting(parameters=[parameter("filter", schema={"type": "object"})]),
        "getThing, query parameter `filter`: objects in a query are not supported",
    ),
    "a path parameter that admits more than an id": (
        getting_one({"type": "string", "pattern": "thing_"}),
        "getThing, `id`: the pattern `thing_` admits more",
    ),
    "a path parameter that is no text": (
        getting_one({"type": "integer"}),
        "getThing, `id`: a path parameter must be a string",
    ),
    "waiting for a field without terminal states": (
        getting(**{"x-anton-wait": {"method": "wait", "field": "note"}}),
        "getThing: x-anton-wait needs one path parameter.*x-anton-terminal",
    ),
    "a retry class that does not exist": (
        getting(**{"x-anton-retry": "always"}),
        "getThing: x-anton-retry is `always`. Use safe, never",
    ),
    "a retry under a key that the operation does not take": (
        getting(**{"x-anton-retry": "keyed"}),
        "getThing: x-anton-retry is `keyed`",
    ),
    "a terminal state that does not exist": (
        getting(responses=answer(fields(state={"enum": ["new", "done"], "x-anton-terminal": ["gone"]}))),
        r"Thing.*\.state: x-anton-terminal has `gone`, which is no value of it",
    ),
    "a discriminator": (
        getting(
            responses=answer(
                fields(part={"oneOf": [THING, {**fields(a=TEXT)}], "discriminator": {"propertyName": "kind"}})
            )
        ),
        "discriminators are not supported",
    ),
    "a union of objects that nothing tells apart": (
        getting(responses=answer(fields(part={"anyOf": [THING, fields(a=TEXT)]}))),
        r"Result\.part: one of several objects \(Thing, GetThingResultPart\) is not supported.*with `remove: true`",
    ),
    "a schema without a Decoder": (
        getting(responses=answer(fields(at={"anyOf": [{"type": "string", "format": "date-time"}, TEXT]}))),
        r"No Decoder can be built for .*more than one str-like type",
    ),
    "a request with fields that have no name": (
        posting({**fields(a=TEXT), "additionalProperties": TEXT}),
        "Schema CreateThingRequest: fields beside the named ones cannot be sent",
    ),
    "a file inside a body": (
        posting(fields(scan={"type": "string", "format": "binary"})),
        r"CreateThingRequest\.scan: files are not supported",
    ),
    "a resource with the name of a schema": (
        getting(mapped="thing"),
        "The class of the resource `thing` would be called `Thing`, as a schema is",
    ),
    "an inline answer with the name of a schema": (
        getting(responses=answer({**fields(a=TEXT), "x-anton-type": "Thing"})),
        "getThing: its inline schema would be called `Thing`, which is taken",
    ),
    "a reference to nothing": (
        getting(responses=answer(fields(part={"$ref": "#/components/schemas/Absent"}))),
        "Absent",
    ),
    "a schema that refers to nothing but itself": (
        document(
            {"/v1/things": {"get": operation("getThing", responses=answer({"$ref": "#/components/schemas/Loop"}))}},
            Loop={"$ref": "#/components/schemas/Loop"},
        ),
        "Loop",
    ),
}


@pytest.mark.parametrize(("root", "sentence"), REFUSALS.values(), ids=REFUSALS)
def test_the_compiler_refuses(root: Node, sentence: str, tmp_path: Path) -> None:
    spec = write(tmp_path, root)

    with pytest.raises(CodegenError, match=sentence):
        compile_document(spec, None)


def test_what_is_not_supported_says_how_to_remove_it(tmp_path: Path) -> None:
    for name, (root, _) in REFUSALS.items():
        with pytest.raises(CodegenError) as caught:
            compile_document(write(tmp_path, root), None)
        if "not supported" in str(caught.value):
            assert "`remove: true`" in str(caught.value), name


def test_a_page_with_a_cursor_compiles(tmp_path: Path) -> None:
    spec = write(tmp_path, getting(responses=answer(PAGE), parameters=[parameter("cursor")]))

    assert "Pager[Thing]" in compile_document(spec, None)["resources/things.py"]


def test_a_refusal_is_one_sentence_and_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, laid = write(tmp_path, getting(mapped="class")), write(tmp_path, overlay(), "overlay.yaml")

    status = main(["--spec", str(spec), "--overlay", str(laid), "--out", str(tmp_path / "out")])

    printed = capsys.readouterr()
    assert status == 1
    assert printed.out == ""
    assert printed.err.startswith("codegen: getThing: `class` cannot be the name of a resource or method.")
    assert printed.err.count("\n") == 2
    assert not (tmp_path / "out").exists()


def test_a_warning_of_the_generator_fails_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def warn(*_: object, **__: object) -> str:
        warnings.warn("this is odd, but with --allow-it. So.", stacklevel=2)
        return ""

    monkeypatch.setattr("codegen.models.generate", warn)

    with pytest.raises(CodegenError, match=r"The schemas of answers cannot be rendered: this is odd\. So\. Describe"):
        compile_document(write(tmp_path, getting()), None)
