r"""Regular expressions of the document, as Python has to read them.

JSON Schema means ECMAScript: `$` is the very end and `\d` is ASCII. In Python `$` also admits a trailing newline and
`\d` also admits the digits of other scripts, so both are rewritten.
"""

from __future__ import annotations

import re

from codegen.errors import CodegenError

_PIECE = re.compile(r"\\.|.", re.DOTALL)
_CLASSES = {"\\d": "0-9", "\\w": "A-Za-z0-9_"}
_DECIMAL = re.compile(r"\^-\?(?:\\d|\[0-9\])(?:\{1,[0-9]+\}|\+)\(\\\.(?:\\d|\[0-9\])\+\)\?\$")


def is_decimal(pattern: str) -> bool:
    r"""Tell whether `pattern` describes a decimal number in text, such as `^-?\d{1,12}(\.\d+)?$`."""
    return _DECIMAL.fullmatch(pattern) is not None


def search(pattern: str) -> str:
    """Return `pattern` for `re.search`, which is what msgspec uses."""
    pieces: list[str] = []
    inside = False
    for piece in _PIECE.findall(pattern):
        inside = piece != "]" and (inside or piece == "[")
        members = _CLASSES.get(piece)
        if members:
            pieces.append(members if inside else f"[{members}]")
        else:
            pieces.append(r"\Z" if piece == "$" and not inside else piece)
    return _checked("".join(pieces), pattern)


def full_match(pattern: str, where: str) -> str:
    """Return `pattern` for `re.fullmatch`, which is how path parameters are checked.

    Args:
        pattern: must be anchored at both ends.
        where: the parameter, for the error.
    """
    if not (pattern.startswith("^") and pattern.endswith("$")):
        raise CodegenError(
            f"{where}: the pattern `{pattern}` admits more than a whole id. Start it with ^ and end it with $."
        )
    inner = pattern[1:-1]
    return search(pattern if "|" in inner else inner)


def _checked(translated: str, pattern: str) -> str:
    try:
        re.compile(translated)
    except re.error as error:
        raise CodegenError(f"The pattern `{pattern}` cannot be used ({error}). Correct it in the overlay.") from error
    return translated
