"""`python -m codegen`: compile the OpenAPI document into the package, or check that this was done."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from codegen import diff
from codegen.errors import CodegenError
from codegen.pipeline import PACKAGE, compile_document

_OPENAPI = PACKAGE.parent / "openapi"
_SPEC = _OPENAPI / "anton.yaml"
_OVERLAY = _OPENAPI / "overlay.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the compiler; return 0, or 1 after a sentence on standard error or a diff on standard output."""
    options = _parser().parse_args(arguments)
    # The project's overlay fits the project's document only.
    overlay = options.overlay or (_OVERLAY if options.spec is None else None)
    try:
        files = compile_document(options.spec or _SPEC, overlay)
    except CodegenError as error:
        print(f"codegen: {error}", file=sys.stderr)
        return 1
    if options.check:
        found = diff.compare(files, options.out)
        if not found:
            return 0
        print(found, end="")
        print("codegen: the generated code does not fit the document. Run `python -m codegen`.", file=sys.stderr)
        return 1
    added, removed = diff.changed_operations(files, options.out)
    for name in diff.write(files, options.out):
        print(f"{options.out.name}/{name}")
    print(_next_steps(added, removed), end="")
    return 0


def _next_steps(added: Sequence[str], removed: Sequence[str]) -> str:
    """Return what is left to do by hand after operations came or went; nothing when none did."""
    steps: list[str] = []
    if added:
        steps += [
            f"New operations: {', '.join(added)}. By hand:",
            "  the local Anton's side: a handler in a module of anton_async/sandbox, entered in sandbox/service.py",
            "  its answers, checked against the document: tests/sandbox/test_conformance.py",
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
    parser.add_argument("--overlay", type=Path, metavar="FILE", help="the overlay for it; none when left out")
    parser.add_argument("--out", type=Path, metavar="DIR", default=PACKAGE, help="where models/ and resources/ go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
