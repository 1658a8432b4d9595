"""Answers that are not HTTP, or not the HTTP they say: never taken for an answer, and never for an API's error."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from anton_async import AntonClient, ApiError, Outcome, ResponseLostError
from tests.faults.conftest import Connect
from tests.faults.ledger import Ledger, Report, report
from tests.faults.server import End, FaultServer, Link, answer_to, http, serve
from tests.faults.steps import speak_first, spoil
from tests.support.examples import ORDER, PAYOUT

Change = Callable[[bytes], bytes]
OTHER = http(201, {"data": {**PAYOUT, "id": "pay_other"}})


def body(raw: bytes) -> bytes:
    return raw.partition(b"\r\n\r\n")[2]


async def weighed(anton: AntonClient) -> tuple[Report, int]:
    """Pay, and return what was reported and how many bytes were in use at most."""
    tracemalloc.start()
    told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return told, peak


def status(line: bytes) -> Change:
    return lambda raw: line + raw[raw.index(b"\r\n") :]


def header(line: bytes) -> Change:
    return lambda raw: raw.replace(b"\r\n", b"\r\n" + line + b"\r\n", 1)


def length(size: int) -> Change:
    return lambda raw: raw.replace(b"Content-Length: ", b"Content-Length: %d\r\nX-Was: " % (len(body(raw)) + size))


def chunks(*lines: bytes) -> Change:
    """Replace the framing by chunks; the body's text is put where a line is `*`."""

    def change(raw: bytes) -> bytes:
        text = body(raw)
        sent = b"".join(b"%x\r\n%b\r\n" % (len(text), text) if line == b"*" else line for line in lines)
        return b"HTTP/1.1 201 X\r\nTransfer-Encoding: chunked\r\n\r\n" + sent

    return change


def changes(table: dict[str, tuple[str, Change]]) -> list[object]:
    """Make parameters of a table: name, row of the catalogue, what is done to an honest answer."""
    return [pytest.param(change, id=name, marks=pytest.mark.fault(row)) for name, (row, change) in table.items()]


MISLEADING: dict[str, tuple[str, Change]] = {
    "status 099": ("C09", status(b"HTTP/1.1 099 X")),
    "status 999": ("C09", status(b"HTTP/1.1 999 X")),
    "status 600": ("C09", status(b"HTTP/1.1 600 X")),
    "not gzip": ("C18", header(b"Content-Encoding: gzip")),
    "unasked encoding": ("C18", header(b"Content-Encoding: br")),
    "unknown encoding": ("C18", header(b"Content-Encoding: zip\xff")),
}
"""Framed as they say, so that their connection is whole."""
BROKEN: dict[str, tuple[str, Change]] = {
    "garbage": ("C09", lambda _: b"\x16\x03\x01garbage\r\n\r\n"),
    "http/0.9": ("C09", body),
    "status with a letter": ("C09", status(b"HTTP/1.1 2O1 X")),
    "status with a sign": ("C09", status(b"HTTP/1.1 +201 X")),
    "another protocol": ("C09", status(b"ICY 201 X")),
    "status line cut": ("C10", lambda raw: raw[:11]),
    "headers cut": ("C10", lambda raw: raw[:30]),
    "no blank line": ("C10", lambda raw: raw[: raw.index(b"\r\n\r\n") + 2]),
    "length too long": ("C11", length(7)),
    "length too short": ("C11", length(-7)),
    "two lengths": ("C11", header(b"Content-Length: 3")),
    "negative length": ("C11", header(b"Content-Length: -3")),
    "length and chunks": ("C11", header(b"Transfer-Encoding: chunked")),
    "chunk cut": ("C12", chunks(b"fff\r\n{}")),
    "no last chunk": ("C12", chunks(b"*")),
    "bad chunk size": ("C12", chunks(b"ZZ\r\n{}\r\n0\r\n\r\n")),
    "negative chunk size": ("C12", chunks(b"-2\r\n{}\r\n0\r\n\r\n")),
    "chunk longer than said": ("C12", chunks(b"1\r\n{}\r\n0\r\n\r\n")),
    "header of 64 KiB": ("C13", header(b"X: " + b"x" * 65536)),
    "5,000 headers": ("C13", header(b"X: y\r\n" * 4999 + b"X: y")),
    "header without colon": ("C09", header(b"No colon here")),
    "header with NUL": ("C09", header(b"X: a\x00b")),
}


async def pay_twice(anton: AntonClient, ledger: Ledger) -> tuple[Report, Report]:
    """Make two payouts after each other, and see that neither is told as something it is not."""
    first, second = [await report(anton.payouts.create(**ORDER, idempotency_key=key)) for key in ("k1", "k2")]
    ledger.check("k1", first)
    ledger.check("k2", second)
    return first, second


