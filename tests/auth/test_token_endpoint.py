"""The token endpoint at its worst, through the client."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Callable
from urllib.parse import quote_plus, unquote_plus

import pytest

from anton_async import (
    AntonClient,
    ApiError,
    AuthenticationError,
    ConfigurationError,
    DPoPKey,
    OAuthCredentials,
    Outcome,
    ServerError,
    TokenError,
)
from tests.conftest import ClientMaker
from tests.support.clock import SteppedClock
from tests.support.examples import BALANCE, ORDER, PAYOUT
from tests.support.raw_server import RawServer, Reply, answer, failure

CREATED = answer(201, {"data": PAYOUT})
FOUND = answer(200, {"data": BALANCE})
SECRET = "ant_ocs_test_" + "1" * 48
BASIC = base64.b64encode(f"ant_oc_test_{'0' * 32}:{SECRET}".encode()).decode()


def token(**changes: object) -> Reply:
    fields: dict[str, object] = {"access_token": "opaque", "token_type": "DPoP", "expires_in": 3600, **changes}
    return answer(200, {name: value for name, value in fields.items() if value is not ...})


def ok(content: bytes, *, length: int | None = None) -> Reply:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content) if length is None else length}\r\n\r\n"
    return Reply(head.encode() + content, "keep" if length is None else "close")


def everything(error: BaseException) -> str:
    """Return all that an error shows, and all that hangs on it."""
    shown = [repr(error), str(error), repr(error.args), repr(vars(error)), repr(getattr(error, "__notes__", None))]
    return " ".join([*shown, *(everything(other) for other in (error.__cause__, error.__context__) if other)])


def renewals() -> list[str]:
    names = [task.get_name() for task in asyncio.all_tasks()]
    return [name for name in names if name == "anton-token-renewal"]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for knows no events
            await asyncio.sleep(0.001)


@pytest.mark.fault("B01")
@pytest.mark.parametrize("token_type", ["Bearer", ..., None, 1])
async def test_a_token_that_is_not_bound_is_never_used(
    make_client: ClientMaker, server: RawServer, token_type: object
) -> None:
    server.token_replies.append(token(token_type=token_type))
    server.script(CREATED)

    async with make_client() as anton:
        with pytest.raises(TokenError, match="token_type") as caught:
            await anton.payouts.create(**ORDER)
        await anton.payouts.create(**ORDER)  # nothing of the first answer was kept

    assert caught.value.outcome is Outcome.NOT_SENT
    assert (len(server.token_calls), len(server.requests)) == (2, 1)
    assert server.requests[0].headers["authorization"] == "DPoP opaque-2"


@pytest.mark.fault("B01")
@pytest.mark.parametrize("token_type", ["dpop", "DPOP"])
async def test_token_type_is_read_in_any_case(anton: AntonClient, server: RawServer, token_type: str) -> None:
    server.token_replies.append(token(token_type=token_type))
    server.script(CREATED)

    await anton.payouts.create(**ORDER)

    assert server.requests[0].headers["authorization"] == "DPoP opaque"


@pytest.mark.fault("B02")
@pytest.mark.parametrize("expires_in", [..., 0, -1, 10**9, "3600", 3600.5, None, True, "soon", 10**400, [], {}])
async def test_an_odd_lifetime_neither_lasts_for_ever_nor_ends_at_once(
    anton: AntonClient, server: RawServer, clock: SteppedClock, expires_in: object
) -> None:
    server.token_replies.append(token(expires_in=expires_in))
    server.script(*[FOUND] * 3)

    await anton.balances.retrieve("USD")
    await anton.balances.retrieve("USD")
    assert len(server.token_calls) == 1
    clock.step(86400)
    await anton.balances.retrieve("USD")

    assert len(server.token_calls) == 2


@pytest.mark.fault("B02", "B06")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>sign in</html>",
        b"[]",
        b"null",
        b'{"access_token": "op',
        b"\xef\xbb\xbf{}",
        b'{"access_token": "opaque", "token_type": "DPoP", "expires_in": NaN}',
        b'{"access_token": "opaque", "token_type": "DPoP", "expires_in": 1e999}',
        b'{"access_token": "opaque", "token_type": "\xff"}',
        b"[" * 100_000,
    ],
    ids=["empty", "html", "array", "null", "cut", "bom", "nan", "infinite", "not utf-8", "deep"],
)
async def test_an_answer_that_is_no_object_is_a_token_error(
    anton: AntonClient, server: RawServer, content: bytes
) -> None:
    server.token_replies.append(ok(content))

    with pytest.raises(TokenError) as caught:
        await anton.payouts.create(**ORDER)

    assert (caught.value.outcome, len(server.token_calls), server.requests) == (Outcome.NOT_SENT, 1, [])


@pytest.mark.fault("B06")
async def test_of_two_equal_names_the_last_counts(anton: AntonClient, server: RawServer) -> None:
    server.token_replies.append(
        ok(b'{"access_token":"a","token_type":"Bearer","token_type":"DPoP","access_token":"b"}')
    )
    server.script(CREATED)

    await anton.payouts.create(**ORDER)

    assert server.requests[0].headers["authorization"] == "DPoP b"


@pytest.mark.fault("B06")
async def test_an_answer_cut_on_the_way_is_asked_for_again(anton: AntonClient, server: RawServer) -> None:
    server.token_replies.append(ok(b'{"access_token":', length=200))
    server.script(CREATED)

    await anton.payouts.create(**ORDER)

    assert (len(server.token_calls), len(server.requests)) == (2, 1)


@pytest.mark.fault("B03")
@pytest.mark.parametrize("value", [..., "", 7, "hidden token", "hidden\r\ntoken", "hidden-é", "h" * 1024 * 1024])
async def test_a_token_that_is_no_token_is_not_repeated_in_the_error(
    make_client: ClientMaker, server: RawServer, value: object
) -> None:
    server.token_replies.append(token(access_token=value))

    async with make_client(max_response_bytes=4 * 1024 * 1024) as anton:
        with pytest.raises(TokenError, match="access_token") as caught:
            await anton.payouts.create(**ORDER)

    assert "hidden" not in everything(caught.value)
    assert "hhh" not in everything(caught.value)
    assert (len(server.token_calls), server.requests) == (1, [])


@pytest.mark.fault("B05")
async def test_an_opaque_token_is_taken(anton: AntonClient, server: RawServer) -> None:
    server.token_replies.append(token(access_token="a.b.c.d"))
    server.script(CREATED)

    await anton.payouts.create(**ORDER)

    assert server.requests[0].headers["authorization"] == "DPoP a.b.c.d"


@pytest.mark.fault("B04")
async def test_a_token_bound_to_our_key_is_taken(anton: AntonClient, server: RawServer, dpop_key: DPoPKey) -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"cnf": {"jkt": dpop_key.thumbprint}}).encode()).rstrip(b"=").decode()
    server.token_replies.append(token(access_token=f"e30.{claims}.c2ln"))
    server.script(CREATED)

    await anton.payouts.create(**ORDER)

    assert len(server.requests) == 1


@pytest.mark.fault("B07", "I02")
@pytest.mark.parametrize(
    "shape",
    [
        {"error": "invalid_client", "error_description": "no client has the secret SECRET"},
        {"error": "bad SECRET"},
        {"error": "invalid_client", "error_description": "x" * 480 + "SECRET"},
        {"error": {"code": "SECRET", "message": "SECRET", "details": [{"field": "f", "message": "SECRET"}]}},
        {"error": {"code": "x", "message": "m", "details": {"SECRET": {"deep": ["SECRET"]}}}},
    ],
    ids=["description", "code", "cut", "envelope", "details"],
)
@pytest.mark.parametrize("form", ["plain", "quoted", "basic", "token"])
async def test_a_secret_that_is_echoed_is_not_in_our_error(
    make_client: ClientMaker, server: RawServer, dpop_key: DPoPKey, form: str, shape: object
) -> None:
    secret = 's3cr:t/+"% é' + "7" * 30
    credentials = OAuthCredentials(client_id="ant_oc_test_1", client_secret=secret, key=dpop_key)
    sent = {
        "plain": secret,
        "quoted": quote_plus(secret),
        "basic": credentials.basic(),
        "token": "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiI3Nzc3Nzc3Nzc3NzcifQ.7777777777",
    }[form]
    echo = json.loads(json.dumps(shape).replace("SECRET", json.dumps(sent)[1:-1]))
    server.token_replies.append(answer(401, echo, headers={"X-Request-ID": quote_plus(secret)}))

    async with make_client(credentials) as anton:
        with pytest.raises(AuthenticationError) as caught:
            await anton.payouts.create(**ORDER)

    shown = everything(caught.value)
    parts = [secret, quote_plus(secret), credentials.basic().removeprefix("Basic "), "77777", "s3cr", "3Nzc3"]
    assert [part for part in parts if part in shown] == []


@pytest.mark.fault("B08")
@pytest.mark.parametrize("status", [400, 401])
async def test_the_api_envelope_keeps_code_message_and_details(
    anton: AntonClient, server: RawServer, status: int
) -> None:
    error = {"code": "unauthorized", "message": "who are you", "details": [{"field": "f", "message": "m"}]}
    server.token_replies.append(answer(status, {"error": error}, headers={"X-Request-ID": "r1"}))

    with pytest.raises(AuthenticationError, match="who are you") as caught:
        await anton.payouts.create(**ORDER)

    assert (caught.value.code, caught.value.status, caught.value.request_id) == ("unauthorized", status, "r1")
    assert caught.value.field_errors == {"f": ["m"]}


@pytest.mark.fault("B11")
async def test_the_call_that_started_a_mint_may_be_cancelled(anton: AntonClient, server: RawServer) -> None:
    server.script(*[CREATED] * 99)
    calls = [asyncio.create_task(anton.payouts.create(**ORDER)) for _ in range(100)]
    await asyncio.sleep(0)

    calls[0].cancel()

    results = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert (len(server.token_calls), len(server.requests)) == (1, 99)


@pytest.mark.fault("B12")
async def test_calls_that_are_all_cancelled_leave_nothing_behind(
    make_client: ClientMaker, server: RawServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.token_replies.append(answer(500))
    async with make_client() as anton:
        calls = [asyncio.create_task(anton.payouts.create(**ORDER)) for _ in range(10)]
        await asyncio.sleep(0)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await until(lambda: not renewals())

    assert [record for record in caplog.records if record.name == "asyncio"] == []
    assert (len(server.token_calls), server.requests) == (1, [])


@pytest.mark.fault("B17")
async def test_a_renewal_ahead_of_time_that_fails_is_a_warning_and_one_that_is_due_an_error(
    make_client: ClientMaker, server: RawServer, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "anton_async")
    server.token_replies.extend([token(expires_in=3600), *[answer(503, {"error": "server_error"})] * 50])
    server.script(*[FOUND] * 50)

    async with make_client(max_retries=0) as anton:
        await anton.balances.retrieve("USD")
        clock.step(3300)
        for _ in range(20):
            await anton.balances.retrieve("USD")
        assert len(server.token_calls) == 2
        assert "no access token could be fetched: ServerError" in caplog.text
        clock.step(300)
        with pytest.raises(ServerError):
            await anton.balances.retrieve("USD")

    assert {request.headers["authorization"] for request in server.requests} == {"DPoP opaque"}


@pytest.mark.fault("B18")
@pytest.mark.parametrize("value", ["a:b", "a+b", "a%2Fb", "a/b", "a=b=", "a&b", "a b", "a~b", "é", "a\"b'c"])
async def test_any_id_and_secret_arrive_as_they_are(
    make_client: ClientMaker, server: RawServer, dpop_key: DPoPKey, value: str
) -> None:
    server.script(CREATED)

    async with make_client(OAuthCredentials(client_id=value, client_secret=f"s{value}", key=dpop_key)) as anton:
        await anton.payouts.create(**ORDER)

    pair = base64.b64decode(server.token_calls[0].headers["authorization"].removeprefix("Basic ")).decode("ascii")
    assert [unquote_plus(part) for part in pair.split(":")] == [value, f"s{value}"]


@pytest.mark.fault("B19")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirected_token_call_goes_nowhere(anton: AntonClient, server: RawServer, status: int) -> None:
    async with RawServer() as elsewhere:
        server.token_replies.append(answer(status, headers={"Location": f"{elsewhere.base_url}/oauth/token"}))

        with pytest.raises(ApiError, match="never followed") as caught:
            await anton.payouts.create(**ORDER)

        assert (elsewhere.connections, len(server.token_calls)) == (0, 1)
        assert (caught.value.status, caught.value.outcome) == (status, Outcome.NOT_SENT)


@pytest.mark.fault("B21")
async def test_closing_ends_a_mint_under_way(
    make_client: ClientMaker, server: RawServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.token_replies.append(Reply(b"", "hang"))
    anton = await make_client().open()
    calls = [asyncio.create_task(anton.payouts.create(**ORDER)) for _ in range(3)]
    await until(lambda: bool(server.token_calls))

    await anton.close()

    for error in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(error, ConfigurationError)
        assert (error.outcome, "closed" in str(error)) == (Outcome.NOT_SENT, True)
    with pytest.raises(ConfigurationError, match="closed"):
        await anton.payouts.create(**ORDER)
    assert renewals() == []
    assert [record for record in caplog.records if record.name == "asyncio"] == []


@pytest.mark.fault("B08")
async def test_a_failure_that_is_not_json_is_told_by_its_status(anton: AntonClient, server: RawServer) -> None:
    server.token_replies.append(Reply(b"HTTP/1.1 403 X\r\nContent-Length: 6\r\n\r\n<html>"))

    with pytest.raises(AuthenticationError, match="no reason") as caught:
        await anton.payouts.create(**ORDER)

    assert (caught.value.status, caught.value.code) == (403, None)


async def test_an_unsettled_refusal_is_not_told_by_another_call(anton: AntonClient, server: RawServer) -> None:
    server.token_replies.append(failure(401, "invalid_client"))
    server.script(CREATED)

    with pytest.raises(AuthenticationError):
        await anton.payouts.create(**ORDER)

    await anton.payouts.create(**ORDER)  # the portal may have been put right meanwhile
    assert len(server.token_calls) == 2
