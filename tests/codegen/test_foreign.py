"""Documents that nobody here wrote, without an overlay: what can be compiled is, and the rest is named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from codegen.__main__ import main
from codegen.errors import CodegenError
from codegen.pipeline import compile_foreign
from tests.codegen.documents import TEXT, Node, answer, body, document, parameter, write

THING: Node = {"$ref": "#/components/schemas/Thing"}
LIST: Node = {"type": "array", "items": TEXT}


def bare(operation_id: str = "", **keywords: Any) -> Node:
    """One operation as others write it."""
    named = {"operationId": operation_id} if operation_id else {}
    return {**named, "responses": answer(THING), **keywords}


def fields(**properties: Node) -> Node:
    return {"type": "object", "properties": properties}


def compiled(directory: Path, paths: Node, **schemas: Node) -> tuple[dict[str, str], list[str]]:
    return compile_foreign(write(directory, document(paths, **schemas)))


def signature(source: str, method: str) -> str:
    """The signature of a method on one line."""
    found = re.search(rf"def {method}\((.*?)\) -> (\S.*?):\n", source, re.DOTALL)
    assert found, f"there is no method {method} in:\n{source}"
    return f"({' '.join(found[1].split())}) -> {found[2]}"


def member(source: str, name: str) -> str:
    """The type of a field."""
    found = re.search(rf"^    {name}: (.*)$", source, re.MULTILINE)
    assert found, f"there is no field {name} in:\n{source}"
    return found[1]


# Places


@pytest.mark.parametrize(
    ("path", "method", "node", "place"),
    [
        ("/things", "get", bare("listAllThings"), "things.list"),
        ("/v2/things/{id}", "patch", bare("changeThing"), "things.update"),
        ("/things/{id}/parts", "get", bare("listParts"), "things.list_parts"),
        ("/things/{id}/parts", "get", bare("part-bin/list-all", tags=["Part Bin"]), "part_bin.list_all"),
        ("/things/{id}/parts", "get", bare(), "things.get_things_id_parts"),
        ("/thing", "get", bare("getIt"), "thing_api.list"),
        ("/any/literal", "get", bare("goOn"), "calls.go_on"),
        ("/transport", "put", bare("import"), "calls.call_import"),
    ],
)
def test_an_operation_gets_a_place_after_its_tag_and_its_name(
    path: str, method: str, node: Node, place: str, tmp_path: Path
) -> None:
    files, left_out = compiled(tmp_path, {path: {method: node}})

    assert f'name="{place}"' in files["resources/operations.py"]
    assert left_out == []


def test_operations_that_would_share_a_place_get_one_each(tmp_path: Path) -> None:
    paths = {
        "/things": {"get": bare("list")},
        "/v1/things": {"get": bare("listNew")},
        "/v2/things": {"get": bare("list_new")},
    }

    files, _ = compiled(tmp_path, paths)

    found = re.findall(r'    name="(.*)"', files["resources/operations.py"])
    assert found == ["things.list", "things.list_new", "things.list_new2"]


# Names


def test_names_that_python_cannot_have_become_some_that_it_can(tmp_path: Path) -> None:
    schema = fields(**{"+1": {"type": "integer"}, "@type": TEXT, "timeout": {"type": "integer"}, "class": TEXT})
    reference = {"$ref": "#/components/schemas/re-action.v2"}
    paths = {"/things/{class}": {"post": bare("go", requestBody=body(reference), responses=answer(reference))}}

    files, left_out = compiled(tmp_path, paths, **{"re-action.v2": schema})

    assert left_out == []
    assert "class ReActionV2(Struct" in files["models/responses.py"]
    said = signature(files["resources/things.py"], "go")
    assert said.startswith(
        "(self, path_class: str, /, *, field_1: int | None = None, type: str | None = None, timeout_:"
    )


@pytest.mark.parametrize("name", ["Any", "Operation", "Upload", "None", "ErrorCode", "Timestamp", "Struct"])
def test_a_schema_called_like_something_of_ours_is_renamed(name: str, tmp_path: Path) -> None:
    paths = {"/things": {"get": bare("list", responses=answer({"$ref": f"#/components/schemas/{name}"}))}}

    files, _ = compiled(tmp_path, paths, **{name: fields(a=TEXT)})

    assert f"class {name}Schema(Struct" in files["models/responses.py"]


def test_inline_values_that_would_share_a_name_get_one_each(tmp_path: Path) -> None:
    first = fields(part={"type": "string", "enum": ["a", "b"]})
    second = fields(part={"type": "string", "enum": ["c", "d"]})
    paths = {
        "/v1/things": {"get": bare("list", responses=answer({**first, "x-anton-type": "One"}))},
        "/v2/things": {"get": bare("listNew", responses=answer({**second, "x-anton-type": "One"}))},
    }

    files, left_out = compiled(tmp_path, paths)

    assert left_out == []
    assert "class One(" in files["models/responses.py"]
    assert "class One2(" in files["models/responses.py"]


# Schemas


@pytest.mark.parametrize(
    ("schema", "python"),
    [
        ({"oneOf": [fields(a=TEXT), fields(b=TEXT)]}, "dict[str, object] | None = None"),
        (
            {"oneOf": [THING, fields(b=TEXT)], "discriminator": {"propertyName": "kind"}},
            "dict[str, object] | None = None",
        ),
        ({"anyOf": [THING, TEXT]}, "Thing | str | None = None"),
        ({"anyOf": [{"type": "string", "format": "date-time"}, TEXT]}, "str | None = None"),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}]}, "float | None = None"),
        (
            {"anyOf": [{"type": "array", "items": TEXT}, {"type": "array", "items": THING}]},
            "list[object] | None = None",
        ),
        ({"anyOf": [{}, TEXT]}, "Any = None"),
        ({"type": "object"}, "dict[str, object] | None = None"),
        ({"type": "object", "properties": {}}, "dict[str, object] | None = None"),
        ({"$ref": "#/components/schemas/Tree"}, "Any = None"),
        ({"$ref": "#/components/schemas/Branch"}, "Branch | None = None"),
        ({"type": ["string", "integer"]}, "str | int | None = None"),
        ({"enum": [True]}, "bool | None = None"),
        ({"enum": ["a", 1]}, "Any = None"),
        ({"type": "string", "nullable": True}, "str | None = None"),
    ],
)
def test_what_the_compiler_would_refuse_becomes_the_simplest_thing_that_is_true(
    schema: Node, python: str, tmp_path: Path
) -> None:
    paths = {"/things": {"get": bare("list", responses=answer({**fields(part=schema), "x-anton-type": "One"}))}}
    tree: Node = {"anyOf": [TEXT, {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}]}
    branch = fields(below={"type": "array", "items": {"$ref": "#/components/schemas/Branch"}})

    files, left_out = compiled(tmp_path, paths, Tree=tree, Branch=branch)

    assert member(files["models/responses.py"], "part") == python
    assert not [line for line in left_out if "left out" in line]


def test_what_a_schema_loses_is_said_once(tmp_path: Path) -> None:
    either = {"oneOf": [fields(a=TEXT), fields(b=TEXT)]}
    paths = {"/things": {"get": bare("list", responses=answer({"$ref": "#/components/schemas/Either"}))}}

    _, left_out = compiled(tmp_path, paths, Either=fields(one=either, other=either))

    assert left_out == ["schema Either: one of several objects is taken as a map of anything"]


def test_a_body_that_is_one_of_several_objects_has_the_fields_of_all(tmp_path: Path) -> None:
    one = {**fields(kind={"const": "a"}, size={"type": "integer"}), "required": ["kind", "size"]}
    other = {**fields(kind={"const": "b"}, note=TEXT), "required": ["kind"]}
    paths = {"/things": {"post": bare("create", requestBody=body({"oneOf": [one, other]}))}}

    files, _ = compiled(tmp_path, paths)

    said = signature(files["resources/things.py"], "create")
    assert "kind: ThingKind, size: int | None = None, note: str | None = None" in said


# Answers


@pytest.mark.parametrize(
    ("responses", "returns"),
    [
        (answer({"type": "array", "items": THING}), "builtins.list[Thing]"),
        (answer({"type": "object", "additionalProperties": TEXT}), "object"),
        (answer(THING, "201") | answer(None, "204"), "Thing"),
        (answer(THING, "default"), "Thing"),
        ({"200": {"description": "d", "content": {"application/json; charset=utf-8": {"schema": THING}}}}, "Thing"),
        ({"200": {"description": "d", "content": {"text/csv": {"schema": TEXT}}}}, "Download"),
        (answer({**fields(data={"type": "array", "items": THING}, has_more={"type": "boolean"})}), "List"),
    ],
)
def test_an_answer_has_a_type(responses: Node, returns: str, tmp_path: Path) -> None:
    files, _ = compiled(tmp_path, {"/things": {"get": bare("list", responses=responses)}})

    assert signature(files["resources/things.py"], "list").endswith(f"-> {returns}")


# What is left out


@pytest.mark.parametrize(
    ("node", "line"),
    [
        (bare("go", requestBody=body(TEXT, "text/plain")), "go is left out: a request body of type text/plain is not"),
        (bare("go", responses={"302": {"description": "d"}}), "go is left out: go has no successful answer"),
        (bare("go", responses=answer({"$ref": "#/nowhere"})), "go is left out: `#/nowhere` points at nothing"),
        (bare("go", responses="none"), "go is left out: it is not valid OpenAPI"),
        (bare("go", parameters=[{"in": "query"}]), "go is left out: it is not valid OpenAPI"),
        (
            bare("go", parameters=[parameter("f", schema={"type": "object"}, required=True)]),
            "go is left out: go, query parameter `f`: objects in a query are not supported",
        ),
    ],
)
def test_an_operation_that_cannot_be_compiled_is_named_and_the_rest_goes_on(
    node: Node, line: str, tmp_path: Path
) -> None:
    files, left_out = compiled(tmp_path, {"/things": {"get": bare("list"), "post": node}})

    assert [found for found in left_out if found.startswith(line)], left_out
    assert re.findall(r'    id="(.*)"', files["resources/operations.py"]) == ["list"]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (parameter("X-Version", "header"), "list: the header `X-Version` is no argument; pass it in `headers`"),
        (parameter("session", "cookie"), "list: the cookie `session` is no argument; pass it in `headers`"),
        (
            parameter("filter", schema={"type": "object"}),
            "list: the query parameter `filter` is written in a way that is not supported",
        ),
    ],
)
def test_a_parameter_that_cannot_be_an_argument_is_named(given: Node, line: str, tmp_path: Path) -> None:
    files, left_out = compiled(tmp_path, {"/things": {"get": bare("list", parameters=[given, parameter("limit")])}})

    assert left_out == [line]
    assert "limit: str | None" in signature(files["resources/things.py"], "list")


def test_without_an_overlay_the_command_names_what_is_lost_and_succeeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = document({"/things": {"get": bare("list"), "post": bare("go", responses={})}})
    spec = write(tmp_path, {**root, "openapi": "3.0.3", "webhooks": {"thing.made": {}}})

    assert main(["--spec", str(spec), "--out", str(tmp_path / "out")]) == 0

    printed = capsys.readouterr()
    assert "out/resources/things.py" in printed.out
    assert printed.err.splitlines() == [
        "codegen: go is left out: go has no successful answer. Add its 2xx response in the overlay.",
        "codegen: webhooks: none of its events (1) is compiled",
    ]


def test_a_document_of_which_nothing_can_be_compiled_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CodegenError, match=r"None of its 1 operations can be compiled; go, for one: go has no succ"):
        compiled(tmp_path, {"/things": {"get": bare("go", responses={})}})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "number", "multipleOf": 0.01},
        {"type": "integer", "multipleOf": 0},
        {"type": "integer", "maximum": 1 << 64},
        {"type": "string", "minLength": -1},
        {"type": "string", "pattern": r"^\p{L}+$"},
        {"type": "array", "minItems": "1", "items": True},
        {"type": "object", "properties": {"": TEXT, "a": True}},
        {"type": "string", "description": 5},
    ],
)
def test_a_bound_that_nobody_can_check_is_dropped(schema: Node, tmp_path: Path) -> None:
    paths = {"/things": {"post": bare("create", requestBody=body(fields(part=schema)))}}

    files, left_out = compiled(tmp_path, paths)

    assert "part: " in signature(files["resources/things.py"], "create")
    assert not [line for line in left_out if "left out" in line]


def test_operations_that_share_an_id_get_one_each(tmp_path: Path) -> None:
    files, left_out = compiled(tmp_path, {"/a": {"get": bare("go")}, "/b": {"get": bare("go"), "put": bare("2nd")}})

    assert re.findall(r'    id="(.*?)"', files["resources/operations.py"]) == ["go", "go2", "put_2nd"]
    assert left_out == [
        "go: the operationId of GET /b is taken as `go2`",
        "2nd: the operationId of PUT /b is taken as `put_2nd`",
    ]


def test_a_schema_that_is_none_is_taken_as_anything(tmp_path: Path) -> None:
    paths = {"/things": {"get": bare("list", responses=answer(fields(part={"$ref": "#/components/schemas/Odd"})))}}

    files, left_out = compiled(tmp_path, paths, Odd={"type": "object", "properties": ["a"]})

    assert member(files["models/responses.py"], "part") == "Any = None"
    assert left_out == ["schema Odd: it is not valid OpenAPI, and is taken as anything"]


def test_what_is_no_openapi_3_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CodegenError, match="is no OpenAPI 3 document"):
        compile_foreign(write(tmp_path, {"swagger": "2.0", "paths": {}}))
