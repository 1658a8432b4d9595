"""Checks of what callers construct things with, for those who run no type checker.

Each raises a `ConfigurationError` that names the argument and says what it must be; none repeats the value, which may
be a secret.
"""

from __future__ import annotations

import sys
from types import UnionType

from anton_async.errors import ConfigurationError


def check_type(name: str, value: object, kinds: type | UnionType, wanted: str) -> None:
    """Refuse a value of another type than `kinds`; `wanted` says in words what it must be."""
    if not isinstance(value, kinds):
        raise ConfigurationError(f"{name} must be {wanted}, not {type(value).__name__}.")


def check_methods(name: str, value: object, methods: tuple[str, ...], wanted: str) -> None:
    """Refuse an object without one of `methods`."""
    if isinstance(value, type) or not all(callable(getattr(value, method, None)) for method in methods):
        raise ConfigurationError(f"{name} must be {wanted}, with {', '.join(methods)}.")


def check_count(name: str, value: object, *, at_least: int) -> int:
    """Return `value` as a whole number, `at_least` or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise ConfigurationError(f"{name} must be a whole number, {at_least} or more.")
    if value >= 2**63:
        raise ConfigurationError(f"{name} must be a whole number below 2**63.")
    return value


def check_seconds(name: str, value: object) -> float:
    """Return `value` as seconds; NaN, infinity, zero, negatives and what is no number are refused."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= sys.float_info.max:
        raise ConfigurationError(f"{name} must be a number of seconds above 0, such as {name}=20.0.")
    return float(value)
