"""Operations that take a file or give one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codegen.errors import CodegenError
from codegen.pipeline import compile_document
from tests.codegen.documents import TEXT, Node, answer, body, document, operation, write

FORM = "multipart/form-data"
FILE: Node = {
    "type": "string",
    "format": "binary",
    "description": "what to keep",
    "x-anton-max-bytes": 1 << 21,
    "x-anton-media-types": {"csv": "text/csv", "txt": "text/plain"},
}


def sending(file: Node, **texts: Node) -> Node:
    """A document with one upload."""
    form = {"type": "object", "required": ["file"], "properties": {"file": file, **texts}}
    return document({"/v1/things": {"post": operation("send", requestBody=body(form, FORM))}})


def giving(*media_types: str, schema: Node | None = None) -> Node:
    """A document with one download."""
    content = {kind: {"schema": schema or {"type": "string", "format": "binary"}} for kind in media_types}
    return document(
        {"/v1/things": {"get": operation("fetch", responses={"200": {"description": "", "content": content}})}}
    )


def compiled(directory: Path, root: Node) -> tuple[str, str]:
    """The resource, and its row in the operation table."""
    files = compile_document(write(directory, root), None)
    return files["resources/things.py"], files["resources/operations.py"]


def test_a_form_becomes_a_file_and_arguments(tmp_path: Path) -> None:
    texts: dict[str, Any] = {"note": {**TEXT, "maxLength": 9}, "count": {"type": "integer"}, "dry": {"type": "boolean"}}

    resource, table = compiled(tmp_path, sending(FILE, **texts))

    assert "file: FileInput,\n        file_name: str | None = None,\n        note: str | None = None," in resource
    assert "count: int | None = None,\n        dry: bool | None = None," in resource
    assert "file: What to keep. A path, bytes or a binary file; at most 2 MiB." in resource
    assert "ends in .csv or .txt." in resource
    assert "self._upload(" in resource
    assert "file=file" in resource
    assert "file_name=file_name" in resource
    assert 'body={"note": note, "count": count, "dry": dry}' in resource
    assert 'field="file", max_bytes=2097152, media_types=(("csv", "text/csv"), ("txt", "text/plain"))' in table
    assert "body=SendRequest," in table


def test_a_form_of_a_file_alone_has_no_body(tmp_path: Path) -> None:
    resource, table = compiled(tmp_path, sending(FILE))

    assert "body=" not in resource
    assert "body=" not in table
    assert "body_required=True" in table
    assert "upload=Upload(" in table


@pytest.mark.parametrize(
    "schema", [{"type": "string", "contentMediaType": "text/csv"}, {"$ref": "#/components/schemas/F"}]
)
def test_a_file_may_be_described_in_other_ways(schema: Node, tmp_path: Path) -> None:
    root = sending(schema)
    root["components"]["schemas"]["F"] = FILE

    assert "file: FileInput" in compiled(tmp_path, root)[0]


@pytest.mark.parametrize(
    ("limit", "said"), [(1 << 25, "32 MiB"), (1 << 19, "512 KiB"), (1_000_000, "1000000 bytes"), (1536, "1536 bytes")]
)
def test_a_size_is_said_exactly(limit: int, said: str, tmp_path: Path) -> None:
    resource, _ = compiled(tmp_path, sending({**FILE, "x-anton-max-bytes": limit}))

    assert f"at most {said}." in " ".join(resource.split())


@pytest.mark.parametrize("media_types", [("text/csv",), ("application/pdf", "text/plain")])
def test_an_answer_of_another_type_than_json_is_a_download(media_types: tuple[str, ...], tmp_path: Path) -> None:
    resource, table = compiled(tmp_path, giving(*media_types))

    assert "def fetch(self, **options: Unpack[RequestOptions]) -> Download:" in resource
    assert "async def fetch" not in resource
    assert 'shape="file"' in table
    assert "response=bytes" in table
    assert f'accept="{", ".join([*media_types, "application/json"])}"' in table


def test_json_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(CodegenError, match="fetch: the answer must be an object with named properties"):
        compiled(tmp_path, giving("application/json", "text/csv", schema=TEXT))


@pytest.mark.parametrize(
    ("root", "sentence"),
    [
        (sending(FILE, other=FILE), "send: its form has 2 files, and only 1 is supported"),
        (sending(FILE, part={"type": "object", "properties": {}}), "field `part` is neither a file nor a text"),
        (sending({**FILE, "x-anton-max-bytes": "2 MB"}), "`x-anton-max-bytes` is `2 MB`. Write it like this: 33554432"),
        (sending({**FILE, "x-anton-media-types": ["csv"]}), "`x-anton-media-types` is .* Write it like this: {csv"),
        (sending(FILE, file_name=TEXT), "`file_name` and .* `file_name` would both be the argument `file_name`"),
        (
            document({"/v1/things": {"get": operation("get", responses=answer({"type": "object"}))}}),
            "get: the answer must be an object with named properties",
        ),
    ],
)
def test_a_file_that_cannot_be_compiled_is_refused(root: Node, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(CodegenError, match=sentence):
        compile_document(write(tmp_path, root), None)
