"""Bodies nobody should send: whatever the rules let through, a handler answers or refuses, and never falls over."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, cast

import pytest

from anton_async.sandbox.call import Call
from anton_async.sandbox.document import load_document
from anton_async.sandbox.errors import Refusal
from anton_async.sandbox.forms import Form, Part
from anton_async.sandbox.handlers import make_handlers
from anton_async.sandbox.merchant import Merchant
from anton_async.sandbox.presenter import Presenter
from anton_async.sandbox.seed import plant
from tests.sandbox.contract import OPERATIONS
from tests.sandbox.wire import BENEFICIARY, INSTRUMENT, SEED
from tests.support.clock import SteppedClock

VALUES: tuple[Any, ...] = (
    None, "", " ", "x" * 5000, "\0", "NaN", "1e9", "-1", "0", "000000000001.50", "9" * 12, "0." + "9" * 300,
    "١٢", "EUR", "XX", -1, 0, 10**30, 1.5, True, [], {}, [None], {"": None}, "0001-01-01", "9999-12-31T23:59:59.999Z",
    "2026-02-30", "2026-06-30T23:59:60Z", "https://[::1", "https://127.1/", "javascript:1",
)  # fmt: skip
IDS = {"id": BENEFICIARY, "importID": "imp_1", "uboId": "vubo_1", "currency": "USD"}


def bodies(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the document's own examples of a body, and each of them with one value replaced."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return
    for example in content.get("examples", {"": {"value": content.get("example", {})}}).values():
        yield example["value"]
        for path in leaves(example["value"]):
            for value in VALUES:
                yield replaced(example["value"], path, value)


def leaves(node: Any) -> Iterator[tuple[Any, ...]]:
    if isinstance(node, dict):
        steps: list[tuple[Any, Any]] = list(cast("dict[str, Any]", node).items())
    elif isinstance(node, list):
        steps = list(enumerate(cast("list[Any]", cast("Any", node))))
    else:
        steps = []
    for step, inner in steps:
        yield (step,)
        for rest in leaves(inner):
            yield (step, *rest)


def replaced(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(body)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return changed


WITH_BODY = sorted(name for name, operation in OPERATIONS.items() if next(bodies(operation), None) is not None)


@pytest.mark.parametrize("operation_id", WITH_BODY)
def test_no_body_brings_a_handler_down(operation_id: str) -> None:
    merchant = Merchant(SteppedClock())
    plant(SEED, merchant)
    handler = make_handlers(merchant, Presenter("newest"), settle=5)[operation_id]
    operation = load_document().operations[operation_id]
    path = {**IDS, "id": INSTRUMENT} if "/instruments/{id}" in operation.path else IDS
    assert operation.body is not None

    for body in bodies(OPERATIONS[operation_id]):
        try:
            status = handler(Call(operation, path, {}, operation.body.check_body(body))).status
        except Refusal as refusal:
            status = refusal.status
        assert status < 500, body
    merchant.timeline.advance()


WITH_QUERY = sorted(name for name, one in load_document().operations.items() if one.query_parameters)


@pytest.mark.parametrize("operation_id", WITH_QUERY)
def test_no_query_brings_a_handler_down(operation_id: str) -> None:
    merchant = Merchant(SteppedClock())
    plant(SEED, merchant)
    handler = make_handlers(merchant, Presenter("newest"), settle=5).get(operation_id)
    operation = load_document().operations[operation_id]
    texts = [*(value for value in VALUES if isinstance(value, str)), "true", "25", "e30", "eyJpZCI6IngifQ"]

    for name in operation.query_parameters:
        for text in texts:
            query = {one: ["USD" if "currency" in one else "individual"] for one in operation.query_parameters}
            try:
                call = Call(operation, IDS, operation.read_query({**query, "limit": ["1"], name: [text]}), {})
                status = 200 if handler is None else handler(call).status
            except Refusal as refusal:
                status = refusal.status
            assert status < 500, (name, text)


@pytest.mark.parametrize("operation_id", ["uploadBatch", "previewBeneficiaryImport"])
@pytest.mark.parametrize(
    "content",
    [
        b"\0" * 100,
        b"a,b\n" * 3,
        b'external_ref,dest_amount,dest_currency,method,reference\n"x\ny",1e5,EUR,sepa,r\n',
        "external_ref,dest_amount,dest_currency,method,reference,iban\nc,١٢,EUR,sepa,r,ß\n".encode(),
        b"external_ref,dest_amount,source_amount,dest_currency,method,reference\nc,,NaN,EUR,sepa,r\n",
        b"external_ref,dest_amount,dest_currency,dest_country,method,reference,iban\nc,1,EUR,ZZ,sepa,r,x\n",
        b"PK\x03\x04",
    ],
)
@pytest.mark.parametrize("name", ["f.csv", "f.xlsx", "../../etc/passwd.csv", "\u202egnp.csv"])
def test_no_file_brings_a_handler_down(operation_id: str, content: bytes, name: str) -> None:
    clock = SteppedClock()
    merchant = Merchant(clock)
    plant(SEED, merchant)
    handlers = make_handlers(merchant, Presenter("newest"), settle=5)
    form = Form({"file": Part(content, name)})

    try:
        status = handlers[operation_id](Call(load_document().operations[operation_id], {}, {}, {}, form)).status
    except Refusal as refusal:
        status = refusal.status
    assert status in {201, 400}
    clock.step(60)
    merchant.timeline.advance()
    assert all(entry.shown.status in {"failed", "validation_failed"} for entry in merchant.batches)
