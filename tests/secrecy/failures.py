"""Calls that fail, each in its own way; none of them holds a secret in a variable of its own."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from anton_async import AntonClient
from tests.secrecy.canaries import ACCOUNT, PERSON, SECRETS
from tests.support.examples import BALANCE, ORDER, PAYOUT
from tests.support.raw_server import LOST, Reply, answer, failure

Call = Callable[[AntonClient], Awaitable[object]]


@dataclass(frozen=True)
class Failure:
    """A call, and what the server answers it and its token calls."""

    name: str
    call: Call
    replies: Sequence[Reply] = ()
    token_replies: Sequence[Reply] = ()


async def pay(anton: AntonClient) -> object:
    return await anton.payouts.create(**ORDER)


async def read(anton: AntonClient) -> object:
    return await anton.balances.retrieve("USD")


async def add_person(anton: AntonClient) -> object:
    return await anton.beneficiaries.create(type="individual", country="GB", individual=PERSON)


async def add_wrong_person(anton: AntonClient) -> object:
    wrong = {**PERSON, "nationality": PERSON["tax_id"]}
    return await anton.beneficiaries.create(type="individual", country="GB", individual=wrong)


async def add_person_of_odd_text(anton: AntonClient) -> object:
    odd = {**PERSON, "first_name": f"{PERSON['first_name']}\ud800"}
    return await anton.beneficiaries.create(type="individual", country="GB", individual=odd)


async def add_account(anton: AntonClient) -> object:
    return await anton.instruments.create("ben_1", method="iban", credentials=ACCOUNT, country="DE", currency="EUR")


async def add_broken_account(anton: AntonClient) -> object:
    credentials = {**ACCOUNT, "iban": None, "sort_code": {"a": ACCOUNT["iban"]}}
    return await anton.instruments.create("ben_1", method="iban", credentials=credentials)


async def subscribe(anton: AntonClient) -> object:
    return await anton.webhooks.create(url="https://hooks.example/", events=["payout.completed"])


async def list_all(anton: AntonClient) -> object:
    return [payout async for payout in anton.payouts.list()]


async def upload(anton: AntonClient) -> object:
    return await anton.batches.upload(file=json.dumps([PERSON, ACCOUNT]).encode(), file_name="x.csv")


async def upload_wrongly(anton: AntonClient) -> object:
    return await anton.batches.upload(file=b"", file_name=f"{PERSON['last_name']}.txt")


async def export(anton: AntonClient) -> object:
    day = dt.datetime(2026, 9, 1, tzinfo=dt.UTC)
    return await anton.reviews.export_csv(from_=day, to=day + dt.timedelta(days=1))


async def stream(anton: AntonClient) -> object:
    async with anton.batches.download_template() as found:
        return [chunk async for chunk in found]


async def ask_wrongly(anton: AntonClient) -> object:
    key = f"{ACCOUNT['iban']}\r\n"
    return await anton.request("POST", "/v1/x", response_type=object, body={"x": PERSON}, idempotency_key=key)


async def ask_with_a_wrong_header(anton: AntonClient) -> object:
    return await anton.request("GET", "/v1/x", response_type=object, headers={"X-Note": f"{ACCOUNT['iban']}\n"})


def raw(content: bytes, headers: str = "", status: int = 200) -> Reply:
    return Reply(f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n{headers}\r\n".encode() + content)


def token(**changes: object) -> Reply:
    return answer(200, {"access_token": SECRETS["token"], "token_type": "DPoP", "expires_in": 3600, **changes})


MADE_PERSON = {"id": "ben_1", "individual": PERSON, "credentials": ACCOUNT}
EVIL = "https://evil.example/"

TOKEN_REFUSALS = [
    failure(401, "invalid_client"),
    failure(400, "invalid_scope"),
    answer(500, {}),
    answer(302, headers={"Location": EVIL}),
    LOST,
    raw(b"<html>" + SECRETS["token"].encode()),
    raw(b'{"access_token": "' + SECRETS["token"].encode()),
    token(token_type="Bearer"),
    token(expires_in=-1),
    token(access_token=SECRETS["token"] + "\r\n"),
    token(access_token=f"e30.eyJjbmYiOnsiamt0IjoieCJ9fQ.{SECRETS['token']}"),
    token(access_token=[SECRETS["token"]]),
    failure(429, "rate_limited", headers={"Retry-After": "9999"}),
]
ANSWERS = [
    *[failure(status, "x") for status in (400, 402, 403, 404, 409, 410, 413, 418, 422, 429, 500, 501, 503, 599)],
    answer(401, {}, headers={"WWW-Authenticate": 'DPoP error="invalid_token"'}),
    answer(401, {}, headers={"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": "n1"}),
    answer(401, {}, headers={"WWW-Authenticate": 'DPoP error="invalid_dpop_proof", algs="RS256"'}),
    answer(307, headers={"Location": EVIL}),
    LOST,
    Reply(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", "reset"),
    Reply(b"\x00garbage\r\n\r\n", "close"),
    Reply(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "close"),
    raw(gzip.compress(json.dumps(MADE_PERSON).encode())[:-9], "Content-Encoding: gzip\r\n"),
    raw(json.dumps(MADE_PERSON).encode()[:-2]),
    answer(200, {"data": {**MADE_PERSON, "status": [PERSON]}}),
    answer(200, {"data": {"id": PERSON, "total": ACCOUNT}}),
    raw(b"{}", "X-Request-ID: a\x1b[31m\r\n", 500),
]
SILENT = Reply(b"", "hang")

FAILURES = [
    *[Failure(f"token-{n}", pay, (), [reply] * 3) for n, reply in enumerate(TOKEN_REFUSALS)],
    *[Failure(f"pay-{n}", pay, [reply] * 4) for n, reply in enumerate(ANSWERS)],
    *[Failure(f"read-{n}", read, [reply] * 4) for n, reply in enumerate(ANSWERS[::3])],
    *[Failure(f"person-{n}", add_person, [reply] * 4) for n, reply in enumerate(ANSWERS[1::2])],
    *[Failure(f"account-{n}", add_account, [reply] * 4) for n, reply in enumerate(ANSWERS[::4])],
    Failure("silent", add_person, [SILENT] * 3),
    Failure("silent token", pay, (), [SILENT] * 3),
    Failure("wrong person", add_wrong_person),
    Failure("odd person", add_person_of_odd_text),
    Failure("broken account", add_broken_account),
    Failure("wrong key", ask_wrongly),
    Failure("wrong header", ask_with_a_wrong_header),
    Failure("wrong name", upload_wrongly),
    Failure("upload", upload, [failure(500, "x")] * 3),
    Failure("export", export, [LOST]),
    Failure("stream", stream, [raw(b"x", "Content-Encoding: gzip\r\n")] * 3),
    Failure("money", read, [answer(200, {"data": {**BALANCE, "total": "NaN", "id": ACCOUNT["iban"]}})]),
    Failure("list", list_all, [answer(200, {"data": [PAYOUT], "has_more": True})]),
]
