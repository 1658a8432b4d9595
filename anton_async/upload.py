"""Files on their way to the API: read once, off the event loop, checked before anything is sent."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Coroutine
from pathlib import Path, PurePath
from typing import BinaryIO, TypeAlias, cast

from anton_async.errors import RequestValidationError
from anton_async.operation import Upload

FileInput: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO
"""What a file parameter takes: a path, the content, or a file opened in binary mode, read from where it stands."""

_UNFIT = frozenset('"\\/%')


async def read_file(upload: Upload, file: FileInput, file_name: str | None) -> tuple[str, str, bytes]:
    """Return name, media type and content of a file to be sent.

    Raises:
        RequestValidationError: the file cannot be read, is empty or too large, or its name does not fit.
    """
    if isinstance(file, io.TextIOBase) or not (isinstance(file, str | os.PathLike | bytes) or hasattr(file, "read")):
        kind = type(file).__name__
        raise RequestValidationError(f"must be a path, bytes or a file opened in binary mode, not {kind}", field="file")
    name = _name(upload, file, file_name)
    content = await asyncio.to_thread(_read, upload, file)
    if not content:
        raise RequestValidationError("is empty", field="file")
    return name, dict(upload.media_types)[_extension(name)], content


def _name(upload: Upload, file: FileInput, given: str | None) -> str:
    if given is not None and not isinstance(given, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
        raise RequestValidationError(f"must be text, not {type(given).__name__}", field="file_name")
    known: object = os.fspath(file) if isinstance(file, str | os.PathLike) else getattr(file, "name", None)
    name = given if given is not None else PurePath(known).name if isinstance(known, str) else None
    if name is None:
        raise RequestValidationError("is required when the file itself has no name", field="file_name")
    where = "file" if given is None else "file_name"
    if not name.isprintable() or _UNFIT & set(name) or len(name.encode(errors="replace")) > 255:
        raise RequestValidationError(
            'is no plain file name: give one without " \\ / and % as file_name, of at most 255 bytes', field=where
        )
    extensions = [extension for extension, _ in upload.media_types]
    if _extension(name) not in extensions:
        wanted = " or ".join(f".{extension}" for extension in extensions)
        raise RequestValidationError(f"the file's name must end in {wanted}", field=where)
    return name


def _extension(name: str) -> str:
    return PurePath(name).suffix.removeprefix(".").lower()


def _read(upload: Upload, file: FileInput) -> bytes:
    limit = upload.max_bytes
    if isinstance(file, bytes):
        content = file
    elif isinstance(file, str | os.PathLike):
        content = _read_path(Path(file), upload)
    else:
        content = _read_stream(file, upload)
    if len(content) > limit:
        raise RequestValidationError(f"must have at most {limit} bytes ({limit >> 20} MiB)", field="file")
    return content


def _read_path(path: Path, upload: Upload) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(upload.max_bytes + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
    raise RequestValidationError(f"cannot be read: {reason}", field="file")


def _read_stream(stream: object, upload: Upload) -> bytes:
    pieces: list[bytes] = []
    left = upload.max_bytes + 1
    try:
        # A pipe gives less than it was asked for long before its end.
        while left > 0 and (piece := _piece(stream, left)):
            pieces.append(piece)
            left -= len(piece)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is closed"
    except TypeError:
        reason = "it gives no bytes"
    else:
        return b"".join(pieces)
    raise RequestValidationError(f"cannot be read: {reason}", field="file")


def _piece(stream: object, size: int) -> bytes:
    piece = cast("object", cast("BinaryIO", stream).read(size))
    if isinstance(piece, bytes):
        return piece
    if isinstance(piece, Coroutine):
        piece.close()
    raise TypeError
