"""Words for generated docstrings: sentences, wrapped lines, and bounds as people read them.

`models` and `resources` use it; nothing here knows Python types.
"""

from __future__ import annotations

import re
import textwrap

from codegen.document import Node
from codegen.schemas import Member

WIDTH = 120


def sentence(text: str) -> str:
    """Return `text` on one line, with a capital at its start and a full stop at its end."""
    line = " ".join(text.split())
    if not line:
        return ""
    if re.match(r"[a-z]+(?:[ ,;:.'-]|$)", line):
        line = line[0].upper() + line[1:]
    return line if line[-1] in ".!?" else f"{line}."


def about_null(member: Member) -> str:
    """Return what None means in a field of a request, empty where it may not be None."""
    if not member.nullable:
        return ""
    return "None sends null." if member.required else "None sends null; left out, it stays as it is."


def paragraph(text: str, indent: int, hanging: int = 0) -> str:
    """Return `text` wrapped at `WIDTH`, its first line without indentation.

    Args:
        text: any white space in it is taken as a single space.
        indent: columns before the text.
        hanging: further columns before all lines but the first.
    """
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hanging),
        break_long_words=False,
        break_on_hyphens=False,
    ).lstrip(" ")


def docstring(text: str, indent: int) -> str:
    """Return `text` as a docstring literal, its first line to be placed at column `indent`."""
    opening = 'r"""' if "\\" in text else '"""'
    inner = paragraph(opening + text, indent).removeprefix(opening)
    return quoted(inner, indent)


def quoted(inner: str, indent: int) -> str:
    """Return `inner`, already laid out, as a docstring literal; a long one ends on a line of its own."""
    inner = inner.replace('"""', "'''")
    raw = "r" if "\\" in inner else ""
    if "\n" not in inner and indent + len(raw) + 6 + len(inner) <= WIDTH and not inner.endswith(('"', "\\")):
        return f'{raw}"""{inner}"""'
    return f'{raw}"""{inner}\n{" " * indent}"""'


def size(number: int) -> str:
    """Return a number of bytes as people write it, exactly."""
    for unit, shift in (("MiB", 20), ("KiB", 10)):
        if number and number % (1 << shift) == 0:
            return f"{number >> shift} {unit}"
    return f"{number} bytes"


def bounds(facts: Node) -> list[str]:
    """Return what a value must obey, as short sentences.

    Args:
        facts: the schema as the document has it.
    """
    found = [*_range(facts), *_length(facts, "Length", "characters"), *_length(facts, "items", "items")]
    if "pattern" in facts:
        found.append(f"Matches `{facts['pattern'].removeprefix('^').removesuffix('$')}`.")
    if facts.get("format") == "date":
        found.append("A date.")
    example = facts.get("example", next(iter(facts.get("examples", [])), None))
    if isinstance(example, str | int | float) and not isinstance(example, bool) and "enum" not in facts:
        found.append(f"Example: `{example}`.")
    if "default" in facts:
        found.append(f"{_literal(facts['default'])} when left out.")
    return found


def _range(facts: Node) -> list[str]:
    low, high = facts.get("minimum"), facts.get("maximum")
    if low is not None and high is not None:
        return [f"{low} to {high}."]
    return [f"At least {low}."] if low is not None else [f"At most {high}."] if high is not None else []


def _length(facts: Node, key: str, unit: str) -> list[str]:
    low, high = facts.get(f"min{key.capitalize()}"), facts.get(f"max{key.capitalize()}")
    if low is not None and high is not None:
        return [f"{low} to {high} {unit}."]
    return [f"At least {low} {unit}."] if low is not None else [f"At most {high} {unit}."] if high is not None else []


def _literal(value: object) -> str:
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
