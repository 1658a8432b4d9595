"""The rules of the house that imports can break: arrows point inward, and the sandbox reads the contract by itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "anton_async"

INNER = {
    "arguments",
    "errors",
    "config",
    "clock",
    "finite",
    "place",
    "hooks",
    "log",
    "money",
    "operation",
    "response",
    "_version",
}
ALLOWED = {
    "auth": INNER,
    "transport": INNER | {"auth"},
    "models": {"masking", "money", "models"},
    "resources": INNER | {"transport", "models", "resources", "pagination", "_resource", "upload", "download"},
    "webhooks": {"arguments", "clock", "errors", "finite", "place", "log", "models", "webhooks"},
    "sandbox": {"_version", "clock", "sandbox"},
    "bulk": INNER | {"client", "models", "resources", "transport", "bulk"},
}
LAZY = {("sandbox", "auth")}
"""`Sandbox.credentials` imports the client's types when it is asked for them, and not before."""


def imports(file: Path, *, lazily: bool) -> set[str]:
    """Return the parts of `anton_async` that a module imports, at its top or (`lazily`) inside its functions."""
    tree = ast.parse(file.read_text("utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(node) for function in functions for node in ast.walk(function)}
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    return {
        (node.module or "").split(".")[1]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("anton_async.")
        and (id(node) in inside) == lazily
        and id(node) not in typing_only
    }


@pytest.mark.parametrize("part", ALLOWED)
def test_arrows_point_inward(part: str) -> None:
    for file in sorted((PACKAGE / part).rglob("*.py")):
        outward = imports(file, lazily=False) - ALLOWED[part] - {part}
        assert outward == set(), f"{file.relative_to(ROOT)} imports {outward}: {part} must not know it"
        lazy = {name for name in imports(file, lazily=True) - ALLOWED[part] if (part, name) not in LAZY}
        assert lazy == set(), f"{file.relative_to(ROOT)} imports {lazy} inside a function"


@pytest.mark.parametrize("part", ["auth", "transport"])
def test_the_client_side_does_not_know_the_sandbox(part: str) -> None:
    for file in sorted((PACKAGE / part).rglob("*.py")):
        assert "sandbox" not in imports(file, lazily=False) | imports(file, lazily=True)


def test_modules_stay_small() -> None:
    generated = {PACKAGE / "models", PACKAGE / "resources"}
    files = [file for folder in ("anton_async", "codegen") for file in (ROOT / folder).rglob("*.py")]
    long = {
        str(file.relative_to(ROOT)): lines
        for file in files
        if not generated & set(file.parents) and (lines := len(file.read_text("utf-8").splitlines())) > 400
    }

    assert long == {}


def test_no_module_is_a_drawer() -> None:
    names = {file.stem for file in PACKAGE.rglob("*.py")}

    assert not names & {"utils", "util", "helpers", "helper", "misc", "common"}
