"""What is printed after operations came or went, for whoever maintains the rest by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.__main__ import main
from tests.codegen.documents import Node, document, operation, write

ONE: Node = {"/v1/things": {"get": operation("getThing")}}
TWO: Node = {**ONE, "/v1/others": {"get": operation("getOther")}}


@pytest.fixture
def compiling(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> _Compiling:
    return _Compiling(tmp_path, capsys)


class _Compiling:
    """Compiles one document after another into the same place."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._directory = directory
        self._capsys = capsys

    def __call__(self, paths: Node) -> str:
        """Return what was printed."""
        spec = write(self._directory, document(paths))
        assert main(["--spec", str(spec), "--out", str(self._directory / "out")]) == 0
        return self._capsys.readouterr().out


def test_new_operations_want_a_handler_a_test_and_a_line_in_the_changelog(compiling: _Compiling) -> None:
    compiling(ONE)

    printed = compiling(TWO)

    assert "New operations: getOther. By hand:" in printed
    assert "sandbox/service.py" in printed
    assert "tests/sandbox/test_conformance.py" in printed
    assert "CHANGELOG.md" in printed
    assert "gone" not in printed


def test_operations_that_are_gone_want_their_traces_removed(compiling: _Compiling) -> None:
    compiling(TWO)

    printed = compiling(ONE)

    assert "Operations gone: getOther. By hand:" in printed
    assert "CHANGELOG.md" in printed
    assert "New" not in printed


def test_nothing_is_said_where_none_came_or_went(compiling: _Compiling) -> None:
    first = compiling(ONE)
    changed = {"/v1/things": {"get": operation("getThing", summary="find one")}}

    assert "By hand" not in first + compiling(changed)
