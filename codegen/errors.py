"""The one error of the compiler: a sentence that says what to do, and what of the document it is about."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager


class CodegenError(Exception):
    """The document cannot be compiled; the message says which part of it and how to mend that.

    Args:
        message: sentences.
        steps: the way from the top of the file to the part, where it is known.
        update: what an action of the overlay would have to say of the part, for it to be taken.

    Attributes:
        nodes: objects of the document that it is about, innermost first; `location` finds them in the file.
    """

    def __init__(self, message: str, *, steps: Sequence[str] | None = None, update: str = "") -> None:
        super().__init__(message)
        self.steps = steps
        self.update = update
        self.nodes: list[object] = []


@contextmanager
def about(node: object) -> Generator[None, None, None]:
    """Note on every error from within that it is about `node`."""
    try:
        yield
    except CodegenError as error:
        error.nodes.append(node)
        raise


class Faults:
    """Where errors about single operations go: up at once, or, of a `lenient` one, into `kept`.

    A lenient compilation leaves out the operations in `kept` and goes on with the rest.

    Attributes:
        kept: what is wrong, by the name of the operation.
        doubts: what is compiled, but perhaps not as it was meant; a key each.
    """

    def __init__(self, *, lenient: bool = False) -> None:
        self.lenient = lenient
        self.kept: dict[str, str] = {}
        self.doubts: dict[str, None] = {}

    @contextmanager
    def of(self, name: str, node: object) -> Generator[None, None, None]:
        """Take the errors from within, which are about the operation `name`."""
        try:
            with about(node):
                yield
        except CodegenError as error:
            if not self.lenient:
                raise
            self.kept.setdefault(name, str(error))
        except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
            # Nobody checked a foreign document before, so anything may be missing or of another type.
            if not self.lenient:
                raise
            self.kept.setdefault(
                name, f"it is not valid OpenAPI, or nested without end ({type(error).__name__}: {error})"
            )
