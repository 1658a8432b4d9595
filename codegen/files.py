"""Files that an operation takes or gives: one file of a multipart form, or an answer that is no JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from codegen.document import Document, Node, child, kinds
from codegen.errors import CodegenError

_LIMIT = 1 << 25
"""Bytes that a file may have when the overlay says nothing: it is read whole into memory."""

_USUAL = {
    "bin": "application/octet-stream",
    "csv": "text/csv",
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "pdf": "application/pdf",
    "png": "image/png",
    "txt": "text/plain",
    "wav": "audio/wav",
    "webp": "image/webp",
    "xml": "application/xml",
    "zip": "application/zip",
}
"""What a file may be when the overlay says nothing."""


@dataclass(frozen=True, slots=True)
class Upload:
    """The file of a form.

    Attributes:
        field: its form field.
        text: what the document says of it.
        max_bytes: its greatest size.
        media_types: extensions and their media types.
    """

    field: str
    text: str
    max_bytes: int
    media_types: tuple[tuple[str, str], ...]


def read_upload(operation_id: str, document: Document, schema: Node) -> tuple[Upload, Node | None]:
    """Return the file of a multipart form, and the schema of its text fields, None where there are none.

    Raises:
        CodegenError: the form has no file, several, or a field that is neither file nor text.
    """
    folded = document.folded(schema)
    fields = child(folded, "properties")
    files = [name for name, node in fields.items() if _is_binary(document, node)]
    mend = "Remove the others in the overlay with `remove: true`."
    if not files:
        raise CodegenError(
            f"{operation_id}: its form has no file. Give the field that is one `format: binary` in the overlay."
        )
    if len(files) > 1:
        raise CodegenError(f"{operation_id}: its form has {len(files)} files, and only 1 is supported. {mend}")
    for name, node in fields.items():
        if name not in files and kinds(document.folded(node)) not in (["string"], ["integer"], ["boolean"]):
            raise CodegenError(f"{operation_id}: its form's field `{name}` is neither a file nor a text. {mend}")
    file = document.folded(fields[files[0]])
    media_types = cast("dict[str, str]", file.get("x-anton-media-types", _USUAL))
    upload = Upload(
        files[0], file.get("description", ""), file.get("x-anton-max-bytes", _LIMIT), tuple(media_types.items())
    )
    rest = {name: node for name, node in fields.items() if name not in files}
    required = [name for name in folded.get("required", []) if name not in files]
    return upload, {**folded, "properties": rest, "required": required} if rest else None


def is_file(document: Document, answer: Node) -> bool:
    """Return whether an answer is a file: content of other media types than JSON, as bytes or text."""
    content = child(answer, "content")
    schemas = [document.folded(child(node, "schema")) for node in content.values()]
    return (
        bool(content) and "application/json" not in content and all(kinds(schema) == ["string"] for schema in schemas)
    )


def _is_binary(document: Document, node: Node) -> bool:
    schema = document.folded(node)
    return schema.get("format") == "binary" or "contentMediaType" in schema
