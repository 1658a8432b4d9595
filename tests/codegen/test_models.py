"""The committed structs: they decode what the API sends, and refuse what it would refuse."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from anton_async import models
from anton_async.models import requests, responses
from anton_async.money import amount
from anton_async.resources.operations import OPERATIONS
from codegen.pipeline import PACKAGE

STRUCTS = [
    kind
    for module in (requests, responses)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind is not msgspec.Struct
]
DOCUMENT: dict[str, Any] = json.loads((PACKAGE / "sandbox" / "document.json").read_text(encoding="utf-8"))
PAYOUT: dict[str, object] = {
    "beneficiary_id": "ben_01HX8Z9K0M2N3P4Q5R6S7T8UA1",
    "instrument_id": "ins_01HX8Z9K0M2N3P4Q5R6S7T8UA2",
    "source_amount": "500.00",
    "dest_amount": "500.00",
    "dest_currency": "USD",
    "method": "ach",
    "purpose": "contractor_payment",
    "reference": "INV-1042",
}


def convert(fields: dict[str, object], kind: Any) -> Any:
    return msgspec.convert(fields, kind, dec_hook=lambda _, value: amount(value))


@pytest.mark.parametrize("kind", STRUCTS, ids=lambda kind: kind.__name__)
def test_every_struct_has_a_decoder(kind: type[msgspec.Struct]) -> None:
    msgspec.json.Decoder(kind)


def test_everything_is_frozen_and_only_requests_refuse_unknown_fields() -> None:
    for kind in STRUCTS:
        config = kind.__struct_config__
        assert config.frozen, kind
        assert config.forbid_unknown_fields == (kind.__module__ == requests.__name__), kind


@pytest.mark.parametrize(
    "change",
    [
        {"beneficiary_id": "ben_1\n"},
        {"beneficiary_id": "ben_\u0661"},
        {"beneficiary_id": "ins_1"},
        {"dest_currency": "USD\n"},
        {"dest_currency": "usd"},
        {"source_amount": 500.0},
        {"source_amount": "5e2"},
        {"reference": "x" * 101},
        {"method": "carrier_pigeon"},
        {"amount": "1"},
        {"session": {"started_at": "2026-04-15T14:30:00"}},
    ],
    ids=repr,
)
def test_a_payout_outside_the_bounds_is_refused(change: dict[str, object]) -> None:
    assert convert(PAYOUT, requests.PayoutCreateRequest)

    with pytest.raises(msgspec.ValidationError):
        convert({**PAYOUT, **change}, requests.PayoutCreateRequest)


def test_digits_of_other_scripts_are_no_date() -> None:
    address = {"street_line_1": "a", "city": "b", "postal_code": "c", "country": "DE"}
    person: dict[str, object] = {
        "first_name": "a",
        "last_name": "b",
        "email": "a@b.example",
        "phone": "+49",
        "nationality": "DE",
        "address": address,
    }

    assert convert({**person, "date_of_birth": "1988-05-12"}, requests.IndividualDetails)
    with pytest.raises(msgspec.ValidationError, match="date_of_birth"):
        convert({**person, "date_of_birth": "\u0661\u0669\u0668\u0668-05-12"}, requests.IndividualDetails)


def test_a_list_of_states_is_not_a_text() -> None:
    assert convert({"status": ["sent", "completed"]}, requests.ListPayoutsQuery).status == ["sent", "completed"]

    with pytest.raises(msgspec.ValidationError, match="status"):
        convert({"status": "sent"}, requests.ListPayoutsQuery)


def test_the_values_of_the_earlier_edition_can_be_sent() -> None:
    request = convert({**PAYOUT, "method": "on_chain", "dest_currency": "USDC"}, requests.PayoutCreateRequest)

    assert (request.method, request.dest_currency) == ("on_chain", "USDC")


def test_the_answer_to_a_creation_is_a_payout() -> None:
    assert issubclass(models.CreatedPayout, models.Payout)


def test_examples_of_the_document_decode() -> None:
    """Every example of an answer decodes into the response type of its operation."""
    decoded = 0
    for item in DOCUMENT["paths"].values():
        for node in item.values():
            operation = OPERATIONS[node["operationId"]]
            for status, answer in node["responses"].items():
                for example in _examples(answer) if status.startswith("2") else []:
                    if operation.shape == "file":
                        continue
                    wrapped = operation.shape in {"list", "page"} or set(example) == {"data"}
                    data = example["data"] if wrapped else example
                    kind: Any = list[operation.response] if operation.shape in {"list", "page"} else operation.response  # type: ignore[name-defined]  # known at run time
                    msgspec.convert(data, kind)
                    decoded += 1
    assert decoded > 0


def test_money_is_exact_and_times_are_aware() -> None:
    text = (
        b'{"id":"bal_1","merchant_id":"mer_1","currency":"USD","available":"12450.10","pending":"550.00",'
        b'"total":"13000.10","updated_at":"2026-04-15T14:30:00.123456789Z","new_field":true}'
    )

    balance = msgspec.json.decode(text, type=models.Balance)

    assert balance.available == Decimal("12450.10")
    assert balance.updated_at.utcoffset() is not None


def _examples(answer: dict[str, Any]) -> list[Any]:
    content = answer.get("content", {}).get("application/json", {})
    single = [content["example"]] if "example" in content else []
    return [*single, *(example["value"] for example in content.get("examples", {}).values())]
