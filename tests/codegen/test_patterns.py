"""Regular expressions of the document, as Python reads them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from codegen import patterns
from codegen.errors import CodegenError
from codegen.pipeline import compile_document
from tests.codegen.documents import Node, body, document, operation, parameter, write


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


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"pattern": "^pay_[a-zA-Z0-9]+$"}, "an id that starts with pay_"),
        ({"pattern": "^pay_[a-z]+$"}, "text that matches pay_[a-z]+"),
        ({"pattern": "^[A-Z]{2}$", "example": "PT"}, "2 capital letters, such as 'PT'"),
        ({"pattern": "^[A-Z]{3,5}$", "examples": ["EUR"]}, "3 to 5 capital letters, such as 'EUR'"),
        ({"pattern": r"^\d{6}$"}, "6 digits"),
        ({"pattern": "^[0-9]{15,16}$"}, "15 to 16 digits"),
        ({"pattern": r"^\d{4}-\d{2}-\d{2}$"}, "a date written YYYY-MM-DD"),
        ({"pattern": r"^\d+(\.\d{1,2})?$", "example": "500.00"}, "a decimal with at most 2 places, such as '500.00'"),
        ({"pattern": "^[a-f]+$|^$", "example": "x" * 21}, "text that matches ^[a-f]+$|^$"),
        ({"pattern": "^[a-f]+$", "x-anton-words": "a hash", "example": "beef"}, "a hash, such as 'beef'"),
    ],
)
def test_a_pattern_is_put_into_words(facts: dict[str, Any], words: str) -> None:
    assert patterns.in_words(facts) == words


def test_the_words_of_an_overlay_are_what_an_error_will_say(tmp_path: Path) -> None:
    ticket: Node = {"type": "string", "pattern": r"^[A-Z]{2}\d{6}$", "x-anton-words": "the number of a ticket"}
    schema: Node = {"type": "object", "properties": {"ticket": ticket}}
    post = operation("createThing", requestBody=body(schema), parameters=[parameter("ticketID", "path", ticket)])

    files = compile_document(write(tmp_path, document({"/v1/things/{ticketID}": {"post": post}})), None)

    assert 'Meta(description="the number of a ticket", pattern=' in files["models/requests.py"]
    assert 'words="the number of a ticket", argument="ticket_id"' in files["resources/operations.py"]
