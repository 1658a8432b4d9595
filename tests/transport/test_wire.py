"""Faults on the wire, made by a server that speaks bytes: what may have been executed is never called anything else."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl

import pytest

from anton_async import (
    AntonClient,
    ApiError,
    ApiKeyCredentials,
    ConnectionError,
    DeadlineExceededError,
    Outcome,
    ReadTimeoutError,
    ResponseLostError,
    TLSError,
)
from tests.conftest import ClientMaker
from tests.support.clock import SteppedClock
from tests.support.examples import BALANCE, ORDER, PAYOUT
from tests.support.raw_server import LOST, End, RawServer, Reply, answer

CREATED = answer(201, {"data": PAYOUT})
WHOLE = CREATED.raw
GARBLED = {
    "nothing": b"",
    "garbage": b"\x00\x01garbage\r\n\r\n",
    "http/0.9": b"{}\r\n",
    "status 99": WHOLE.replace(b"201 X", b"099 X"),
    "status 999": WHOLE.replace(b"201 X", b"999 X"),
    "cut status": b"HTTP/1.1 2",
    "cut headers": b"HTTP/1.1 201 X\r\nContent-Le",
    "cut body": WHOLE[:-20],
    "two lengths": WHOLE.replace(b"Content-Length:", b"Content-Length: 1\r\nContent-Length:"),
    "length and chunks": WHOLE.replace(b"Content-Type:", b"Transfer-Encoding: chunked\r\nContent-Type:"),
    "bad chunk": b"HTTP/1.1 201 X\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n",
    "cut chunk": b"HTTP/1.1 201 X\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{}",
    "huge header": b"HTTP/1.1 201 X\r\nX: " + b"x" * 65536 + b"\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.fault("C04", "C05", "C09", "C10", "C11", "C12", "C13")
@pytest.mark.parametrize("raw", GARBLED.values(), ids=GARBLED)
async def test_an_unreadable_answer_has_an_unknown_outcome_and_is_repeated_under_the_same_key(
    anton: AntonClient, server: RawServer, raw: bytes
) -> None:
    server.script(Reply(raw, "close"), CREATED)

    payout = await anton.payouts.create(**ORDER)

    first, second = server.requests
    assert payout.id == PAYOUT["id"]
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body
    assert first.proof["jti"] != second.proof["jti"]


@pytest.mark.fault("C06", "E18")
@pytest.mark.parametrize("raw", GARBLED.values(), ids=GARBLED)
async def test_without_retries_an_unreadable_answer_is_an_unknown_outcome(
    make_client: ClientMaker, server: RawServer, raw: bytes
) -> None:
    server.script(Reply(raw, "close"))

    async with make_client(max_retries=0) as anton:
        with pytest.raises(ResponseLostError) as caught:
            await anton.payouts.create(**ORDER, idempotency_key="k1")

    assert (caught.value.outcome, caught.value.idempotency_key) == (Outcome.UNKNOWN, "k1")
    assert len(server.requests) == 1


@pytest.mark.fault("C05")
async def test_a_reset_connection_is_repeated_under_the_same_key(anton: AntonClient, server: RawServer) -> None:
    server.script(Reply(b"", "reset"), CREATED)

    await anton.payouts.create(**ORDER)

    assert len({request.headers["idempotency-key"] for request in server.requests}) == 1


@pytest.mark.fault("C06")
async def test_an_answer_lost_every_time_ends_unknown_with_the_key(anton: AntonClient, server: RawServer) -> None:
    server.script(*[LOST] * 5)

    with pytest.raises(ResponseLostError) as caught:
        await anton.payouts.create(**ORDER)

    assert caught.value.outcome is Outcome.UNKNOWN
    assert caught.value.attempts == 5
    assert {request.headers["idempotency-key"] for request in server.requests} == {caught.value.idempotency_key}


@pytest.mark.fault("A06")
@pytest.mark.parametrize("retries", [0, 1])
async def test_a_read_on_a_connection_the_server_closed_never_repeats_a_proof(
    make_client: ClientMaker, server: RawServer, retries: int
) -> None:
    balance = answer(200, {"data": BALANCE})
    server.script(balance, LOST, balance)

    async with make_client(max_retries=retries) as anton:
        await anton.balances.retrieve("USD")
        if retries:
            await anton.balances.retrieve("USD")
        else:
            with pytest.raises(ResponseLostError):
                await anton.balances.retrieve("USD")

    assert len(server.requests) == 2 + retries
    assert len({request.proof["jti"] for request in server.requests}) == 2 + retries


@pytest.mark.fault("C19")
async def test_a_kept_connection_closed_before_a_mutation_ends_in_one_payout(
    anton: AntonClient, server: RawServer
) -> None:
    server.script(Reply(WHOLE, "close"), CREATED)
    await anton.payouts.create(**ORDER)

    await anton.payouts.create(**ORDER, idempotency_key="second")

    assert [request.headers["idempotency-key"] for request in server.requests][1:] == ["second"]


@pytest.mark.fault("C01")
async def test_a_refused_connection_is_not_sent_and_is_repeated(clock: SteppedClock) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    async with AntonClient(ApiKeyCredentials("ak_test_1"), base_url=f"http://127.0.0.1:{port}", clock=clock) as anton:
        with pytest.raises(ConnectionError, match="refused") as caught:
            await anton.payouts.create(**ORDER)

    assert (caught.value.outcome, caught.value.attempts) == (Outcome.NOT_SENT, 5)
    assert len(clock.pauses) == 4


@pytest.mark.fault("C01")
async def test_connecting_in_vain_after_a_lost_answer_stays_unknown(
    make_client: ClientMaker, server: RawServer
) -> None:
    server.script(LOST)

    async with make_client(ApiKeyCredentials("ak_test_1")) as anton:
        call = asyncio.create_task(anton.payouts.create(**ORDER))
        await server.asked.wait()
        server.close()
        with pytest.raises(ConnectionError) as caught:
            await call

    assert caught.value.outcome is Outcome.UNKNOWN


@pytest.mark.fault("C03")
async def test_plain_http_behind_https_is_not_sent_and_not_repeated(clock: SteppedClock) -> None:
    connections = 0

    async def speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read(16)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(speak_plainly, "127.0.0.1", 0) as plain:
        base_url = f"https://127.0.0.1:{plain.sockets[0].getsockname()[1]}"
        async with AntonClient(ApiKeyCredentials("ak_test_1"), base_url=base_url, clock=clock) as anton:
            with pytest.raises(TLSError) as caught:
                await anton.payouts.create(**ORDER)

    assert caught.value.outcome is Outcome.NOT_SENT
    assert (connections, clock.pauses) == (1, [])


@pytest.mark.fault("K08")
def test_tls_settings_that_check_nothing_are_refused() -> None:
    context = ssl.create_default_context()
    context.check_hostname = False

    with pytest.raises(Exception, match="host names"):
        AntonClient(ApiKeyCredentials("ak_test_1"), ssl=context)


@pytest.mark.fault("C07")
async def test_silence_ends_at_the_read_timeout_as_unknown(make_client: ClientMaker, server: RawServer) -> None:
    server.script(Reply(b"", "hang"))

    async with make_client(max_retries=0, read_timeout=0.05) as anton:
        with pytest.raises(ReadTimeoutError) as caught:
            await anton.payouts.create(**ORDER)

    assert caught.value.outcome is Outcome.UNKNOWN


@pytest.mark.fault("C08", "C23")
async def test_a_call_never_outlives_its_timeout(make_client: ClientMaker, server: RawServer) -> None:
    server.script(Reply(b"HTTP/1.1 201 X\r\n", "hang"))

    async with make_client() as anton:
        await anton.warm_up()
        with pytest.raises(DeadlineExceededError, match=r"0\.2 seconds") as caught:
            await anton.payouts.create(**ORDER, timeout=0.2)

    assert caught.value.outcome is Outcome.UNKNOWN
    assert caught.value.idempotency_key is not None


@pytest.mark.fault("B20")
async def test_time_spent_on_the_token_counts_and_nothing_was_sent(make_client: ClientMaker, server: RawServer) -> None:
    server.token_replies.append(Reply(b"", "hang"))

    async with make_client(timeout=0.1) as anton:
        with pytest.raises(DeadlineExceededError) as caught:
            await anton.payouts.create(**ORDER)

    assert caught.value.outcome is Outcome.NOT_SENT


@pytest.mark.fault("C20")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_never_followed(anton: AntonClient, server: RawServer, status: int) -> None:
    async with RawServer() as elsewhere:
        server.script(answer(status, headers={"Location": f"{elsewhere.base_url}/v1/payouts"}))

        with pytest.raises(ApiError, match="never followed") as caught:
            await anton.payouts.create(**ORDER)

        assert (caught.value.status, caught.value.outcome) == (status, Outcome.UNKNOWN)
        assert (elsewhere.connections, len(server.requests)) == (0, 1)


def compressed(content: bytes, encoding: str = "gzip") -> Reply:
    head = f"HTTP/1.1 201 X\r\nContent-Length: {len(content)}\r\nContent-Encoding: {encoding}\r\n\r\n"
    return Reply(head.encode() + content)


BODY = WHOLE.partition(b"\r\n\r\n")[2]


async def test_a_compressed_answer_is_read(anton: AntonClient, server: RawServer) -> None:
    server.script(compressed(gzip.compress(BODY)))

    assert (await anton.payouts.create(**ORDER)).id == PAYOUT["id"]


@pytest.mark.fault("C18")
@pytest.mark.parametrize(
    "reply",
    [
        compressed(b"not gzip at all"),
        compressed(gzip.compress(BODY)[: int(len(gzip.compress(BODY)) * 0.9)]),
        compressed(gzip.compress(b" " * 64 * 1024 * 1024)),
        compressed(gzip.compress(gzip.compress(BODY)), "gzip, gzip"),
        compressed(BODY, "br"),
        Reply(b"HTTP/1.1 201 X\r\nContent-Length: 2000000\r\n\r\n" + b" " * 2_000_000),
    ],
    ids=["not gzip", "cut", "bomb", "double", "unknown", "too large"],
)
async def test_an_answer_that_cannot_be_unpacked_or_is_too_large_is_unknown(
    make_client: ClientMaker, server: RawServer, reply: Reply
) -> None:
    server.script(reply)

    async with make_client(max_retries=0) as anton:
        with pytest.raises(ResponseLostError) as caught:
            await anton.payouts.create(**ORDER)

    assert caught.value.outcome is Outcome.UNKNOWN


@pytest.mark.fault("C15")
async def test_an_unasked_second_answer_is_not_taken_for_the_next_one(anton: AntonClient, server: RawServer) -> None:
    other = answer(201, {"data": {**PAYOUT, "id": "pay_other"}})
    server.script(Reply(WHOLE + other.raw), CREATED)
    await anton.payouts.create(**ORDER)

    payout = await anton.payouts.create(**ORDER)

    assert payout.id == PAYOUT["id"]


@pytest.mark.fault("C15", "C19")
@pytest.mark.parametrize("end", ["keep", "close"])
@pytest.mark.parametrize(
    "stray",
    [answer(201, {"data": {**PAYOUT, "id": "pay_stray"}}).raw, b"HTTP/1.1 408 X\r\nContent-Length: 0\r\n\r\n", b"?"],
)
async def test_what_arrives_on_an_idle_connection_is_nobodys_answer(
    anton: AntonClient, server: RawServer, stray: bytes, end: End
) -> None:
    server.script(CREATED, CREATED)
    await anton.payouts.create(**ORDER)
    await server.speak_unasked(stray, end)

    payout = await anton.payouts.create(**ORDER)

    assert payout.id == PAYOUT["id"]
    assert [request.connection for request in server.requests] == [1, 2]


@pytest.mark.fault("C14", "C07")
async def test_silence_after_an_interim_answer_ends_at_the_read_timeout(
    make_client: ClientMaker, server: RawServer
) -> None:
    server.script(Reply(b"HTTP/1.1 103 X\r\n\r\n", "hang"))

    async with make_client(max_retries=0, connect_timeout=0.05, read_timeout=0.05) as anton:
        with pytest.raises(ReadTimeoutError) as caught:
            await anton.payouts.create(**ORDER)

    assert caught.value.outcome is Outcome.UNKNOWN


@pytest.mark.fault("C14")
async def test_ten_thousand_interim_answers_are_passed_over(anton: AntonClient, server: RawServer) -> None:
    server.script(Reply(b"HTTP/1.1 103 X\r\nLink: a\r\n\r\n" * 10_000 + WHOLE))

    assert (await anton.payouts.create(**ORDER)).id == PAYOUT["id"]


@pytest.mark.fault("C22", "L03")
async def test_cancelling_a_call_is_not_swallowed_and_leaves_the_client_usable(
    anton: AntonClient, server: RawServer
) -> None:
    server.script(Reply(b"", "hang"), CREATED)
    call = asyncio.create_task(anton.payouts.create(**ORDER))
    await server.asked.wait()

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await anton.payouts.create(**ORDER)).id == PAYOUT["id"]
    assert len(server.requests) == 2


async def test_errors_hold_no_request_headers(make_client: ClientMaker, server: RawServer) -> None:
    server.script(LOST)

    async with make_client(max_retries=0) as anton:
        with pytest.raises(ResponseLostError) as caught:
            await anton.payouts.create(**ORDER)

    error = caught.value
    told = f"{error!r} {error} {error.args} {vars(error)} {error.__cause__!r} {error.__context__!r}"
    assert server.requests[0].headers["dpop"] not in told
    assert "opaque-1" not in told
    assert (error.__cause__, error.__context__) == (None, None)
