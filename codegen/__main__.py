"""`python -m codegen`: compile the OpenAPI document into the package, check that, or compare two documents."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from codegen import diff
from codegen.apipage import API
from codegen.changes import compare_documents
from codegen.document import Document
from codegen.errors import CodegenError
from codegen.examples import missing_examples
from codegen.pipeline import PACKAGE, compile_document, compile_foreign

_OPENAPI = PACKAGE.parent / "openapi"
_SPEC = _OPENAPI / "anton.yaml"
_OVERLAY = _OPENAPI / "overlay.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the compiler.

    Returns:
        0; 1 after a sentence on standard error, a diff on standard output, or breaking changes between two documents;
        2 where those cannot be read.
    """
    options = _parser().parse_args(arguments)
    if options.command == "diff":
        return _diff(options)
    try:
        files, left_out = _compile(options)
    except CodegenError as error:
        print(f"codegen: {error}", file=sys.stderr)
        return 1
    if options.out != PACKAGE:
        del files[API]
    if options.check:
        found = diff.compare(files, options.out)
        if not found:
            return 0
        print(found, end="")
        print("codegen: the generated code does not fit the document. Run `python -m codegen`.", file=sys.stderr)
        return 1
    added, removed = diff.changed_operations(files, options.out)
    for name in diff.write(files, options.out):
        print(diff.shown(options.out, name))
    for line in left_out:
        print(f"codegen: {line}", file=sys.stderr)
    if not left_out:
        print(_next_steps(added, removed), end="")
    if options.spec is None or options.overlay is not None:
        for line in missing_examples(Document(json.loads(files[diff.DOCUMENT]), "", "")):
            print(f"codegen: {line} of the document, or the tests in tests/conformance cannot run.", file=sys.stderr)
    return 0


def _compile(options: argparse.Namespace) -> tuple[dict[str, str], list[str]]:
    if options.spec is None:
        return compile_document(_SPEC, options.overlay or _OVERLAY), []
    if options.overlay is None:
        # Nobody wrote an overlay, so nobody can mend what the compiler refuses: it goes on without.
        return compile_foreign(options.spec)
    return compile_document(options.spec, options.overlay), []


def _diff(options: argparse.Namespace) -> int:
    try:
        text, breaks = compare_documents(options.old, options.new, options.overlay or _OVERLAY)
    except CodegenError as error:
        print(f"codegen: {error}", file=sys.stderr)
        return 2
    print(text, end="\n" if text else "")
    return 1 if breaks else 0


def _next_steps(added: Sequence[str], removed: Sequence[str]) -> str:
    """Return what is left to do by hand after operations came or went; nothing when none did."""
    steps: list[str] = []
    if added:
        steps += [
            f"New operations: {', '.join(added)}. By hand:",
            "  the local Anton's side: a handler in a module of anton_async/sandbox, entered in sandbox/service.py",
            "  its answers, checked against the document: tests/sandbox/test_conformance.py",
            "  a call of it as users write it: tests/typing/correct_uses.py",
        ]
    if removed:
        steps += [
            f"Operations gone: {', '.join(removed)}. By hand:",
            "  their handlers in anton_async/sandbox, and what tests, examples and docs say of them",
        ]
    if steps:
        steps.append("  a line below [Unreleased] in CHANGELOG.md; then the tests: make test")
    return "".join(f"{step}\n" for step in steps)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m codegen", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; print a diff and exit 1 when files differ")
    parser.add_argument("--spec", type=Path, metavar="FILE", help="another OpenAPI document, YAML or JSON")
    parser.add_argument(
        "--overlay",
        type=Path,
        metavar="FILE",
        help="the overlay for it; without one, places come from tags and operation ids, and what cannot be compiled is "
        "named and left out",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", default=PACKAGE, help="where models/ and resources/ go")
    parser.set_defaults(command=None)
    comparing = parser.add_subparsers(metavar="diff").add_parser(
        "diff",
        help="say what changed for a user between two documents; exit 1 when something breaks",
        description="Say what changed for a user of the SDK between two documents, breaking changes first. "
        "Exits 1 when something breaks, 0 when nothing does, 2 when a document cannot be read.",
    )
    comparing.add_argument("old", type=Path, metavar="OLD")
    comparing.add_argument("new", type=Path, metavar="NEW")
    comparing.add_argument("--overlay", type=Path, metavar="FILE", help="instead of openapi/overlay.yaml")
    comparing.set_defaults(command="diff")
    return parser


if __name__ == "__main__":
    sys.exit(main())
