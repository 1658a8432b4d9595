"""Reading a document."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.errors import CodegenError
from codegen.load import load
from tests.codegen.documents import document, operation, overlay, write


def test_an_invalid_document_is_refused_with_the_place(tmp_path: Path) -> None:
    root = document({"/v1/things": {"get": {"operationId": "listThings"}}})
    del root["info"]["version"]

    with pytest.raises(CodegenError, match=r"is not valid OpenAPI 3\.1: .version. is a required(?s:.*)#/info"):
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


def test_keys_in_yaml_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "things.yaml"
    text = "openapi: 3.1.0\ninfo: {title: Things, version: '1'}\npaths: {}\nx-answers: {200: a, no: b, 1.10: c}\n"
    path.write_text(text, encoding="utf-8")

    loaded = load(path, None)

    assert loaded.root["x-answers"] == {"200": "a", "no": "b", "1.10": "c"}


def test_words_in_yaml_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "things.yaml"
    text = "openapi: 3.1.0\ninfo: {title: Things, version: '1'}\npaths: {}\nx-words: [NO, yes, on, true, False]\n"
    path.write_text(text, encoding="utf-8")

    assert load(path, None).root["x-words"] == ["NO", "yes", "on", True, False]


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
