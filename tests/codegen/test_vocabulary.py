"""The keys of the overlay: known, told, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.errors import CodegenError
from codegen.load import load
from codegen.pipeline import PACKAGE
from codegen.vocabulary import KNOWN
from tests.codegen.documents import TEXT, document, operation, overlay, write


def test_an_unknown_key_is_refused_and_the_known_ones_are_listed(tmp_path: Path) -> None:
    root = document({"/v1/things": {"get": operation("getThing", **{"x-anton-method ": "a"})}})

    with pytest.raises(CodegenError, match="`x-anton-method ` is not a key of the compiler") as caught:
        load(write(tmp_path, root), None)

    assert all(f" {key}" in str(caught.value) for key in KNOWN)


@pytest.mark.parametrize(
    ("key", "value", "example"),
    [
        ("x-anton-wait", "status", r"\{method: wait, field: status\}"),
        ("x-anton-terminal", "done", r"\[completed, failed\]"),
        ("x-anton-sensitive", "yes", "true or false"),
        ("x-anton-earlier-path", 7, "/v0/payouts"),
        ("x-anton-method", None, "create"),
    ],
)
def test_a_value_of_another_type_is_refused(key: str, value: object, example: str, tmp_path: Path) -> None:
    root = document({"/v1/things": {"get": {**operation("getThing"), key: value}}})

    with pytest.raises(CodegenError, match=f"`{key}` is `{value}`. Write it like this: {example}"):
        load(write(tmp_path, root), None)


def test_a_misspelt_key_is_found_in_the_overlay(tmp_path: Path) -> None:
    laid = write(tmp_path, overlay({"target": "$.info", "update": {"a": [{"x-anton-sensitiv": True}]}}), "overlay.yaml")

    with pytest.raises(CodegenError, match=r"x-anton-sensitiv(?s:.*)overlay\.yaml:\d+, #/actions/0"):
        load(write(tmp_path, document({})), laid)


def test_names_and_data_of_the_document_are_no_keys(tmp_path: Path) -> None:
    thing = {
        "type": "object",
        "properties": {"x-anton-note": TEXT, "properties": {**TEXT, "x-anton-name": "fields"}},
        "example": {"x-anton-note": "a"},
    }

    loaded = load(write(tmp_path, document({}, Other=thing)), None)

    assert loaded.schemas["Other"] == thing


def test_a_key_below_a_property_with_the_name_of_a_keyword_is_still_found(tmp_path: Path) -> None:
    thing = {"type": "object", "properties": {"default": {**TEXT, "x-anton-sensitiv": True}}}

    with pytest.raises(CodegenError, match="`x-anton-sensitiv` is not a key"):
        load(write(tmp_path, document({}, Other=thing)), None)


def test_the_head_of_the_overlay_tells_every_key() -> None:
    text = (PACKAGE.parent / "openapi" / "overlay.yaml").read_text(encoding="utf-8")
    head = text.partition("\ninfo:")[0]

    assert [key for key in KNOWN if f" {key}" not in head] == []
