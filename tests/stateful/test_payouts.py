"""Payouts under every sequence of faults: what the client reports agrees with the ledger.

Whatever happens on the way, each payment is executed at most once; an accepted call was executed, a rejected one or one
that was never sent was not, and every call ends, in time, as one of accepted, rejected or unknown.

`ANTON_STATEFUL=20000` looks through that many runs instead of the usual few hundred.
"""

from __future__ import annotations

import asyncio
import os
from collections import ChainMap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from anton_async import AntonClient, AntonError, DPoPKey, OAuthCredentials, Outcome, RateLimit
from anton_async.config import RequestOptions
from anton_async.models import CreatedPayout
from anton_async.response import ApiResponse
from tests.stateful.oracle import CALL_HEADER, Fate, Oracle
from tests.stateful.virtual_time import VirtualClock, VirtualTimeLoop
from tests.support.examples import ORDER, changed

KEY = DPoPKey.generate()
LATE = 0.01  # seconds a call may end after its deadline
REPEATS = 5  # of one call, for nonces, a token and a clock, beside its retries

UNTOLD = [
    *(Fate(delivery=delivery) for delivery in ("nothing", "cut", "garbage", "gateway")),
    *(Fate(delivery="nothing", end=end) for end in ("reset", "hang")),
    Fate(gone=True),
    Fate(verdict="fail after"),
]
"""The payout is made, and the client is not told."""

TURNED_AWAY = [*(Fate(door=door) for door in ("lost", "limit", "unavailable", "gateway")), Fate(verdict="fail before")]
"""The payout is not made, and the client may be told."""

BENDS: list[dict[str, Any]] = [
    *({"late": seconds} for seconds in (0.2, 35.0, 90.0)),
    *({"takes": seconds} for seconds in (0.2, 4.0, 35.0, 90.0)),
    *({"end": end} for end in ("close", "reset", "hang")),
    {"verdict": "decline"},
    {"gone": True},
    {"twice": True},
    {"twice": True, "takes": 4.0},
]
FATES = st.one_of(
    st.sampled_from(UNTOLD),
    st.sampled_from(TURNED_AWAY),
    st.lists(st.sampled_from(BENDS), max_size=2).map(lambda bends: Fate(**dict(ChainMap(*bends)))),
)


@dataclass
class Call:
    """One call of the user's, from its start to what was reported."""

    number: str
    order: dict[str, Any]
    key: str | None
    timeout: float
    retries: int
    started: float
    task: asyncio.Task[ApiResponse[CreatedPayout]]
    ended: float | None = None

    @property
    def error(self) -> BaseException | None:
        """What it ended in, other than a payout; cancellation counts."""
        return asyncio.CancelledError() if self.task.cancelled() else self.task.exception()


