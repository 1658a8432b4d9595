"""Nothing that the SDK lets out holds a secret, whatever fails."""

from __future__ import annotations

import asyncio
import gc
import gzip
import hashlib
import hmac
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from rich.pretty import pretty_repr
from yarl import URL

from anton_async import AntonClient, ApiError, ApiKeyCredentials, OAuthCredentials, ResponseDecodeError
from anton_async.bulk.entry import Entry
from anton_async.resources.operations import CREATE_PAYOUT
from anton_async.transport.call import Call
from anton_async.transport.wire import WireAnswer
from anton_async.webhooks.verifier import WebhookVerifier
from tests.secrecy.canaries import (
    PERSONAL,
    SECRETS,
    Overheard,
    api_key,
    found_in,
    oauth,
    overhearing,
    told_by,
    told_by_frames,
)
from tests.secrecy.failures import FAILURES, SILENT, Failure, pay, subscribe, token
from tests.support.clock import SteppedClock
from tests.support.raw_server import RawServer, Reply, answer, failure

Maker = Callable[[], OAuthCredentials | ApiKeyCredentials]
CASES: list[tuple[Failure, Maker]] = [
    (failure, maker)
    for failure in FAILURES
    for maker in (oauth, api_key)
    if maker is oauth or not failure.token_replies
]


def label(part: Failure | Maker) -> str:
    return part.name if isinstance(part, Failure) else part.__name__


@pytest.fixture
async def heard() -> AsyncIterator[Overheard]:
    async with overhearing() as overheard:
        yield overheard


async def failing(call: Callable[[], Awaitable[object]]) -> BaseException:
    try:
        await call()
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - any error is what is looked into
        return error
    pytest.fail("the call did not fail")


async def run(failure: Failure, client: AntonClient, server: RawServer) -> BaseException:
    server.script(*failure.replies)
    server.token_replies.extend([*failure.token_replies, *[token()] * 4])
    async with client as anton:
        return await failing(lambda: failure.call(anton))


def look_into(error: BaseException, heard: Overheard, server: RawServer) -> None:
    """See that nothing of what was sent can be read from the error, its frames, or what was heard meanwhile."""
    proofs = [seen.headers["dpop"] for seen in (*server.requests, *server.token_calls) if "dpop" in seen.headers]
    for way, text in told_by(error):
        assert found_in(text, proofs + PERSONAL) == [], f"{way} of {type(error).__name__}: {text}"
    frames = told_by_frames(error)
    assert found_in(frames, proofs) == [], frames
    assert found_in(heard.text, proofs + PERSONAL) == [], [
        line for line in heard.lines if found_in(line, proofs + PERSONAL)
    ]


@pytest.mark.fault("I02", "I03", "I04", "I05", "I11")
@pytest.mark.parametrize(("failure", "credentials"), CASES, ids=label)
async def test_no_failure_lets_a_secret_out(
    server: RawServer,
    clock: SteppedClock,
    heard: Overheard,
    failure: Failure,
    credentials: Maker,
) -> None:
    client = AntonClient(
        credentials(), base_url=server.base_url, clock=clock, max_retries=1, timeout=5.0, read_timeout=0.05
    )

    error = await run(failure, client, server)

    look_into(error, heard, server)


@pytest.mark.fault("I03")
async def test_an_answer_that_holds_a_secret_does_not_show_it_in_the_frames(
    server: RawServer, clock: SteppedClock, heard: Overheard
) -> None:
    client = AntonClient(oauth(), base_url=server.base_url, clock=clock, max_retries=0)
    reply = answer(201, {"data": {"id": "wh_1", "secret": SECRETS["webhook secret"]}})

    error = await run(Failure("webhook", subscribe, [reply]), client, server)

    assert isinstance(error, ResponseDecodeError)
    look_into(error, heard, server)


