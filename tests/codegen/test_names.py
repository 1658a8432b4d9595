"""How things of the document are called in Python."""

from __future__ import annotations

import pytest

from codegen import names
from codegen.errors import CodegenError


@pytest.mark.parametrize(
    ("name", "snake", "pascal"),
    [
        ("createPayout", "create_payout", "CreatePayout"),
        ("importID", "import_id", "ImportID"),
        ("getJWKS", "get_jwks", "GetJWKS"),
        ("estimated_debits", "estimated_debits", "EstimatedDebits"),
        ("FXQuote", "fx_quote", "FXQuote"),
        ("p50_minutes", "p50_minutes", "P50Minutes"),
        ("oauth", "oauth", "OAuth"),
        ("webhooks.events", "webhooks_events", "WebhooksEvents"),
    ],
)
def test_names_change_their_case(name: str, snake: str, pascal: str) -> None:
    assert (names.snake(name), names.pascal(name)) == (snake, pascal)


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("beneficiaries", "beneficiary"),
        ("batches", "batch"),
        ("payouts", "payout"),
        ("addresses", "address"),
        ("address", "address"),
        ("balance_check", "balance_check"),
    ],
)
def test_plurals_become_singular(plural: str, singular: str) -> None:
    assert names.singular(plural) == singular


@pytest.mark.parametrize(("wire", "python"), [("class", "class_"), ("importID", "import_id"), ("self", "self_")])
def test_a_parameter_gets_a_python_name(wire: str, python: str) -> None:
    assert names.parameter(wire, "op") == python


def test_a_name_without_letters_is_refused() -> None:
    with pytest.raises(CodegenError, match=r"op: `2fa` cannot be written as a Python name\. Give it one"):
        names.parameter("2fa", "op")
