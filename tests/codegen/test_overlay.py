"""Laying an overlay over a document."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.errors import CodegenError
from codegen.load import load
from codegen.overlay import apply_overlay
from tests.codegen.documents import Node, document, overlay, write

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
        ({"target": "$.object", "remove": "yes"}, "give it either `update` or `remove: true`"),
        ({"target": "$.object | $.list", "update": {}}, "not JSONPath"),
        (
            {"target": "$.object['a', 'absent']", "update": {}},
            r"'absent'\]\): `'absent'` matches nothing",
        ),
        ({"target": "$.list[0, 7].n", "remove": True}, "`7` matches nothing. Correct it, or take it out of the target"),
        ({"target": "$.object", "update": {"x-anton-metod": "a"}}, "`x-anton-metod` is not a key of the compiler"),
        ({"update": {}}, r"action 1 has no target. Say what it changes, such as `target: \$"),
        ({"target": "", "update": {}}, "action 1 has no target"),
        ({"target": ["$.object"], "update": {}}, "action 1 has no target"),
        (None, r"o\.yaml, action 1 is empty. Write `target:`"),
        ("remove it", "action 1 is no object. Write `target:`"),
    ],
)
def test_a_wrong_action_is_refused(action: object, sentence: str) -> None:
    with pytest.raises(CodegenError, match=sentence):
        apply_overlay(ROOT, overlay(action), "o.yaml")


def test_every_part_of_a_target_that_matches_is_changed() -> None:
    changed = apply_overlay(ROOT, overlay({"target": "$.list[0, 2]", "update": {"seen": True}}), "o.yaml")

    assert changed["list"] == [{"n": 1, "seen": True}, {"n": 2}, {"n": 3, "seen": True}]


@pytest.mark.parametrize("actions", [None, {"target": "$.object"}, "remove it"])
def test_an_overlay_without_a_list_of_actions_is_refused(actions: object) -> None:
    with pytest.raises(CodegenError, match=r"o\.yaml has no list of actions. Write `actions:`"):
        apply_overlay(ROOT, {"overlay": "1.0.0", "actions": actions}, "o.yaml")


@pytest.mark.parametrize("text", ["", "- overlay", "overlay"])
def test_a_file_that_holds_no_object_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "overlay.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(CodegenError, match=r"overlay\.yaml holds no object at its top"):
        load(write(tmp_path, document({})), path)


def test_something_that_is_no_overlay_is_refused() -> None:
    with pytest.raises(CodegenError, match=r"o\.yaml is not an overlay"):
        apply_overlay(ROOT, {"actions": []}, "o.yaml")
