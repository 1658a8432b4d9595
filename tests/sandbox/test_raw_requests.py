"""Requests that no HTTP client would write: each gets an answer that says what is wrong, none a fault of ours."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest

from tests.sandbox.contract import DOCUMENT, METHODS
from tests.sandbox.wire import Wire, order

GOOD = json.dumps(order()).encode()
FORM = (
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n'
    b"Content-Type: text/csv\r\n\r\na,b\r\n--B--\r\n"
)


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"", {}, 400, "invalid_request_body"),
        (b"[" * 100_000, {}, 400, "invalid_request_body"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, {}, 400, "invalid_request_body"),
        (b'{"source_amount": ' + b"9" * 5_000 + b"}", {}, 400, "invalid_request_body"),
        (b'{"a": 1e999}', {}, 400, "invalid_request_body"),
        (GOOD + b" x", {}, 400, "invalid_request_body"),
        (GOOD.decode().encode("utf-16"), {}, 400, "invalid_request_body"),
        (GOOD.replace(b"INV-1042", b"\\ud800"), {}, 400, "invalid_request_body"),
        (GOOD[:-1] + b', "__proto__": {}}', {}, 400, "invalid_request_body"),
        (GOOD, {"Content-Type": "text/plain"}, 400, "invalid_request_body"),
        (GOOD, {"Content-Type": ""}, 400, "invalid_request_body"),
        (GOOD, {"Content-Encoding": "gzip"}, 400, "bad_request"),
        (gzip.compress(b" " * 2**25), {"Content-Encoding": "gzip"}, 413, "request_too_large"),
        (b" " * 2**20 + GOOD, {}, 413, "request_too_large"),
        (GOOD, {"Idempotency-Key": "x" * 256}, 422, "validation_error"),
    ],
)
async def test_a_body_that_cannot_be_taken_is_refused(
    wire: Wire, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    reply = await wire.call(
        "POST", "/v1/payouts", raw=body, key="k", headers={"Content-Type": "application/json", **headers}
    )

    assert (reply.status, reply.code) == (status, code)


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"--B\r\n4.5e+16--B--\r\n",
        b"--B\r\n;X: y\r\n\r\n\r\n--B--\r\n",
        FORM[:-4],
        FORM.replace(b"form-data; ", b"name=; "),
        FORM.replace(b'filename="a.csv"', b'\x90="a.csv'),
        FORM.replace(b"text/csv", b"multipart/mixed; boundary=C"),
        FORM.replace(b"text/csv", b"text/csv\r\n" + b"X: y\r\n" * 20_000),
    ],
)
@pytest.mark.parametrize("path", ["/v1/batches", "/v1/beneficiaries/import"])
async def test_a_form_that_cannot_be_taken_is_refused(wire: Wire, path: str, form: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=B"}

    reply = await wire.call("POST", path, raw=form, key="k", headers=headers)

    assert reply.status == 400
    assert reply.code in {"invalid_multipart_form", "invalid_file", "invalid_csv"}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/payouts/%00", 400, "bad_request"),
        ("/v1/payouts/%2e%2e%2fbalances", 400, "bad_request"),
        ("/v1/payouts/%ff%fe", 400, "bad_request"),
        ("/v1/payouts/pay_%41", 404, "payout_not_found"),
        ("//v1/payouts", 404, "not_found"),
        ("/v1//payouts", 404, "not_found"),
        ("/V1/payouts", 404, "not_found"),
        ("/v1/payouts;x", 404, "not_found"),
        ("/v1/payouts%3Flimit=1", 404, "not_found"),
        ("/v1/webhooks/events/secret", 400, "bad_request"),
        ("/v1/payouts?created_after=2026-06-30T23:59:60Z", 400, "bad_request"),
        ("/v1/payouts?cursor=%ff", 400, "invalid_cursor"),
        ("/v1/payouts?cursor=" + "A" * 6_000, 400, "invalid_cursor"),
        ("/v1/beneficiaries?limit=%D9%A1", 400, "invalid_limit"),
    ],
)
async def test_a_url_that_leads_nowhere_says_so(wire: Wire, path: str, status: int, code: str) -> None:
    sent = await wire.credentials("GET", path)
    answer = await exchange(wire, f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()))

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == code


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PATCH", "TRACE", "QUERY"])
async def test_a_method_that_the_path_does_not_have_is_405(wire: Wire, method: str) -> None:
    answer = await exchange(wire, f"{method} /v1/payouts HTTP/1.1")

    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: GET, POST\r\n" in answer


@pytest.mark.parametrize(
    "lines",
    [
        ["GARBAGE"],
        ["GET"],
        ["GET /v1/payouts HTTP/9.9"],
        ["GET /v1/pay outs HTTP/1.1"],
        ["GET /v1/payouts HTTP/1.1", "X: " + "y" * 100_000],
        ["GET /v1/payouts HTTP/1.1", *["X: y"] * 50_000],
        ["GET http://[::1/ HTTP/1.1"],
        ["POST /v1/payouts HTTP/1.1", "Content-Length: -1"],
        ["POST /v1/payouts HTTP/1.1", "Content-Length: 1", "Content-Length: 2"],
        ["POST /v1/payouts HTTP/1.1", "Content-Length: 1", "Transfer-Encoding: chunked"],
    ],
)
async def test_what_is_no_http_is_400_and_others_are_served_on(wire: Wire, lines: list[str]) -> None:
    answer = await exchange(wire, *lines)

    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert (await wire.call("GET", "/v1/balances")).status == 200


OPERATION_PATHS = {
    operation["operationId"]: (method.upper(), path.replace("{", "%00"))
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method in METHODS and path.startswith("/v1/")
}


async def test_bad_credentials_are_refused_before_anything_else(wire: Wire) -> None:
    for method, path in OPERATION_PATHS.values():
        reply = await wire.send(method, path, headers={"Authorization": "DPoP x"}, data=b"{")

        assert (reply.status, reply.code) == (401, "invalid_token"), path


async def exchange(wire: Wire, *lines: str) -> bytes:
    """Send these lines as they are, and return the whole answer."""
    host = wire.sandbox.base_url.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*host.split(":"))
    first, *rest = lines
    head = "\r\n".join([first, f"Host: {host}", "Connection: close", *rest, "", ""])
    writer.write(head.encode())
    answer = bytearray()
    try:
        while chunk := await asyncio.wait_for(reader.read(2**16), 10):
            answer += chunk
    except ConnectionResetError:
        pass  # it hung up on what was still being sent
    writer.close()
    return bytes(answer)
