"""Structs that do not show what must not be seen: secrets and personal data stay out of reprs, and so out of logs."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec


class Masked(msgspec.Struct, frozen=True):
    """Base of the generated structs that have sensitive fields; the values stand in the fields as in any other."""

    sensitive_fields: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, self._shown(name)) for name in self.__struct_fields__]

    def _shown(self, name: str) -> object:
        value: object = getattr(self, name)
        absent = value is None or value is msgspec.UNSET
        return value if absent or name not in self.sensitive_fields else HIDDEN


class _Hidden:
    def __repr__(self) -> str:
        return "<hidden>"


HIDDEN = _Hidden()
"""Stands in a repr for a value that must not be seen."""
