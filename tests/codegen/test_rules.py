"""Conditions over several fields, as the overlay states them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from codegen.errors import CodegenError
from codegen.pipeline import compile_document
from tests.codegen.documents import TEXT, Node, body, document, operation, write

PERSON: Node = {"type": "object", "properties": {"name": TEXT, "extra": {"type": "object"}}}


def ruled(*rules: object) -> Node:
    """A document with one creation under these rules."""
    properties = {
        "kind": {"type": "string", "enum": ["one", "two"]},
        "flag": {"type": "boolean"},
        "buy": TEXT,
        "sell": TEXT,
        "person": {"$ref": "#/components/schemas/Person"},
        "labels": {"type": "object", "additionalProperties": TEXT},
    }
    request = {"type": "object", "properties": properties}
    create = operation("createThing", method="create", requestBody=body(request))
    create["x-anton-rules"] = list(rules)
    return document({"/v1/things": {"post": create}}, Person=PERSON)


@pytest.mark.parametrize(
    ("rule", "row", "said"),
    [
        (
            {"exactly_one": ["buy", "sell"]},
            "Rule(kind='exactly_one', fields=('buy', 'sell'))",
            "Give exactly one of `buy`, `sell`.",
        ),
        (
            {"at_least_one": ["buy", "sell"]},
            "Rule(kind='at_least_one', fields=('buy', 'sell'))",
            "Give at least one of `buy`, `sell`.",
        ),
        (
            {"at_most_one": ["buy", "sell"]},
            "Rule(kind='at_most_one', fields=('buy', 'sell'))",
            "Give at most one of `buy`, `sell`.",
        ),
        (
            {"when": {"kind": ["one"]}, "require": ["buy", "person.name"]},
            "Rule(kind='require', fields=('buy', 'person.name'), when=(('kind', ('one',)),))",
            "When `kind` is `one`, give `buy` and `person.name`.",
        ),
        (
            {"when": {"kind": ["one", "two"], "flag": [True]}, "forbid": ["sell"]},
            "Rule(kind='forbid', fields=('sell',), when=(('kind', ('one', 'two')), ('flag', (True,))))",
            "When `kind` is `one` or `two` and `flag` is `True`, leave out `sell`.",
        ),
        (
            {"when": {"buy": "present", "sell": "absent"}, "require": ["kind"]},
            "Rule(kind='require', fields=('kind',), when=(('buy', 'present'), ('sell', 'absent')))",
            "When `buy` is present and `sell` is absent, give `kind`.",
        ),
        (
            {"require": ["labels.anything", "person.extra.deep"]},
            "Rule(kind='require', fields=('labels.anything', 'person.extra.deep'))",
            "Give `labels.anything` and `person.extra.deep`.",
        ),
    ],
)
def test_a_rule_is_in_the_table_and_in_the_docstring(rule: Node, row: str, said: str, tmp_path: Path) -> None:
    files = compile_document(write(tmp_path, ruled(rule)), None)

    table = re.sub(r",?\s*\n\s*", "", files["resources/operations.py"].replace('"', "'"))
    assert re.sub(r"\s", "", row) in re.sub(r"\s", "", table).replace(",)),))", ",)),))")
    assert said in " ".join(files["resources/things.py"].split())


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"exactly_one": ["buy", "sel"]}, "x-anton-rules names `sel`, which is no field of its body"),
        ({"require": ["person.age"]}, "x-anton-rules names `person.age`, which is no field"),
        ({"require": ["buy.deep"]}, "x-anton-rules names `buy.deep`, which is no field"),
        ({"require": ["buy"], "when": {"kin": ["one"]}}, "x-anton-rules names `kin`, which is no field"),
        (
            {"require": ["buy"], "when": {"kind": ["one", "tow"]}},
            "asks whether `kind` is `tow`, which is no value of it. Use one, two",
        ),
        ({}, "a rule is one of exactly_one, at_least_one"),
        ({"all": ["buy"]}, "a rule is one of"),
        ({"require": ["buy"], "forbid": ["sell"]}, "a rule is one of"),
        ({"require": ["buy"], "unless": {"kind": ["one"]}}, "a rule is one of"),
        ({"require": "buy"}, "a rule is one of"),
        ({"require": []}, "a rule is one of"),
        ({"require": [1]}, "a rule is one of"),
        ({"require": ["buy"], "when": ["kind"]}, "a rule is one of"),
        ({"require": ["buy"], "when": {"kind": "one"}}, "a rule is one of"),
        ({"require": ["buy"], "when": {"kind": []}}, "a rule is one of"),
        ({"require": ["buy"], "when": {"kind": None}}, "a rule is one of"),
        ("buy or sell", "a rule is one of"),
        (None, "a rule is one of"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(rule: object, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(CodegenError, match=f"createThing: .*{re.escape(sentence)}"):
        compile_document(write(tmp_path, ruled(rule)), None)


def test_rules_of_an_operation_without_a_body_are_refused(tmp_path: Path) -> None:
    root = document({"/v1/things": {"get": {**operation("getThing"), "x-anton-rules": [{"require": ["note"]}]}}})

    with pytest.raises(CodegenError, match="names `note`, which is no field of its body"):
        compile_document(write(tmp_path, root), None)
