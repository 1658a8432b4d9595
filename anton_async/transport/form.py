"""A multipart form with one file, encoded once: every attempt sends the same bytes.

The boundary comes from the content, so that the same form under the same idempotency key is the same request even in
another process; and from all of it, so that none of it can hold the boundary.

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
    texts = [f'Content-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode() for key, value in fields]
    head = (
        f'Content-Disposition: form-data; name="{name}"; filename="{file_name}"\r\nContent-Type: {media_type}\r\n\r\n'
    )
    digest = hashlib.sha256(b"".join([*texts, head.encode()]))
    digest.update(content)
    boundary = f"anton-{digest.hexdigest()[:32]}"
    line = f"--{boundary}\r\n".encode()
    parts = [line + text for text in texts]
    parts += [line, head.encode(), content, f"\r\n--{boundary}--\r\n".encode()]
    return Form(content_type=f"multipart/form-data; boundary={boundary}", body=b"".join(parts))
