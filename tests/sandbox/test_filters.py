"""No documented filter is taken without being looked at, and thousands of objects cost no more each than a few."""

from __future__ import annotations

import time
from typing import Any

import pytest

from anton_async.sandbox.call import Call
from anton_async.sandbox.document import load_document
from anton_async.sandbox.handlers import make_handlers
from anton_async.sandbox.merchant import Merchant
from anton_async.sandbox.presenter import Presenter
from anton_async.sandbox.seed import plant
from tests.sandbox.wire import BENEFICIARY, SEED, order
from tests.support.clock import SteppedClock

OPERATIONS = load_document().operations
LISTS = sorted(name for name, one in OPERATIONS.items() if name.startswith("list") and one.query_parameters)


class Query(dict[str, object]):
    """A query that knows which of its parameters were looked at."""

    def __init__(self) -> None:
        self.asked: set[str] = set()
        super().__init__()

    def get(self, key: str, default: Any = None, /) -> Any:
        self.asked.add(key)
        return super().get(key, default)


@pytest.mark.parametrize("operation_id", LISTS)
def test_every_filter_of_a_list_is_looked_at(operation_id: str) -> None:
    merchant = Merchant(SteppedClock())
    plant({**SEED, "batches": [{"id": "bat_1"}]}, merchant)
    handlers = make_handlers(merchant, Presenter("newest"), settle=5)
    operation, query = OPERATIONS[operation_id], Query()
    path = {"id": "bat_1" if operation.path.startswith("/v1/batches") else BENEFICIARY, "currency": "USD"}

    handlers[operation_id](Call(operation, path, query, {}))

    assert query.asked >= set(operation.query_parameters)


def test_the_thousandth_payout_takes_no_longer_than_the_first() -> None:
    merchant = Merchant(SteppedClock())
    plant({**SEED, "balances": {"USD": "99999999"}}, merchant)
    handlers = make_handlers(merchant, Presenter("newest"), settle=5)

    def create(count: int) -> float:
        began = time.process_time()
        for _ in range(count):
            handlers["createPayout"](Call(OPERATIONS["createPayout"], {}, {}, order()))
        return time.process_time() - began

    create(100)
    early = create(300)
    create(3_600)
    late = create(300)
    page = handlers["listPayouts"](Call(OPERATIONS["listPayouts"], {}, {"limit": 100}, {}))

    assert late < 5 * early + 0.1
    assert page.body.count(b'"status":"pending_screening"') == 100