@pytest.mark.fault("I02", "I03", "I04")
@pytest.mark.parametrize("status", [400, 401, 403, 422, 429, 500])
@pytest.mark.parametrize("credentials", [oauth, api_key], ids=label)
async def test_an_error_that_echoes_our_credentials_does_not_show_them(
    server: RawServer, clock: SteppedClock, heard: Overheard, credentials: Maker, status: int
) -> None:
    ours = credentials()
    sent = [SECRETS["API key"]]
    if isinstance(ours, OAuthCredentials):
        sent = [SECRETS["token"], SECRETS["client secret"], ours.basic()]
    echoes = [
        {"error": {"code": "x", "message": f"{'x' * 470} {' '.join(sent)}", "details": {"given": {said: [said]}}}}
        for said in sent
    ]
    replies = [answer(status, echo, headers={"X-Request-ID": "/".join(sent)[:200]}) for echo in echoes]
    replies.append(failure(status, " ".join(sent), "/".join(sent)))
    client = AntonClient(ours, base_url=server.base_url, clock=clock, max_retries=0)
    server.token_replies.append(token())

    async with client as anton:
        for reply in replies:
            server.script(reply)
            error = await failing(lambda: pay(anton))

            assert isinstance(error, ApiError)
            assert "***" in f"{error} {error.code} {error.details}"
            look_into(error, heard, server)


@pytest.mark.fault("C21", "I02", "I03", "I09")
@pytest.mark.parametrize("credentials", [oauth, api_key], ids=["token call", "payout"])
@pytest.mark.parametrize("proxy", ["down", "garbage", "refusing"])
async def test_no_failure_of_a_proxy_lets_its_password_out(
    server: RawServer, clock: SteppedClock, heard: Overheard, credentials: Maker, proxy: str
) -> None:
    async with RawServer() as other:
        if proxy == "down":
            other.close()
        host = f"user:{SECRETS['proxy password']}@127.0.0.1:{other.port}"
        client = AntonClient(
            credentials(), base_url=server.base_url, proxy=f"http://{host}", clock=clock, max_retries=0
        )
        other.script(*[failure(407, "x") if proxy == "refusing" else Reply(b"\0garbage\r\n\r\n", "close")] * 3)

        error = await run(Failure("proxy", pay), client, server)

    look_into(error, heard, server)
    assert SECRETS["proxy password"] not in repr(client) + repr(client.settings)


@pytest.mark.fault("I02", "I05")
async def test_an_answer_that_is_broken_leaves_nothing_of_its_body_in_the_frames(
    server: RawServer, clock: SteppedClock, heard: Overheard
) -> None:
    body = gzip.compress(b'{"data": {"secret": "%s"}}' % SECRETS["webhook secret"].encode()) + b"x"
    head = b"HTTP/1.1 201 X\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    client = AntonClient(api_key(), base_url=server.base_url, clock=clock, max_retries=0)

    error = await run(Failure("gzip", pay, [Reply(head + body)]), client, server)

    look_into(error, heard, server)


async def test_a_whole_answer_does_not_show_what_its_headers_echo(server: RawServer, clock: SteppedClock) -> None:
    echo = {"X-Echo": f"Bearer {SECRETS['API key']}"}
    server.script(answer(200, {"data": [], "has_more": False}, headers=echo))

    async with AntonClient(api_key(), base_url=server.base_url, clock=clock) as anton:
        raw = await anton.payouts.with_response.list()

    assert raw.headers["X-Echo"] == echo["X-Echo"]
    assert found_in(repr(raw) + pretty_repr(raw), []) == []


def test_rich_prints_no_more_of_our_records_than_their_repr_does() -> None:
    secret = SECRETS["webhook secret"]
    url, headers = URL("http://127.0.0.1/v1/payouts"), {"X-My": secret}
    records = [
        WireAnswer(
            url=url, status=201, headers=CIMultiDictProxy(CIMultiDict(headers)), body=secret.encode(), elapsed=0
        ),
        Call(
            operation=CREATE_PAYOUT,
            url=url,
            headers=headers,
            body=secret.encode(),
            idempotency_key="k",
            timeout=1.0,
            max_retries=0,
        ),
        Entry(
            position=1,
            line=2,
            row_id="r1",
            content=b"",
            state="PLANNED",
            planned_at=0.0,
            key=secret,
            body=secret.encode(),
        ),
    ]

    for record in records:
        assert found_in(repr(record) + pretty_repr(record), []) == []


