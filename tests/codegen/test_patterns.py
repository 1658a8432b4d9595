"""Regular expressions of the document, as Python reads them."""

from __future__ import annotations

import re

import pytest

from codegen import patterns
from codegen.errors import CodegenError


@pytest.mark.parametrize(
    ("published", "python"),
    [
        (r"^[A-Z]{3}$", r"^[A-Z]{3}\Z"),
        (r"^\d{4}-\d{2}$", r"^[0-9]{4}-[0-9]{2}\Z"),
        (r"^[\d.]+$", r"^[0-9.]+\Z"),
        (r"^[$]\$$", r"^[$]\$\Z"),
        (r"^\w+$", r"^[A-Za-z0-9_]+\Z"),
        (r"^[A-Z]{3}$|^$", r"^[A-Z]{3}\Z|^\Z"),
        (r"\]\\$", r"\]\\\Z"),
    ],
)
def test_a_pattern_keeps_its_meaning(published: str, python: str) -> None:
    assert patterns.search(published) == python


def test_a_path_pattern_is_for_a_full_match() -> None:
    assert patterns.full_match("^pay_[a-zA-Z0-9]+$", "id") == "pay_[a-zA-Z0-9]+"


def test_alternatives_keep_their_anchors() -> None:
    pattern = patterns.full_match("^a$|^b$", "id")

    assert re.fullmatch(pattern, "a")
    assert re.fullmatch(pattern, "b")
    assert not re.fullmatch(pattern, "b\n")


def test_a_path_pattern_without_anchors_is_refused() -> None:
    with pytest.raises(CodegenError, match=r"id: the pattern `pay_` admits more"):
        patterns.full_match("pay_", "id")


def test_a_broken_pattern_is_refused() -> None:
    with pytest.raises(CodegenError, match=r"The pattern `\^\(\$` cannot be used"):
        patterns.search("^($")


@pytest.mark.parametrize("pattern", [r"^-?\d{1,12}(\.\d+)?$", r"^-?[0-9]+(\.[0-9]+)?$"])
def test_money_is_recognised_by_its_pattern(pattern: str) -> None:
    assert patterns.is_decimal(pattern)
    assert not patterns.is_decimal(r"^\d+$")
