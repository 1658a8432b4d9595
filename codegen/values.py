"""What became of the type of one value between two editions: another one, a narrower or a wider one, other bounds.

`changes` compares arguments and fields by this. A schema here is in normal form, so that the bounds of answers, which
nobody checks, are not in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import cast

from codegen.document import Node, child, kinds, schema_name
from codegen.schemas import AMOUNT, TIMESTAMP, Enum, Schemas, Side

_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}
_WIDER = {
    "one of certain values": {"text"},
    "a date": {"text"},
    "a time": {"text"},
    "money": {"text"},
    "a whole number": {"a number"},
}
"""Types, and those that have all their values."""

_LOWER = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "minLength": "at least {} characters",
    "minItems": "at least {} items",
}
_UPPER = {
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "maxLength": "at most {} characters",
    "maxItems": "at most {} items",
}
_OTHER = {"pattern": "text that matches `{}`", "multipleOf": "a multiple of {}"}


class Values:
    """Schemas of one side of one edition."""

    def __init__(self, schemas: Schemas, side: Side) -> None:
        self._enums = schemas.enums
        self._side = side

    def said(self, schema: Node) -> str:
        """Return a type in words."""
        return " or ".join(self._forms(schema, naming=True))

    def forms(self, schema: Node) -> set[str]:
        """Return the types that a value may have; all sets of values are alike."""
        return set(self._forms(schema, naming=False))

    def enums(self, schema: Node) -> Iterator[Enum]:
        """Yield the sets of values in a schema, also those written in place."""
        name = schema_name(schema)
        if name in self._enums:
            yield self._enums[name]
        elif "enum" in schema:
            yield Enum("", tuple(str(value) for value in schema["enum"]), "")
        for inner in (*schema.get("anyOf", []), child(schema, "items")):
            if inner:
                yield from self.enums(inner)

    def bounds(self, schema: Node) -> Node:
        """Return what limits a value."""
        name = schema_name(schema)
        if name in self._side.scalars:
            return self.bounds(self._side.scalars[name])
        found = {key: schema[key] for key in (*_LOWER, *_UPPER, *_OTHER) if key in schema}
        for variant in cast("list[Node]", schema.get("anyOf", [])):
            found |= self.bounds(variant)
        if "items" in schema:
            found |= {key: value for key, value in self.bounds(schema["items"]).items() if key not in found}
        return found

    def _forms(self, schema: Node, *, naming: bool) -> Iterator[str]:
        name = schema_name(schema)
        if name in self._side.scalars:
            yield from self._forms(self._side.scalars[name], naming=naming)
        elif name in self._enums or "enum" in schema:
            yield f"one of `{name}`" if naming and name else "one of certain values"
        elif name is not None:
            yield {AMOUNT: "money", TIMESTAMP: "a time"}.get(name, f"`{name}`")
        elif "anyOf" in schema:
            variants = cast("list[Node]", schema["anyOf"])
            # In answers each set of values is open, which changes nothing for whoever reads them.
            opened = any(schema_name(variant) in self._enums or "enum" in variant for variant in variants)
            for variant in variants:
                if not (opened and variant == {"type": "string"}):
                    yield from self._forms(variant, naming=naming)
        elif "items" in schema:
            yield f"a list of {' or '.join(self._forms(schema['items'], naming=naming))}"
        elif "additionalProperties" in schema:
            inner = schema["additionalProperties"]
            yield f"a map of {'anything' if inner is True else ' or '.join(self._forms(inner, naming=naming))}"
        elif form := schema.get("format"):
            said = {"decimal": "money", "date-time": "a time", "date": "a date"}.get(form, "text")
            yield said
            yield from ("null" for kind in kinds(schema) if kind == "null")
        else:
            yield from (_WORDS.get(kind, kind) for kind in kinds(schema)) if kinds(schema) else ("anything",)


def covers(wide: AbstractSet[str], narrow: AbstractSet[str]) -> bool:
    """Return whether all values of the types `narrow` are also of the types `wide`."""
    known = {form for form, wider in _WIDER.items() if wide & wider}
    return "anything" in wide or narrow <= wide | known


def bounds_moved(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[tuple[bool, str]]:
    """Yield how the bounds of a value moved: whether that shuts values out, and a sentence."""
    for key, form in {**_LOWER, **_UPPER, **_OTHER}.items():
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        narrower = after is not None and (before is None or _is_narrower(key, before, after))
        said = f"must be {form.format(after)}" if after is not None else f"need not be {form.format(before)} any more"
        was = f", not {form.format(before)}" if before is not None and after is not None else ""
        yield narrower, f"{said}{was}"


def _is_narrower(key: str, before: object, after: object) -> bool:
    if isinstance(before, int | float) and isinstance(after, int | float) and key not in _OTHER:
        return after > before if key in _LOWER else after < before
    # Which of two patterns admits more cannot be told.
    return True