class Payouts(RuleBasedStateMachine):
    """Drives `payouts.create` through faults in any order."""

    calls: Bundle[Call] = Bundle("calls")

    @initialize()
    def begin(self) -> None:
        self.loop = VirtualTimeLoop()
        self.clock = VirtualClock(self.loop)
        self.oracle = Oracle()
        self.made: list[Call] = []
        self.run(self.oracle.open())
        credentials = OAuthCredentials(client_id="ant_oc_test_1", client_secret="s", key=KEY)
        self.client = AntonClient(
            credentials,
            base_url=f"http://127.0.0.1:{self.oracle.port}",
            connect_timeout=5.0,
            read_timeout=30.0,
            concurrency=3,
            rate_limit=RateLimit(per_minute=40),
            clock=self.clock,
        )
        self.run(self.client.open())

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def start(self, order: dict[str, Any], key: str | None, timeout: float, retries: int) -> Call:
        number = str(len(self.made) + 1)
        options = RequestOptions(timeout=timeout, max_retries=retries, headers={CALL_HEADER: number})
        if key is not None:
            options["idempotency_key"] = key

        async def work() -> ApiResponse[CreatedPayout]:
            return await self.client.payouts.with_response.create(**order, **options)

        call = Call(number, order, key, timeout, retries, self.loop.time(), self.loop.create_task(work()))
        call.task.add_done_callback(lambda _: setattr(call, "ended", self.loop.time()))
        self.made.append(call)
        return call

    def place(self, key: str | None, timeout: float, retries: int, fates: list[Fate]) -> Call:
        self.oracle.fates.extend(fates)
        return self.start(changed(ORDER, reference=f"S-{len(self.made) + 1}"), key, timeout, retries)

    @rule(
        target=calls,
        own_key=st.booleans(),
        timeout=st.sampled_from([3.0, 60.0, 600.0]),
        retries=st.sampled_from([0, 0, 1, 4]),
        fates=st.lists(FATES, max_size=4),
    )
    def begin_a_payout(self, own_key: bool, timeout: float, retries: int, fates: list[Fate]) -> Call:
        return self.place(f"key-{len(self.made) + 1}" if own_key else None, timeout, retries, fates)

    @rule(target=calls, retries=st.integers(0, 2), fates=st.lists(FATES, min_size=1, max_size=3))
    def pay(self, retries: int, fates: list[Fate]) -> Call:
        self.finish()
        self.oracle.fates.clear()
        call = self.place(None, 600.0, retries, fates)
        self.finish()
        return call

    @rule(target=calls, call=calls, retries=st.sampled_from([0, 4]))
    def repeat_under_the_same_key(self, call: Call, retries: int) -> Call:
        key = call.key or self.key_reported(call)
        return call if key is None else self.start(call.order, key, 600.0, retries)

    @rule(target=calls, call=calls)
    def take_the_key_for_another_payment(self, call: Call) -> Call:
        key = call.key or self.key_reported(call)
        order = changed(ORDER, reference=f"S-{len(self.made) + 1}")
        return call if key is None else self.start(order, key, 600.0, 2)

    @rule(call=consumes(calls))
    def cancel(self, call: Call) -> None:
        call.task.cancel()

    @rule(seconds=st.sampled_from([0.0, 0.0001, 0.3, 5.0, 40.0, 400.0]), turns=st.integers(0, 30))
    def wait(self, seconds: float, turns: int) -> None:
        async def waiting() -> None:
            await asyncio.sleep(seconds)
            for _ in range(turns):
                await asyncio.sleep(0)

        self.run(waiting())

    @rule()
    def finish(self) -> None:
        if unfinished := [call.task for call in self.made if not call.task.done()]:
            self.run(asyncio.wait(unfinished))

    @rule(fates=st.lists(FATES, min_size=1, max_size=3))
    def trouble_with_tokens(self, fates: list[Fate]) -> None:
        self.oracle.token_fates.extend(fates)

    @rule(change=st.sampled_from([Oracle.expire_tokens, Oracle.rotate_nonce, Oracle.ask_for_no_nonce, Oracle.hang_up]))
    def change_the_server(self, change: Callable[[Oracle], None]) -> None:
        change(self.oracle)

    @rule()
    def answer_unasked(self) -> None:
        self.finish()
        self.run(self.oracle.speak_unasked())

    @rule(seconds=st.sampled_from([0.1, 2.0, 30.0]))
    def refuse_connections(self, seconds: float) -> None:
        self.run(self.oracle.refuse(seconds))

    @rule(seconds=st.sampled_from([-90_000.0, -3_600.0, -50.0, 0.0, 50.0, 3_600.0, 90_000.0]))
    def set_the_wall_clock_wrong(self, seconds: float) -> None:
        self.clock.wrong_by = seconds

    def key_reported(self, call: Call) -> str | None:
        """Return the key that the user was told, once the call has ended."""
        if not call.task.done() or call.task.cancelled():
            return None
        error = call.task.exception()
        return error.idempotency_key if isinstance(error, AntonError) else call.task.result().idempotency_key

    @invariant()
    def nothing_is_executed_twice(self) -> None:
        for what in ("key", "call", "payout_id", "body"):
            values = [getattr(execution, what) for execution in self.oracle.executions]
            assert len(values) == len(set(values)), f"executed twice: the same {what}"

    @invariant()
    def every_request_of_a_call_is_the_same(self) -> None:
        sent: dict[str, tuple[str, bytes]] = {}
        for request in self.oracle.seen:
            what = (request.headers["idempotency-key"], request.body)
            assert sent.setdefault(request.headers[CALL_HEADER.lower()], what) == what
        assert self.oracle.complaints == []

    @invariant()
    def every_report_agrees_with_the_ledger(self) -> None:
        for call in self.made:
            if call.task.done():
                self.check(call)

    def check(self, call: Call) -> None:
        executed = [execution for execution in self.oracle.executions if execution.call == call.number]
        error = call.error
        if error is None:
            answer = call.task.result()
            paid = [(each.key, each.payout_id) for each in self.oracle.executions]
            assert (answer.idempotency_key, answer.data.id) in paid, "accepted, but not executed"
            assert answer.data.reference == call.order["reference"], "another payment was reported"
        elif not isinstance(error, asyncio.CancelledError):
            assert isinstance(error, AntonError), f"undocumented: {error!r}"
            assert error.idempotency_key is not None
            assert call.key in {None, error.idempotency_key}
            assert error.outcome is Outcome.UNKNOWN or not executed, f"{error.outcome} but executed: {error}"
        sent = sum(request.headers[CALL_HEADER.lower()] == call.number for request in self.oracle.seen)
        assert sent <= call.retries + 1 + REPEATS, "sent too often"
        if call.ended is not None:
            assert call.ended - call.started <= call.timeout + LATE, "ended after its deadline"

    def teardown(self) -> None:
        if not hasattr(self, "loop"):
            return
        try:
            self.finish()
            self.run(self.oracle.close())
            self.nothing_is_executed_twice()
            self.every_request_of_a_call_is_the_same()
            self.every_report_agrees_with_the_ledger()
            self.run(self.client.close())
            self.run(asyncio.sleep(1))
            assert asyncio.all_tasks(self.loop) == set(), "a task was left behind"
        finally:
            self.loop.run_until_complete(self.client.close())
            self.loop.close()


TestPayouts = pytest.mark.fault("C06", "C23", "E20")(Payouts.TestCase)
TestPayouts.settings = settings(
    max_examples=int(os.environ.get("ANTON_STATEFUL") or 250),
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
