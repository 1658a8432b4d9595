"""The spans and metrics of calls, as an operator reads them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry import context, trace

from anton_async import AntonClient, AntonError, ApiKeyCredentials, DeadlineExceededError, OAuthCredentials
from anton_async.bulk import PayoutJob
from anton_async.integrations.opentelemetry import instrument
from tests.integrations.telemetry import Told, attributes, events, number, parent
from tests.support.clock import SteppedClock
from tests.support.examples import BALANCE, ORDER, PAYOUT
from tests.support.raw_server import LOST, RawServer, Reply, answer, failure

KEY = ApiKeyCredentials("ak_test_" + "5" * 32)
QUOTA = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "998"}
CREATED = answer(201, {"data": PAYOUT}, headers={"X-Request-ID": "r1", **QUOTA})
HANGS = Reply(b"", "hang")

Make = Callable[..., AntonClient]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def make(server: RawServer, clock: SteppedClock, told: Told) -> Make:
    def make(**options: Any) -> AntonClient:
        return told.follow(AntonClient(KEY, base_url=server.base_url, clock=clock, **options))

    return make


async def test_a_success_is_a_call_with_one_request(server: RawServer, make: Make, told: Told) -> None:
    server.script(CREATED)

    async with make() as anton:
        await anton.payouts.create(**ORDER)

    place = {"server.address": "127.0.0.1", "server.port": server.port}
    assert [span.name for span in told.spans] == ["POST /v1/payouts", "anton.payouts.create"]
    assert attributes(told.call) == {
        **place,
        "anton.operation": "createPayout",
        "anton.outcome": "succeeded",
        "anton.attempts": 1,
        "anton.queue.duration": 0.0,
        "anton.idempotent_replayed": False,
        "anton.request_id": "r1",
        "anton.quota.remaining": 998,
    }
    assert attributes(told.requests[0]) == {
        **place,
        "http.request.method": "POST",
        "url.template": "/v1/payouts",
        "http.response.status_code": 201,
        "anton.queue.duration": 0.0,
        "anton.request_id": "r1",
        "anton.quota.remaining": 998,
    }
    assert parent(told.requests[0]) == number(told.call)
    assert told.call.parent is None
    assert {span.status.status_code.name for span in told.spans} == {"UNSET"}


async def test_a_retry_is_a_request_more_and_an_event(
    server: RawServer, clock: SteppedClock, make: Make, told: Told
) -> None:
    replayed = answer(201, {"data": PAYOUT}, headers={"X-Idempotent-Replayed": "true"})
    server.script(LOST, failure(503, "internal_error", headers={"X-Request-ID": "r2"}), replayed)

    async with make() as anton:
        await anton.payouts.create(**ORDER)

    sent = [attributes(span) for span in told.requests]
    assert [each.get("http.request.resend_count") for each in sent] == [None, 1, 2]
    assert [each.get("error.type") for each in sent] == ["ResponseLostError", "503", None]
    assert [span.status.status_code.name for span in told.requests] == ["ERROR", "ERROR", "UNSET"]
    assert {parent(span) for span in told.requests} == {number(told.call)}
    assert events(told.call) == [
        ("anton.retry", {"anton.retry.delay": clock.pauses[0], "error.type": "ResponseLostError"}),
        (
            "anton.retry",
            {
                "anton.retry.delay": clock.pauses[1],
                "error.type": "ServerError",
                "anton.error.code": "internal_error",
                "anton.request_id": "r2",
            },
        ),
    ]
    assert attributes(told.call)["anton.attempts"] == 3
    assert attributes(told.call)["anton.idempotent_replayed"] is True
    assert told.call.status.status_code.name == "UNSET"


async def fail(anton: AntonClient) -> AntonError:
    with pytest.raises(AntonError) as caught:
        await anton.payouts.create(**ORDER)
    return caught.value


@dataclass(frozen=True)
class Failure:
    reply: Reply
    outcome: str
    error: str
    code: str | None = None
    request_error: str | None = None


@pytest.mark.parametrize(
    "expected",
    [
        Failure(LOST, "unknown", "ResponseLostError"),
        Failure(failure(500, "internal_error"), "unknown", "ServerError", "internal_error", "500"),
        Failure(failure(422, "invalid_iban"), "rejected", "UnprocessableEntityError", "invalid_iban", "422"),
        Failure(failure(429, "rate_limited"), "rejected", "RateLimitError", "rate_limited", "429"),
        Failure(answer(201, {"data": {"id": 7}}), "unknown", "ResponseDecodeError"),
    ],
    ids=lambda each: each.error,
)
async def test_a_failure_says_what_happened_to_the_money(
    server: RawServer, make: Make, told: Told, expected: Failure
) -> None:
    server.script(expected.reply)

    async with make(max_retries=0) as anton:
        failed = await fail(anton)

    call = attributes(told.call)
    named = f"{expected.error}, {expected.code}" if expected.code else expected.error
    message = f"outcome {expected.outcome} after 1 request: {named}"
    assert (call["anton.outcome"], call["error.type"]) == (expected.outcome, expected.error)
    assert call.get("anton.error.code") == expected.code
    assert failed.outcome.value == expected.outcome
    assert events(told.call) == [("exception", {"exception.type": expected.error, "exception.message": message})]
    assert (told.call.status.status_code.name, told.call.status.description) == ("ERROR", message)
    assert attributes(told.requests[0])["error.type"] == (expected.request_error or expected.error)


async def test_a_call_that_was_cancelled_on_its_way_is_unknown(server: RawServer, make: Make, told: Told) -> None:
    server.script(HANGS)

    async with make() as anton:
        paying = asyncio.create_task(anton.payouts.create(**ORDER))
        await server.asked.wait()
        paying.cancel()
        await asyncio.wait([paying])

    assert paying.cancelled()
    assert [attributes(span)["error.type"] for span in told.spans] == ["CancelledError", "CancelledError"]
    assert attributes(told.call)["anton.outcome"] == "unknown"


async def test_a_deadline_on_the_way_is_unknown(server: RawServer, make: Make, told: Told) -> None:
    server.script(HANGS)

    async with make() as anton:
        await fail_in_time(anton)

    assert attributes(told.call)["anton.outcome"] == "unknown"
    assert attributes(told.call)["error.type"] == attributes(told.requests[0])["error.type"] == "DeadlineExceededError"


async def test_a_deadline_in_the_queue_is_not_sent(
    server: RawServer, make: Make, told: Told, clock: SteppedClock
) -> None:
    server.script(HANGS)

    async with make(concurrency=1) as anton:
        other = asyncio.create_task(anton.balances.list())
        await server.asked.wait()
        waiting = asyncio.create_task(fail_in_time(anton))
        await asyncio.sleep(0)
        clock.step(40)
        await waiting
        other.cancel()
        await asyncio.wait([other])

    (call,) = (attributes(span) for span in told.spans if span.name == "anton.payouts.create")
    assert (call["anton.outcome"], call["error.type"]) == ("not_sent", "DeadlineExceededError")
    assert (call["anton.attempts"], call["anton.queue.duration"]) == (0, 40.0)
    assert [span.name for span in told.requests] == ["GET /v1/balances"]


async def test_refused_credentials_are_a_call_that_was_not_sent(
    server: RawServer, credentials: OAuthCredentials, clock: SteppedClock, told: Told
) -> None:
    server.token_replies.append(answer(401, {"error": "invalid_client"}))

    async with told.follow(AntonClient(credentials, base_url=server.base_url, clock=clock)) as anton:
        await fail(anton)

    call = attributes(told.call)
    assert told.call.status.description == "outcome not_sent after 0 requests: AuthenticationError, invalid_client"
    assert (call["anton.outcome"], call["anton.error.code"], told.requests) == ("not_sent", "invalid_client", [])


async def fail_in_time(anton: AntonClient) -> None:
    with pytest.raises(DeadlineExceededError):
        await anton.payouts.create(**ORDER, timeout=0.05)


async def test_each_page_is_a_call(server: RawServer, make: Make, told: Told) -> None:
    first = {"data": [PAYOUT], "has_more": True, "next_cursor": "c-private"}
    server.script(answer(200, first), answer(200, {"data": [PAYOUT], "has_more": False}))

    async with make() as anton:
        assert len([payout async for payout in anton.payouts.list(reference="private")]) == 2

    assert [span.name for span in told.spans] == ["GET /v1/payouts", "anton.payouts.list"] * 2
    assert "private" not in everything(told)


async def test_the_callers_span_is_the_parent_in_any_task(server: RawServer, make: Make, told: Told) -> None:
    server.script(*[CREATED] * 3)
    tracer = told.tracer_provider.get_tracer("service")

    async with make() as anton:
        for name in ("one", "two"):
            with tracer.start_as_current_span(name):
                task = asyncio.create_task(anton.payouts.create(**ORDER))
            await task
        await anton.payouts.create(**ORDER)

    by_name = {span.name: number(span) for span in told.spans if span.name in {"one", "two"}}
    calls = [parent(span) for span in told.spans if span.name == "anton.payouts.create"]
    assert calls == [by_name["one"], by_name["two"], None]
    assert trace.get_current_span() is trace.INVALID_SPAN


async def test_calls_side_by_side_do_not_become_each_others_children(server: RawServer, make: Make, told: Told) -> None:
    server.script(*[CREATED] * 8)

    async with make() as anton, asyncio.TaskGroup() as together:
        for _ in range(8):
            together.create_task(anton.payouts.create(**ORDER))

    calls = {number(span) for span in told.spans if span.name.startswith("anton.")}
    assert {parent(span) for span in told.requests} == calls
    assert len(calls) == 8


async def test_the_payouts_of_a_job_belong_to_the_span_that_runs_it(
    server: RawServer, make: Make, told: Told, tmp_path: Any
) -> None:
    server.script(*[CREATED] * 3)
    rows = [{**ORDER, "row_id": str(number)} for number in range(3)]

    async with make() as anton:
        with told.tracer_provider.get_tracer("service").start_as_current_span("payroll") as payroll:
            async with PayoutJob(anton, journal=tmp_path / "payroll.db") as job:
                assert len([result async for result in job.run(rows)]) == 3

    parents = [parent(span) for span in told.spans if span.name.startswith("anton.")]
    assert parents == [payroll.get_span_context().span_id] * 3


async def test_what_is_private_is_in_no_span_and_no_metric(server: RawServer, make: Make, told: Told) -> None:
    echo = {"message": f"no {PAYOUT['id']}", "code": "x" * 300, "details": [{"field": "a", "message": PAYOUT["id"]}]}
    server.script(
        answer(200, {"data": PAYOUT}),
        answer(422, {"error": echo}, headers={"X-Request-ID": f"r-{KEY.bearer().split()[1]}"}),
        answer(200, {}),
    )

    async with make() as anton:
        await anton.payouts.retrieve(PAYOUT["id"])
        with pytest.raises(AntonError):
            await anton.payouts.cancel(PAYOUT["id"], idempotency_key="k-secret")
        await anton.request("GET", f"/v1/new/{PAYOUT['id']}", response_type=dict, query={"name": "Ada"})

    for private in (PAYOUT["id"], "5" * 32, "k-secret", "Ada"):
        assert private not in everything(told)
    assert "x" * 101 not in everything(told)
    assert [attributes(span).get("url.template") for span in told.requests][-1] is None
    assert told.requests[-1].name == "GET"


def everything(told: Told) -> str:
    return "".join(span.to_json() for span in told.spans) + repr(told.metrics)


async def test_metrics_count_outcomes_attempts_waits_and_the_quota(
    server: RawServer, make: Make, told: Told, clock: SteppedClock
) -> None:
    server.script(LOST, CREATED, failure(422, "insufficient_balance"), failure(422, "made_up_today"))

    async with make() as anton:
        await anton.payouts.create(**ORDER)
        await fail(anton)
        await fail(anton)

    units = {name: metric.unit for name, metric in told.metrics.items()}
    assert units == {
        "http.client.request.duration": "s",
        "anton.client.call.duration": "s",
        "anton.client.call.attempts": "{request}",
        "anton.client.queue.duration": "s",
        "anton.client.quota.remaining": "{request}",
    }
    place = {"server.address": "127.0.0.1", "server.port": server.port}
    calls = [(dict(point.attributes), point.count) for point in told.points("anton.client.call.duration")]
    refused = {"anton.outcome": "rejected", "error.type": "UnprocessableEntityError"}
    assert calls == [
        ({"anton.operation": "createPayout", **place, "anton.outcome": "succeeded"}, 1),
        ({"anton.operation": "createPayout", **place, **refused, "anton.error.code": "insufficient_balance"}, 1),
        ({"anton.operation": "createPayout", **place, **refused, "anton.error.code": "_OTHER"}, 1),
    ]
    assert told.points("anton.client.call.duration")[0].sum == pytest.approx(sum(clock.pauses))
    assert [point.sum for point in told.points("anton.client.call.attempts")] == [2, 2]
    statuses = [
        point.attributes.get("http.response.status_code") for point in told.points("http.client.request.duration")
    ]
    assert statuses == [None, 201, 422]
    (quota,) = told.points("anton.client.quota.remaining")
    assert (quota.value, dict(quota.attributes)) == (998, {**place, "anton.quota.limit": 1000})


async def test_the_time_in_the_queue_is_told(server: RawServer, make: Make, told: Told, clock: SteppedClock) -> None:
    balance = answer(200, {"data": BALANCE})
    server.script(failure(429, "rate_limit_exceeded", headers={"Retry-After": "7"}), balance, balance)

    async with make(max_retries=0) as anton:
        with pytest.raises(AntonError):
            await anton.balances.retrieve("USD")
        await anton.balances.retrieve("USD")

    assert clock.pauses == [7.0]
    assert [attributes(span)["anton.queue.duration"] for span in told.requests] == [0.0, 7.0]
    assert attributes(told.spans[-1])["anton.queue.duration"] == 7.0


async def test_instrumentations_of_the_http_client_are_asked_to_leave_our_requests_alone(
    server: RawServer, clock: SteppedClock, told: Told
) -> None:
    server.script(CREATED)
    key = getattr(context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY")  # noqa: B009 - theirs to look at, not public yet
    seen: list[tuple[str, object]] = []

    def look(event: object) -> None:
        seen.append((trace.get_current_span().name, context.get_value(key)))  # type: ignore[attr-defined]  # as above

    anton = AntonClient(KEY, base_url=server.base_url, clock=clock, on_attempt=look, on_response=look)
    async with told.follow(anton):
        await anton.payouts.create(**ORDER)

    assert seen == [("POST /v1/payouts", True)] * 2
    assert not {"traceparent", "baggage"} & set(server.requests[0].headers)


async def test_a_call_that_is_thrown_away_ends_its_spans_in_silence(
    server: RawServer, make: Make, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(HANGS)

    async with make() as anton:
        paying = asyncio.create_task(anton.payouts.create(**ORDER))
        await server.asked.wait()
        thrown_away: Any = paying.get_coro()
        thrown_away.close()  # as the garbage collector does, in a context that is not the call's
        paying.cancel()
        await asyncio.gather(paying, return_exceptions=True)

    assert [attributes(span).get("error.type") for span in told.spans] == [None, "GeneratorExit"]
    assert attributes(told.call)["anton.outcome"] == "unknown"
    assert caplog.records == []


async def test_without_providers_calls_work_as_ever(server: RawServer, clock: SteppedClock) -> None:
    server.script(LOST, CREATED)

    async with instrument(AntonClient(KEY, base_url=server.base_url, clock=clock)) as anton:
        payout = await anton.payouts.create(**ORDER)

    assert payout.id == PAYOUT["id"]
