"""Money in answers and events is finite.

msgspec reads `"NaN"` and `"Infinity"` into a `Decimal`, since Python does. A check over the decoded fields costs less
than any look at the text before; it is compiled once for each type, because a walk would cost a third of the decoding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias, cast

import msgspec
from msgspec import inspect

Check: TypeAlias = Callable[[Iterable[object]], bool]
"""Tells whether all money in some values of one type is finite."""


def refuse_endless(
    kind: type[Any], read: Callable[[bytes], Any], values: Callable[[Any], Sequence[object]], path: str
) -> Callable[[bytes], object]:
    """Return `read` with a check of the money in what it reads.

    Args:
        kind: the type of each value.
        read: reads a body; the result raises `msgspec.ValidationError` besides, which names the path of the amount.
        values: returns the values in what was read.
        path: where they are; `$` for a single one that is the whole.
    """
    all_finite = compile_check(kind)
    if all_finite is None:
        return read

    def checked(body: bytes) -> object:
        found = read(body)
        items = values(found)
        if not all_finite(items):
            where = find_endless(items if path != "$" else items[0], path)
            raise msgspec.ValidationError(f"Expected a finite amount - at `{where}`")
        return found

    return checked


def compile_check(kind: type[Any]) -> Check | None:
    """Return the check for values of `kind`; None where no money can be in them."""
    names: dict[str, object] = {"find": find_endless}
    test = _Compiler(names).test_each(inspect.type_info(kind))
    return cast("Check", names[test]) if test else None


def find_endless(value: object, path: str = "") -> str | None:
    """Return the path of the first amount in `value` that is not finite, or None."""
    return next((place for place, amount in _amounts(value, path) if not amount.is_finite()), None)


def _amounts(value: object, path: str) -> Iterator[tuple[str, Decimal]]:
    if isinstance(value, msgspec.Struct):
        value = {name: getattr(value, field) for name, field in _fields(value)}
    elif not isinstance(value, str | bytes | Decimal | Mapping | Iterable):
        value = getattr(value, "__dict__", None)
    if isinstance(value, Decimal):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in cast("Mapping[object, object]", value).items():
            yield from _amounts(item, f"{path}.{name}")
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for index, item in enumerate(cast("Iterable[object]", value)):
            yield from _amounts(item, f"{path}[{index}]")


def _fields(value: msgspec.Struct) -> Iterable[tuple[str, str]]:
    return zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)


class _Compiler:
    """Writes one function for each struct, into `names`; each takes values and tells whether all are good."""

    def __init__(self, names: dict[str, object]) -> None:
        self._names = names
        self._known: dict[type, str | None] = {}

    def test_each(self, kind: inspect.Type) -> str | None:
        """Return the name of the function for values of `kind`; None where nothing can be wrong with them."""
        if isinstance(kind, inspect.StructType):
            return self._struct(kind)
        test = self.test(kind, "value")
        return test and self._define("all_values", test)

    def test(self, kind: inspect.Type, value: str) -> str | None:
        """Return an expression that is true when `value` is good; None where nothing can be wrong with it."""
        if isinstance(kind, inspect.DecimalType):
            return f"{value}.is_finite()"
        if isinstance(kind, inspect.StructType):
            name = self._struct(kind)
            return name and f"{name}(({value},))"
        if isinstance(kind, inspect.UnionType):
            return self._union(kind, value)
        if isinstance(kind, inspect.ListType) and isinstance(kind.item_type, inspect.StructType):
            name = self._struct(kind.item_type)
            return name and f"{name}({value})"
        return f"find({value}) is None" if self._holds_money(kind) else None

    def _holds_money(self, kind: inspect.Type) -> bool:
        if isinstance(kind, inspect.DictType):
            return self.test(kind.value_type, "item") is not None
        if isinstance(kind, inspect.CollectionType):
            return self.test(kind.item_type, "item") is not None
        return isinstance(kind, inspect.DataclassType | inspect.TypedDictType | inspect.NamedTupleType)

    def _define(self, name: str, test: str) -> str:
        source = f"def {name}(values):\n for value in values:\n  if not ({test}): return False\n return True\n"
        exec(source, self._names)  # noqa: S102 - made of attribute names alone, as dataclasses do it
        return name

    def _struct(self, kind: inspect.StructType) -> str | None:
        if kind.cls not in self._known:
            name = f"all_{len(self._known)}"
            # Known before it is written, because structs may hold themselves; then there is a function to call.
            self._known[kind.cls] = name
            tests = [self.test(field.type, f"value.{field.name}") for field in kind.fields]
            found = " and ".join(test for test in tests if test)
            if found:
                self._define(name, found)
            else:
                self._known[kind.cls] = None
        return self._known[kind.cls]

    def _union(self, kind: inspect.UnionType, value: str) -> str | None:
        solid = [member for member in kind.types if not isinstance(member, inspect.NoneType)]
        tests = [test for member in solid if (test := self.test(member, "it"))]
        if not tests:
            return None
        test = tests[0] if len(solid) == 1 else "find(it) is None"
        return f"((it := {value}) is None or {test})"
