"""The one error of the compiler: a sentence that says what to do, and what of the document it is about."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager


class CodegenError(Exception):
    """The document cannot be compiled; the message says which part of it and how to mend that.

    Args:
        message: sentences.
        steps: the way from the top of the file to the part, where it is known.

    Attributes:
        nodes: objects of the document that it is about, innermost first; `location` finds them in the file.
    """

    def __init__(self, message: str, *, steps: Sequence[str] | None = None) -> None:
        super().__init__(message)
        self.steps = steps
        self.nodes: list[object] = []


@contextmanager
def about(node: object) -> Generator[None]:
    """Note on every error from within that it is about `node`."""
    try:
        yield
    except CodegenError as error:
        error.nodes.append(node)
        raise
