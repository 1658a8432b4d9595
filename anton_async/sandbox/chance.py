"""Where ids and secrets come from: the system's randomness, or a seed that gives the same ones again.

Everything that happens draws from a seed of its own, which a state file keeps: carried out again at the next start, it
makes the same ids.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_SEED_BYTES = 32


class _Source:
    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._drawn = 0

    def draw(self, count: int) -> bytes:
        self._drawn += 1
        return hashlib.blake2b(self._drawn.to_bytes(8, "big"), digest_size=count, key=self._seed).digest()


_source: ContextVar[_Source | None] = ContextVar("anton_sandbox_chance", default=None)


def new_seed() -> bytes:
    """Return a fresh seed, itself drawn from the present one where there is one."""
    return draw(_SEED_BYTES)


def draw(count: int) -> bytes:
    """Return random bytes, at most 64."""
    source = _source.get()
    return secrets.token_bytes(count) if source is None else source.draw(count)


@contextmanager
def drawn_from(seed: bytes) -> Generator[None, None, None]:
    """Let everything inside draw from a seed."""
    token = _source.set(_Source(seed))
    try:
        yield
    finally:
        _source.reset(token)