@pytest.mark.parametrize("change", changes(BROKEN | MISLEADING))
async def test_an_unreadable_answer_ends_in_one_payout(
    anton: AntonClient, api: FaultServer, ledger: Ledger, change: Change
) -> None:
    api.script(spoil(change), serve)

    told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.payout is not None
    assert (len(ledger.sent("k1")), len(ledger.payments)) == (2, 1)


@pytest.mark.fault("E18")
@pytest.mark.parametrize("how", ["close", "keep"])
@pytest.mark.parametrize("change", changes(BROKEN))
async def test_an_unreadable_answer_is_unknown_and_its_connection_is_not_used_again(
    connect: Connect, api: FaultServer, ledger: Ledger, change: Change, how: End
) -> None:
    api.script(spoil(change, how))

    async with connect(max_retries=0, read_timeout=0.05) as anton:
        told, after = await pay_twice(anton, ledger)

    assert told.outcome is Outcome.UNKNOWN
    assert not isinstance(told.error, ApiError)
    assert after.payout is not None
    assert [sending.connection for sending in (*ledger.sent("k1"), *ledger.sent("k2"))] == [1, 2]


@pytest.mark.fault("E18")
@pytest.mark.parametrize("change", changes(MISLEADING))
async def test_an_answer_that_says_what_http_does_not_know_is_unknown(
    connect: Connect, api: FaultServer, ledger: Ledger, change: Change
) -> None:
    api.script(spoil(change, "keep"))

    async with connect(max_retries=0) as anton:
        told, after = await pay_twice(anton, ledger)

    assert told.outcome is Outcome.UNKNOWN
    assert not isinstance(told.error, ApiError)
    assert after.payout is not None


READABLE: dict[str, tuple[str, Change]] = {
    "LF only": ("C09", lambda raw: raw.replace(b"\r\n", b"\n")),
    "no reason": ("C09", status(b"HTTP/1.1 201")),
    "http/1.0": ("C17", status(b"HTTP/1.0 201 X")),
    "chunks": ("C12", chunks(b"*", b"0\r\n\r\n")),
    "trailers": ("C12", chunks(b"*", b"0\r\nX-Trailer: y\r\n\r\n")),
    "no length, then close": ("C17", lambda raw: b"HTTP/1.1 201 X\r\n\r\n" + body(raw)),
    "10,000 x 103": ("C14", lambda raw: b"HTTP/1.1 103 X\r\nLink: a\r\n\r\n" * 10_000 + raw),
    "unasked 100": ("C14", lambda raw: b"HTTP/1.1 100 Continue\r\n\r\n" + raw),
}


@pytest.mark.parametrize("change", changes(READABLE))
async def test_an_odd_answer_is_read_or_called_unknown_and_the_next_call_is_clean(
    connect: Connect, api: FaultServer, ledger: Ledger, change: Change
) -> None:
    api.script(spoil(change, "close"))

    async with connect(max_retries=0) as anton:
        told, after = await pay_twice(anton, ledger)

    assert told.payout is not None or told.outcome is Outcome.UNKNOWN
    assert after.payout is not None


@pytest.mark.fault("C14")
async def test_interim_answers_without_end_stop_at_a_bound(connect: Connect, api: FaultServer, ledger: Ledger) -> None:
    async def chatter(link: Link) -> None:
        answer_to(ledger, await link.request())
        while True:
            await link.say(b"HTTP/1.1 103 X\r\nLink: " + b"a" * 1000 + b"\r\n\r\n")
            await asyncio.sleep(0)

    api.script(chatter)

    async with connect(max_retries=0, connect_timeout=0.1, read_timeout=0.1) as anton:
        told, peak = await weighed(anton)

    ledger.check("k1", told)
    assert told.outcome is Outcome.UNKNOWN
    assert peak < 32 << 20


@pytest.mark.fault("C13")
async def test_headers_without_end_stop_at_a_bound(connect: Connect, api: FaultServer, ledger: Ledger) -> None:
    async def flood(link: Link) -> None:
        await link.request()
        await link.say(b"HTTP/1.1 201 X\r\n")
        for _ in range(20_000):
            await link.say(b"X: y\r\n" * 100)

    api.script(flood)

    async with connect(max_retries=0) as anton:
        told, peak = await weighed(anton)

    ledger.check("k1", told)
    assert told.outcome is Outcome.UNKNOWN
    assert peak < 16 << 20


@pytest.mark.fault("C15")
@pytest.mark.parametrize("late", [False, True])
async def test_a_second_answer_nobody_asked_for_is_not_the_next_ones(
    anton: AntonClient, api: FaultServer, ledger: Ledger, late: bool
) -> None:
    async def say_twice(link: Link) -> None:
        first = answer_to(ledger, await link.request())
        await link.say(first if late else first + OTHER)
        if late:
            await link.say(OTHER)

    api.script(say_twice)
    first = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))
    if late:
        await asyncio.sleep(0.01)  # the second answer travels through the kernel

    second = await report(anton.payouts.create(**ORDER, idempotency_key="k2"))

    ledger.check("k1", first)
    ledger.check("k2", second)
    assert first.payout is not None
    assert second.payout is not None
    assert len(ledger.sent("k2")) == 1


