r"""Regular expressions of the document, as Python has to read them.

JSON Schema means ECMAScript: `$` is the very end and `\d` is ASCII. In Python `$` also admits a trailing newline and
`\d` also admits the digits of other scripts, so both are rewritten.
"""

from __future__ import annotations

import re

from codegen.document import Node
from codegen.errors import CodegenError

_PIECE = re.compile(r"\\.|.", re.DOTALL)
_CLASSES = {"\\d": "0-9", "\\w": "A-Za-z0-9_"}
_DECIMAL = re.compile(r"\^-\?(?:\\d|\[0-9\])(?:\{1,[0-9]+\}|\+)\(\\\.(?:\\d|\[0-9\])\+\)\?\$")

_DIGIT = r"(?:\\d|\[0-9\])"
_IN_WORDS = (
    (re.compile(r"\^([A-Za-z]+_)\[(?=\S*a-z)(?=\S*A-Z)(?=\S*0-9)[\w-]+\]\+\$"), r"an id that starts with \1"),
    (re.compile(r"\^\[A-Z\]\{(\d+)\}\$"), r"\1 capital letters"),
    (re.compile(r"\^\[A-Z\]\{(\d+),(\d+)\}\$"), r"\1 to \2 capital letters"),
    (re.compile(rf"\^{_DIGIT}\{{(\d+)\}}\$"), r"\1 digits"),
    (re.compile(rf"\^{_DIGIT}\{{(\d+),(\d+)\}}\$"), r"\1 to \2 digits"),
    (re.compile(rf"\^{_DIGIT}\{{4\}}-{_DIGIT}\{{2\}}-{_DIGIT}\{{2\}}\$"), "a date written YYYY-MM-DD"),
    (
        re.compile(rf"\^(?:-\?)?{_DIGIT}(?:\+|\{{\d+,\d+\}})\(\\\.{_DIGIT}\{{1,(\d+)\}}\)\?\$"),
        r"a decimal with at most \1 places",
    ),
)
"""Shapes of patterns that everybody uses, each with what a value of it is."""

_LONGEST_EXAMPLE = 20


def is_decimal(pattern: str) -> bool:
    r"""Tell whether `pattern` describes a decimal number in text, such as `^-?\d{1,12}(\.\d+)?$`."""
    return _DECIMAL.fullmatch(pattern) is not None


def in_words(facts: Node) -> str:
    """Return what a value must be that the pattern of a schema describes, to go on from "must be".

    Args:
        facts: the schema, with its `pattern`.
    """
    pattern: str = facts["pattern"]
    known = (found.expand(words) for shape, words in _IN_WORDS if (found := shape.fullmatch(pattern)))
    bare = pattern if "|" in pattern else pattern.removeprefix("^").removesuffix("$")
    words = facts.get("x-anton-words") or next(known, f"text that matches {bare}")
    example = facts.get("example", next(iter(facts.get("examples", [])), None))
    short = isinstance(example, str) and example.isprintable() and len(example) <= _LONGEST_EXAMPLE
    return f"{words}, such as {example!r}" if short else str(words)


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
