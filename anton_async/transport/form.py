"""A multipart form with one file, encoded once: every attempt sends the same bytes.

The boundary comes from the content, so that the same file under the same idempotency key is the same request even in
another process.

Source: RFC 7578
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """An encoded form; `content_type` holds its boundary."""

    content_type: str
    body: bytes = field(repr=False)


def encode_form(fields: Sequence[tuple[str, str]], name: str, file: tuple[str, str, bytes]) -> Form:
    """Encode text fields and one file.

    Args:
        fields: name and value of each text field.
        name: the file's form field.
        file: file name, media type and content.
    """
    file_name, media_type, content = file
    boundary = f"anton-{hashlib.sha256(content).hexdigest()[:32]}"
    texts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n'
    parts = [*texts, f"{head}Content-Type: {media_type}\r\n\r\n".encode(), content, f"\r\n--{boundary}--\r\n".encode()]
    return Form(content_type=f"multipart/form-data; boundary={boundary}", body=b"".join(parts))
