from __future__ import annotations

import asyncio
import base64
import json

import pytest

from anton_async import ConfigurationError, Outcome, TokenError, TransportError
from anton_async.auth.tokens import AccessToken, TokenSource, read_token
from tests.support.clock import SteppedClock


def body(**changes: object) -> bytes:
    fields: dict[str, object] = {"access_token": "opaque", "token_type": "DPoP", "expires_in": 3600, **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not ...}).encode()


def jwt(claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJFUzI1NiJ9.{payload}.c2ln"


@pytest.mark.fault("B01")
@pytest.mark.parametrize("token_type", ["DPoP", "dpop", "DPOP"])
def test_token_type_is_compared_without_case(token_type: str) -> None:
    assert read_token(body(token_type=token_type), now=0, thumbprint="t").value == "opaque"


@pytest.mark.fault("B01")
@pytest.mark.parametrize("token_type", ["Bearer", ..., None, 1])
def test_a_token_that_is_not_bound_is_refused(token_type: object) -> None:
    with pytest.raises(TokenError, match="token_type"):
        read_token(body(token_type=token_type), now=0, thumbprint="t")


@pytest.mark.fault("B02")
@pytest.mark.parametrize(
    ("expires_in", "at_most"),
    [
        (3600, 3600),
        ("3600", 3600),
        (3600.5, 3600.5),
        (0, 60),
        (-1, 60),
        (-1e300, 60),
        (10**400, 86400),
        ("1e9", 60),
        ("٣", 60),
        ([3600], 60),
        (10**9, 86400),
        (..., 60),
        (None, 60),
        (True, 60),
        ("x", 60),
    ],
)
def test_no_lifetime_keeps_a_token_for_ever(expires_in: object, at_most: float) -> None:
    token = read_token(body(expires_in=expires_in), now=100, thumbprint="t")

    assert 100 <= token.expires_at <= 100 + at_most
    assert token.refresh_at <= token.expires_at


@pytest.mark.fault("B02", "B06")
@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b'{"access_token"', b"\xef\xbb\xbf{}", b'{"expires_in": NaN}', b"null"]
)
def test_a_body_that_is_no_object_is_refused(content: bytes) -> None:
    with pytest.raises(TokenError, match="JSON object"):
        read_token(content, now=0, thumbprint="t")


@pytest.mark.fault("B03")
@pytest.mark.parametrize("value", [..., "", 7, "a b", "a\r\nb", "é", "x" * 1024 * 1024])
def test_a_token_that_is_no_token_is_refused_without_repeating_it(value: object) -> None:
    with pytest.raises(TokenError, match="access_token") as caught:
        read_token(body(access_token=value), now=0, thumbprint="t")

    assert not isinstance(value, str) or len(value) < 2 or value not in str(caught.value)


@pytest.mark.fault("B04", "B05")
def test_a_token_bound_to_another_key_is_refused() -> None:
    for claims in ({"cnf": {"jkt": "ours"}}, {"sub": "no cnf"}):
        read_token(body(access_token=jwt(claims)), now=0, thumbprint="ours")

    with pytest.raises(TokenError, match="another key"):
        read_token(body(access_token=jwt({"cnf": {"jkt": "theirs"}})), now=0, thumbprint="ours")


class Mint:
    """A token endpoint that counts, can be held, and can fail."""

    def __init__(self, clock: SteppedClock) -> None:
        self.clock = clock
        self.calls = 0
        self.open = asyncio.Event()
        self.open.set()
        self.error: TransportError | None = None

    async def __call__(self) -> AccessToken:
        self.calls += 1
        await self.open.wait()
        if self.error is not None:
            raise self.error
        now = self.clock.monotonic()
        return AccessToken(f"t{self.calls}", refresh_at=now + 100, expires_at=now + 200)


@pytest.fixture
def mint(clock: SteppedClock) -> Mint:
    return Mint(clock)


@pytest.fixture
def source(mint: Mint, clock: SteppedClock) -> TokenSource:
    return TokenSource(mint, clock)


@pytest.mark.fault("B10")
async def test_a_hundred_callers_share_one_mint(source: TokenSource, mint: Mint) -> None:
    tokens = await asyncio.gather(*(source.get() for _ in range(100)))

    assert (mint.calls, {token.value for token in tokens}) == (1, {"t1"})


@pytest.mark.fault("B10", "E16")
async def test_a_failed_mint_gives_every_waiter_an_error_of_its_own(source: TokenSource, mint: Mint) -> None:
    mint.error = TransportError("down")

    errors = await asyncio.gather(*(source.get() for _ in range(100)), return_exceptions=True)

    assert mint.calls == 1
    assert len({id(error) for error in errors}) == 100
    assert {error.outcome for error in errors if isinstance(error, TransportError)} == {Outcome.NOT_SENT}


@pytest.mark.fault("B11")
async def test_the_others_get_the_token_when_the_first_caller_is_cancelled(source: TokenSource, mint: Mint) -> None:
    mint.open.clear()
    callers = [asyncio.create_task(source.get()) for _ in range(100)]
    await asyncio.sleep(0)

    callers[0].cancel()
    mint.open.set()

    tokens = await asyncio.gather(*callers[1:])
    assert (mint.calls, {token.value for token in tokens}) == (1, {"t1"})


@pytest.mark.fault("B12")
async def test_a_failure_that_nobody_waits_for_leaves_no_warning(source: TokenSource, mint: Mint) -> None:
    mint.open.clear()
    caller = asyncio.create_task(source.get())
    await asyncio.sleep(0)
    caller.cancel()
    mint.error = TransportError("down")

    mint.open.set()
    for _ in range(5):
        await asyncio.sleep(0)

    assert [task for task in asyncio.all_tasks() if task.get_name() == "anton-token-renewal"] == []


async def test_one_caller_renews_ahead_while_others_keep_the_old_token(
    source: TokenSource, mint: Mint, clock: SteppedClock
) -> None:
    await source.get()
    clock.step(150)
    mint.open.clear()

    advisory = [(await source.get()).value for _ in range(3)]
    mint.open.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert advisory == ["t1"] * 3
    assert ((await source.get()).value, mint.calls) == ("t2", 2)


@pytest.mark.fault("B17")
async def test_a_failed_renewal_ahead_of_time_keeps_the_old_token(
    source: TokenSource, mint: Mint, clock: SteppedClock, caplog: pytest.LogCaptureFixture
) -> None:
    await source.get()
    clock.step(150)
    mint.error = TransportError("down")

    for _ in range(20):
        assert (await source.get()).value == "t1"
        await asyncio.sleep(0)

    assert mint.calls == 2
    assert "no access token could be fetched" in caplog.text
    clock.step(60)
    with pytest.raises(TransportError):
        await source.get()


@pytest.mark.fault("B15")
async def test_a_late_refusal_of_an_old_token_does_not_drop_the_new_one(source: TokenSource, mint: Mint) -> None:
    old = await source.get()
    source.invalidate(old)
    new = await source.get()

    source.invalidate(old)

    assert await source.get() is new
    assert mint.calls == 2


@pytest.mark.fault("B21")
async def test_closing_ends_a_mint_under_way(source: TokenSource, mint: Mint) -> None:
    mint.open.clear()
    caller = asyncio.create_task(source.get())
    await asyncio.sleep(0)

    await source.close()

    with pytest.raises(ConfigurationError, match="closed"):
        await caller
    with pytest.raises(ConfigurationError, match="closed"):
        await source.get()