@pytest.mark.fault("C15")
async def test_a_server_that_speaks_first_is_not_stormed_with_connections(
    connect: Connect, api: FaultServer, ledger: Ledger
) -> None:
    api.script(*[speak_first(b"220 smtp.example ESMTP\r\n", "hang")] * 8)

    async with connect(max_retries=1, read_timeout=0.05) as anton:
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.error is not None
    assert api.connections <= 2


@pytest.mark.fault("C16")
@pytest.mark.parametrize("how", ["keep", "close"])
@pytest.mark.parametrize("size", [1_000, 3_000_000])
async def test_an_early_413_is_reported(
    connect: Connect, api: FaultServer, ledger: Ledger, how: End, size: int
) -> None:
    async def refuse(link: Link) -> None:
        await link.head()
        await link.say(http(413, {"error": {"code": "too_large", "message": "no"}}, {"Connection": "close"}))
        if how == "close":
            link.writer.write_eof()
        while await link.reader.read(1 << 16):
            pass

    api.script(refuse)

    async with connect(max_retries=0) as anton:
        with pytest.raises(ApiError) as caught:
            await anton.request("POST", "/v1/payouts", response_type=dict[str, object], body={"a": "x" * size})

    assert (caught.value.status, caught.value.outcome) == (413, Outcome.REJECTED)
    assert ledger.payments == {}


@pytest.mark.fault("C17")
@pytest.mark.parametrize("junk", [b"hello", OTHER, b"\r\n"])
async def test_a_204_with_a_body_does_not_spoil_the_next_answer(
    connect: Connect, api: FaultServer, ledger: Ledger, junk: bytes
) -> None:
    async def nothing_and_more(link: Link) -> None:
        await link.request()
        await link.say(b"HTTP/1.1 204 X\r\nContent-Length: %d\r\n\r\n" % len(junk) + junk)

    api.script(nothing_and_more)

    async with connect(max_retries=0) as anton:
        with contextlib.suppress(ResponseLostError):
            await anton.request("DELETE", "/v1/things/1", response_type=type(None))
        told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.payout is not None


def packed(content: bytes, encoding: bytes = b"gzip") -> Change:
    head = b"HTTP/1.1 201 X\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (encoding, len(content))
    return lambda _: head + content


PAID = body(OTHER)
PACKED: dict[str, tuple[str, Change]] = {
    "cut": ("C18", packed(gzip.compress(PAID)[:-20])),
    "cut at 90 %": ("C18", packed(gzip.compress(PAID)[: int(len(gzip.compress(PAID)) * 0.9)])),
    "last byte cut": ("C18", packed(gzip.compress(PAID)[:-1])),
    "wrong checksum": ("C18", packed(gzip.compress(PAID)[:-8] + bytes(8))),
    "followed by junk": ("C18", packed(gzip.compress(PAID) + b"junk")),
    "twice": ("C18", packed(gzip.compress(gzip.compress(PAID)), b"gzip, gzip")),
    "twice, said once": ("C18", packed(gzip.compress(gzip.compress(PAID)))),
    "a bomb": ("C18", packed(gzip.compress(b"[" + b" " * (64 << 20) + b"]"))),
    "deflate, unasked": ("C18", packed(zlib.compress(PAID), b"deflate")),
    "larger than the cap": ("C18", lambda _: http(201, "x" * (2 << 20))),
}


@pytest.mark.fault("C18")
@pytest.mark.parametrize("change", changes(PACKED))
async def test_what_cannot_be_unpacked_is_never_parsed_as_success(
    connect: Connect, api: FaultServer, ledger: Ledger, change: Change
) -> None:
    api.script(spoil(change, "keep"))

    async with connect(max_retries=0) as anton:
        await anton.warm_up()
        told, peak = await weighed(anton)
        after = await report(anton.payouts.create(**ORDER, idempotency_key="k2"))

    ledger.check("k1", told)
    ledger.check("k2", after)
    assert told.outcome is Outcome.UNKNOWN
    assert after.payout is not None
    assert peak < 16 << 20, "the cap is 1 MiB"


@pytest.mark.fault("C18")
async def test_a_good_gzip_answer_is_read(anton: AntonClient, api: FaultServer, ledger: Ledger) -> None:
    def pack(raw: bytes) -> bytes:
        return packed(gzip.compress(body(raw)))(raw)

    api.script(spoil(pack, "keep"))

    told = await report(anton.payouts.create(**ORDER, idempotency_key="k1"))

    ledger.check("k1", told)
    assert told.payout is not None
    assert len(ledger.sent("k1")) == 1
