"""Multipart forms: what an upload brought, read part by part under a limit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import BadContentDispositionHeader, BadContentDispositionParam, BodyPartReader, web
from aiohttp.http import HttpProcessingError

from anton_async.sandbox.errors import Refusal

_CHUNK = 64 * 1024

_BROKEN = (HttpProcessingError, web.RequestPayloadError)
# The last two are warnings, which a test suite may have turned into errors.
_BROKEN_FORM = (*_BROKEN, ValueError, LookupError, BadContentDispositionHeader, BadContentDispositionParam)


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form; a file has a name of its own."""

    content: bytes
    file_name: str | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form by name."""

    parts: Mapping[str, Part]

    def file(self) -> Part:
        """Return the uploaded file; raises the 400 of a form without one."""
        part = self.parts.get("file")
        if part is None or not part.file_name:
            raise Refusal(400, "invalid_file", "the form needs a field `file` that holds a file with a name")
        return part

    def text(self, name: str) -> str | None:
        """Return a field that is no file, None when it was not sent."""
        part = self.parts.get(name)
        return None if part is None else part.content.decode(errors="replace").strip()

    def digest(self) -> bytes:
        """Return what identifies the form: two uploads of one file differ in nothing but their boundaries."""
        whole = hashlib.sha256()
        for name, part in sorted(self.parts.items()):
            for piece in (name.encode(), (part.file_name or "").encode(), part.content):
                whole.update(len(piece).to_bytes(8, "big") + piece)
        return whole.digest()


async def read_form(request: web.BaseRequest, limit: int) -> Form:
    """Read the form of a request.

    Raises:
        Refusal: 400 when it is not a readable form, 413 when it is larger than `limit` bytes.
    """
    if request.content_type != "multipart/form-data":
        raise _unreadable("the Content-Type must be multipart/form-data")
    parts: dict[str, Part] = {}
    room = limit
    try:
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or part.name is None:
                raise _unreadable("each part of the form needs a name and no parts of its own")
            content = bytearray()
            while chunk := await part.read_chunk(_CHUNK):
                room -= len(chunk)
                if room < 0:
                    raise too_large(limit)
                content += chunk
            parts.setdefault(part.name, Part(bytes(content), part.filename))
    except _BROKEN_FORM:
        raise _unreadable("the form cannot be read") from None
    return Form(parts)


async def read_body(request: web.BaseRequest, limit: int) -> bytes:
    """Read the body of a request.

    Raises:
        Refusal: 400 when it cannot be unpacked, 413 when it is larger than `limit` bytes.
    """
    body = bytearray()
    try:
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > limit:
                raise Refusal(413, "request_too_large", f"the request body is over {_megabytes(limit)}")
    except _BROKEN:
        raise Refusal(400, "bad_request", "the request body is not of its Content-Encoding") from None
    return bytes(body)


def too_large(limit: int) -> Refusal:
    """Return the 413 for a file."""
    return Refusal(413, "file_too_large", f"the file is over {_megabytes(limit)}")


def _megabytes(limit: int) -> str:
    return f"{limit // (1024 * 1024)} MB"


def _unreadable(message: str) -> Refusal:
    return Refusal(400, "invalid_multipart_form", message)
