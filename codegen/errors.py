"""The one error of the compiler: a sentence that says what to do."""

from __future__ import annotations


class CodegenError(Exception):
    """The document cannot be compiled; the message says which part of it and how to mend that."""