@pytest.mark.fault("I02", "I03")
async def test_no_failure_to_connect_lets_a_secret_out(
    server: RawServer, clock: SteppedClock, heard: Overheard
) -> None:
    server.close()

    for base_url in (server.base_url, server.base_url.replace("http:", "https:"), "http://localhost:1"):
        client = AntonClient(oauth(), base_url=base_url, clock=clock, max_retries=1)
        look_into(await run(Failure("unreachable", pay), client, server), heard, server)


@pytest.mark.fault("I02", "I03", "I05")
async def test_a_cancelled_call_and_one_out_of_time_let_nothing_out(
    server: RawServer, clock: SteppedClock, heard: Overheard
) -> None:
    hanging = AntonClient(oauth(), base_url=server.base_url, clock=clock, timeout=0.1)

    look_into(await run(Failure("late", pay, [SILENT] * 3), hanging, server), heard, server)
    other = AntonClient(oauth(), base_url=server.base_url, clock=clock)
    look_into(await cancelled(other, server), heard, server)


async def cancelled(client: AntonClient, server: RawServer) -> BaseException:
    server.script(SILENT)
    server.asked.clear()
    async with client as anton:
        task = asyncio.create_task(failing(lambda: pay(anton)), name="pay")
        await server.asked.wait()
        task.cancel()
        return await task


@pytest.mark.fault("G17", "I02", "I03")
@pytest.mark.parametrize("spoilt", ["body", "timestamp", "signature", "payload"])
async def test_a_refused_delivery_lets_nothing_out(heard: Overheard, server: RawServer, spoilt: str) -> None:
    verifier = WebhookVerifier(SECRETS["webhook secret"])
    body = f'{{"id": "{PERSONAL[0]}"}}'.encode()
    stamp = str(int(time.time()) - (1000 if spoilt == "timestamp" else 0))
    good = hmac.new(SECRETS["webhook secret"].encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    sent = {
        "X-Webhook-Timestamp": stamp,
        "X-Webhook-Signature": "v1=" + ("0" * 64 if spoilt == "signature" else good),
    }

    async def deliver() -> object:
        return verifier.unwrap(body + b" " if spoilt == "body" else body, sent)

    error = await failing(deliver)

    for way, text in told_by(error):
        assert found_in(text, [good, *PERSONAL]) == [], f"{way}: {text}"
    assert found_in(told_by_frames(error), []) == []
    assert found_in(f"{verifier!r} {verifier}", []) == []
    assert heard.text is not None


@pytest.mark.fault("I01", "I05")
async def test_a_client_that_is_forgotten_lets_nothing_out(
    server: RawServer, clock: SteppedClock, heard: Overheard
) -> None:
    server.token_replies.append(token())
    client = AntonClient(oauth(), base_url=server.base_url, clock=clock)
    await client.open()
    await client.warm_up()

    shown = f"{client!r} {client.settings!r} {client.transport!r} {vars(client)!r} {vars(client.transport)!r}"
    del client
    gc.collect()
    await asyncio.sleep(0)

    assert found_in(shown, []) == []
    assert "Unclosed" in heard.text
    assert found_in(heard.text, []) == []


class LeakyError(Exception):
    """What the search has to find something in."""


def leak(authorization: str) -> None:
    try:
        int(authorization)
    except ValueError:
        raise LeakyError from None


def test_the_search_finds_what_is_there() -> None:
    with pytest.raises(LeakyError) as caught:
        leak(f"DPoP {SECRETS['token']}")

    assert any(found_in(text, []) == ["token"] for _, text in told_by(caught.value))
    assert "token" in found_in(told_by_frames(caught.value), [])
    assert found_in("prefix " + PERSONAL[0], PERSONAL) == [PERSONAL[0]]


@pytest.mark.fault("I04", "I05")
async def test_the_listening_hears_logs_warnings_and_tasks(anton: AntonClient, server: RawServer) -> None:
    server.script(failure(404, "x"))

    async with overhearing() as heard:
        warnings.warn("a warning", stacklevel=1)
        await failing(lambda: pay(anton))

    for expected in (
        "POST /v1/payouts: NotFoundError, attempt 1",
        "a warning",
        "<Task pending",
        "RawServer._connected",
    ):
        assert expected in heard.text
