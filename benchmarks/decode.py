"""Reading a page of 100 payouts: bare msgspec, what the SDK makes of it, pydantic, and plain json."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any, get_type_hints

import msgspec
import pydantic
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from anton_async.models.responses import Payout
from anton_async.resources.operations import LIST_PAYOUTS
from anton_async.transport.decode import PageBody, read_data
from anton_async.transport.wire import WireAnswer
from benchmarks.answers import page
from benchmarks.measure import report

ROUNDS, REPEATS = 15, 200


def subjects(body: bytes) -> dict[str, Callable[[], object]]:
    """Return one decoding by each library."""
    decoder = msgspec.json.Decoder(PageBody[Payout])
    answer = WireAnswer(
        url=URL("http://127.0.0.1/"), status=200, headers=CIMultiDictProxy(CIMultiDict()), body=body, elapsed=0.0
    )
    adapter = pydantic.TypeAdapter(_as_pydantic())
    return {
        "msgspec": lambda: decoder.decode(body),
        "anton": lambda: read_data(LIST_PAYOUTS, answer),
        "pydantic": lambda: adapter.validate_json(body),
        "json": lambda: json.loads(body),
    }


def _as_pydantic() -> type[pydantic.BaseModel]:
    """Return the page as a pydantic model with the same fields and types."""
    hints = get_type_hints(Payout)
    fields: dict[str, Any] = {
        field.name: (hints[field.name], ... if field.required else None) for field in msgspec.structs.fields(Payout)
    }
    delivery = fields.pop("delivery")
    model = pydantic.create_model("PydanticPayout", delivery=(dict[str, object] | None, delivery[1]), **fields)
    return pydantic.create_model("PydanticPage", data=(list[model], ...), has_more=(bool, False), next_cursor=(str, ""))  # type: ignore[valid-type]  # a model made at run time


def main() -> None:
    """Measure them in turns, and print the medians in microseconds of CPU."""
    found = subjects(json.dumps(page()).encode())
    taken: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(ROUNDS):
        for name, decode in found.items():
            decode()
            begun = time.process_time()
            for _ in range(REPEATS):
                decode()
            taken[name].append((time.process_time() - begun) / REPEATS * 1e6)
    report(**{name: statistics.median(times) for name, times in taken.items()})


if __name__ == "__main__":
    main()
