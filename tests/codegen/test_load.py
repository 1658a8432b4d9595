"""Reading a document and laying an overlay over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.errors import CodegenError
from codegen.load import apply_overlay, load
from tests.codegen.documents import Node, document, operation, overlay, write

ROOT: Node = {"list": [{"n": 1}, {"n": 2}, {"n": 3}], "object": {"a": {"b": 1}, "names": ["x"]}}


def test_an_update_merges_objects_and_appends_to_the_lists_in_them() -> None:
    action = {"target": "$.object", "update": {"a": {"c": 2}, "names": ["y"], "new": True}}

    changed = apply_overlay(ROOT, overlay(action), "o.yaml")

    assert changed["object"] == {"a": {"b": 1, "c": 2}, "names": ["x", "y"], "new": True}
    assert ROOT["object"] == {"a": {"b": 1}, "names": ["x"]}


def test_an_update_of_a_list_appends_one_entry() -> None:
    changed = apply_overlay(ROOT, overlay({"target": "$.object.names", "update": "y"}), "o.yaml")

    assert changed["object"]["names"] == ["x", "y"]


def test_removing_several_entries_of_a_list_removes_those_and_no_others() -> None:
    changed = apply_overlay(ROOT, overlay({"target": "$.list[?@.n < 3]", "remove": True}), "o.yaml")

    assert changed["list"] == [{"n": 3}]


def test_actions_see_what_earlier_actions_did() -> None:
    first: Node = {"target": "$.object", "update": {"later": {}}}
    second = {"target": "$.object.later", "update": {"seen": True}}

    changed = apply_overlay(ROOT, overlay(first, second), "o.yaml")

    assert changed["object"]["later"] == {"seen": True}


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        ({"target": "$.absent", "update": {}}, r"action 1 \(\$\.absent\): the target matches nothing"),
        ({"target": "$.[", "update": {}}, "the target is not JSONPath"),
        ({"target": "$.object"}, "give it either `update` or `remove: true`"),
        ({"target": "$.object.a.b", "update": {}}, "select the object that holds the value"),
        ({"target": "$", "remove": True}, "the whole document cannot be removed"),
    ],
)
def test_a_wrong_action_is_refused(action: Node, sentence: str) -> None:
    with pytest.raises(CodegenError, match=sentence):
        apply_overlay(ROOT, overlay(action), "o.yaml")


def test_something_that_is_no_overlay_is_refused() -> None:
    with pytest.raises(CodegenError, match=r"o\.yaml is not an overlay"):
        apply_overlay(ROOT, {"actions": []}, "o.yaml")


def test_an_invalid_document_is_refused_with_the_place(tmp_path: Path) -> None:
    root = document({"/v1/things": {"get": {"operationId": "listThings"}}})
    del root["info"]["version"]

    with pytest.raises(CodegenError, match=r"is not valid OpenAPI 3\.1, at \$\.info: .version. is a required"):
        load(write(tmp_path, root), None)


def test_an_overlay_may_mend_an_invalid_document(tmp_path: Path) -> None:
    root = document({})
    del root["info"]["version"]
    mend = write(tmp_path, overlay({"target": "$.info", "update": {"version": "2"}}), "overlay.yaml")

    loaded = load(write(tmp_path, root), mend)

    assert loaded.root["info"]["version"] == "2"


def test_another_edition_of_openapi_is_refused(tmp_path: Path) -> None:
    root = {**document({}), "openapi": "3.0.3"}

    with pytest.raises(CodegenError, match=r"is not an OpenAPI 3\.1 document"):
        load(write(tmp_path, root), None)


def test_timestamps_in_yaml_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "things.yaml"
    text = "openapi: 3.1.0\ninfo: {title: Things, version: '1', x-made: 2026-04-15T14:30:00Z}\npaths: {}\n"
    path.write_text(text, encoding="utf-8")

    loaded = load(path, None)

    assert loaded.root["info"]["x-made"] == "2026-04-15T14:30:00Z"


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "things.yaml"
    path.write_text("openapi: 3.1.0\nopenapi: 3.1.1\n", encoding="utf-8")

    with pytest.raises(CodegenError, match="line 1 has the key `openapi` twice"):
        load(path, None)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CodegenError, match=r"absent\.yaml cannot be read"):
        load(tmp_path / "absent.yaml", None)


def test_broken_yaml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "things.yaml"
    path.write_text("a: [", encoding="utf-8")

    with pytest.raises(CodegenError, match="is not well-formed"):
        load(path, None)


def test_json_is_read_as_well(tmp_path: Path) -> None:
    root = document({"/v1/things": {"get": operation("listThings")}})

    loaded = load(write(tmp_path, root, "things.json"), None)

    assert loaded.root == root


def test_the_digest_covers_document_and_overlay(tmp_path: Path) -> None:
    spec = write(tmp_path, document({}))
    laid = write(tmp_path, overlay({"target": "$.info", "update": {"x-note": 1}}), "overlay.yaml")

    assert load(spec, None).digest != load(spec, laid).digest
