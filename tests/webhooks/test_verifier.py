"""A delivery is taken for Anton's only when it is: every forgery, replay and malformed header is refused."""

from __future__ import annotations

import hashlib
import hmac
import json
import pickle
import traceback
from typing import Any, cast

import pytest
from multidict import CIMultiDict

from anton_async import ConfigurationError, WebhookPayloadError, WebhookSignatureError
from anton_async.webhooks import UnknownEvent, WebhookVerifier, sign

NOW = 1_789_376_400
SECRET = "whsec_" + "0123456789abcdef" * 4
OTHER = "whsec_" + "fedcba9876543210" * 4
BODY = json.dumps(
    {"id": "evt_01K5", "type": "beneficiary.deleted", "created_at": "2026-09-14T09:00:00Z", "data": {"id": "ben_01K5"}}
).encode()


def verifier(*secrets: str, tolerance: float = 300.0) -> WebhookVerifier:
    return WebhookVerifier(secrets or SECRET, tolerance=tolerance, clock=lambda: NOW)


def signed(body: bytes = BODY, secret: str = SECRET, timestamp: int = NOW) -> dict[str, str]:
    return sign(secret, body, timestamp=timestamp)


def test_the_signature_is_what_the_documented_recipe_gives() -> None:
    digest = hmac.new(SECRET.encode(), f"{NOW}.".encode() + BODY, hashlib.sha256).hexdigest()

    assert signed() == {"x-webhook-timestamp": str(NOW), "x-webhook-signature": f"v1={digest}"}


@pytest.mark.fault("G01")
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_genuine_delivery_is_read(kind: Any) -> None:
    event = verifier().unwrap(kind(BODY), signed())

    assert (event.id, event.type) == ("evt_01K5", "beneficiary.deleted")


@pytest.mark.fault("G01")
def test_text_is_refused_because_only_the_bytes_can_be_verified() -> None:
    with pytest.raises(ConfigurationError, match="raw bytes"):
        verifier().unwrap(cast("bytes", BODY.decode()), signed())


def flipped(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


@pytest.mark.fault("G02")
def test_one_bit_anywhere_makes_a_forgery() -> None:
    headers = signed()
    for position in range(len(BODY)):
        body = bytearray(BODY)
        body[position] ^= 1
        with pytest.raises(WebhookSignatureError):
            verifier().unwrap(body, headers)
    for name in headers:
        with pytest.raises(WebhookSignatureError):
            verifier().unwrap(BODY, {**headers, name: flipped(headers[name])})
    with pytest.raises(WebhookSignatureError):
        verifier(flipped(SECRET)).unwrap(BODY, headers)


@pytest.mark.fault("G03")
def test_the_same_json_written_differently_is_another_body() -> None:
    for body in (json.dumps(json.loads(BODY), indent=1), json.dumps(json.loads(BODY), sort_keys=True)):
        with pytest.raises(WebhookSignatureError):
            verifier().unwrap(body.encode(), signed())


@pytest.mark.fault("G04")
@pytest.mark.parametrize("age", [-301, 301])
def test_a_delivery_too_far_from_now_is_refused(age: int) -> None:
    with pytest.raises(WebhookSignatureError, match="too far from now"):
        verifier().unwrap(BODY, signed(timestamp=NOW + age))


@pytest.mark.fault("G04")
@pytest.mark.parametrize("age", [-300, -299, 0, 299, 300])
def test_a_delivery_within_the_tolerance_is_read(age: int) -> None:
    assert verifier().unwrap(BODY, signed(timestamp=NOW + age)).id == "evt_01K5"


@pytest.mark.fault("G05")
@pytest.mark.parametrize(
    "timestamp",
    ["", "-1", "1e9", f"{NOW}.5", f" {NOW}", f"{NOW} ", "\u0661\u0662", "1_0", "1" * 20, "nan", hex(NOW), "+1", "inf"],
)
def test_a_timestamp_is_plain_digits(timestamp: str) -> None:
    digest = hmac.new(SECRET.encode(), f"{timestamp}.".encode() + BODY, hashlib.sha256).hexdigest()

    with pytest.raises(WebhookSignatureError):
        verifier().unwrap(BODY, {"X-Webhook-Timestamp": timestamp, "X-Webhook-Signature": f"v1={digest}"})


GOOD = signed()["x-webhook-signature"]


@pytest.mark.fault("G06")
@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "v1=",
        GOOD.removeprefix("v1="),
        GOOD.replace("v1=", "v1:"),
        "v1=" + GOOD.removeprefix("v1=").upper(),
        GOOD[:-2],
        GOOD[:-1],
        GOOD + "00",
        GOOD.replace(GOOD[-1], "\u00e9"),
        "v1=" + "0" * (1 << 20),
        GOOD.replace("v1=", "v2="),
        "v1=" + "zz" * 32,
    ],
)
def test_a_malformed_signature_is_no_signature(signature: str | None) -> None:
    headers = {"X-Webhook-Timestamp": str(NOW), "X-Webhook-Signature": signature}

    with pytest.raises(WebhookSignatureError):
        verifier().unwrap(BODY, {name: value for name, value in headers.items() if value is not None})


@pytest.mark.fault("G07")
def test_one_good_signature_among_several_is_enough() -> None:
    bad = "v1=" + "0" * 64
    for signature in (f"{bad},{GOOD}", f"{GOOD}, {bad}", f"v2=future,\t{GOOD} "):
        assert verifier().unwrap(BODY, {**signed(), "x-webhook-signature": signature}).id == "evt_01K5"


@pytest.mark.fault("G07")
def test_many_signatures_are_refused_unread() -> None:
    crowd = ",".join(["v1=00"] * 1_000 + [GOOD])

    with pytest.raises(WebhookSignatureError):
        verifier().unwrap(BODY, {**signed(), "x-webhook-signature": crowd})
    with pytest.raises(WebhookSignatureError, match="too many"):
        verifier().unwrap(BODY, {**signed(), "x-webhook-signature": ",".join(["x"] * 16 + [GOOD])})


@pytest.mark.fault("G08")
def test_while_a_secret_is_rotated_both_are_good_and_afterwards_one() -> None:
    both = verifier(SECRET, OTHER)

    assert both.unwrap(BODY, signed(secret=SECRET)).id == both.unwrap(BODY, signed(secret=OTHER)).id
    with pytest.raises(WebhookSignatureError):
        verifier(OTHER).unwrap(BODY, signed(secret=SECRET))


@pytest.mark.fault("G09")
@pytest.mark.parametrize("secrets", ["", "  ", None, [], [SECRET, ""], [None], 7, " " + SECRET, SECRET + "\n"])
def test_a_secret_that_is_none_is_refused_when_the_verifier_is_made(secrets: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        WebhookVerifier(secrets)
    assert SECRET not in str(caught.value)


@pytest.mark.fault("G09")
def test_a_secret_may_be_bytes() -> None:
    assert WebhookVerifier(SECRET.encode(), clock=lambda: NOW).unwrap(BODY, signed()).id == "evt_01K5"


@pytest.mark.fault("G10")
@pytest.mark.parametrize("tolerance", [0, -1, None, float("nan"), float("inf"), True, "300"])
def test_the_age_check_cannot_be_switched_off_by_accident(tolerance: Any) -> None:
    with pytest.raises(ConfigurationError, match="tolerance"):
        WebhookVerifier(SECRET, tolerance=tolerance)


@pytest.mark.fault("G11")
@pytest.mark.parametrize("name", ["x-webhook-signature", "x-webhook-timestamp"])
def test_a_header_given_twice_is_refused(name: str) -> None:
    twice = [*signed().items(), (name.title(), signed()[name])]

    with pytest.raises(WebhookSignatureError, match="once each"):
        verifier().unwrap(BODY, twice)
    with pytest.raises(WebhookSignatureError, match="once each"):
        verifier().unwrap(BODY, {**{key: [value] for key, value in signed().items()}, name: [signed()[name]] * 2})


@pytest.mark.fault("G12")
@pytest.mark.parametrize("spelling", [str.lower, str.upper, str.title])
def test_headers_are_found_in_any_case_and_shape(spelling: Any) -> None:
    named = {spelling(name): value for name, value in signed().items()}
    shapes: list[Any] = [
        named,
        list(named.items()),
        {name: [value] for name, value in named.items()},
        [(name.encode(), value.encode()) for name, value in named.items()],
        CIMultiDict(named),
        iter(named.items()),
    ]

    for shape in shapes:
        assert verifier().unwrap(BODY, shape).id == "evt_01K5"


@pytest.mark.fault("G13")
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'"x"', b"\xff", b'{"id":"evt_1","type":"x","data":' + b"[" * 9_999 + b"]" * 9_999 + b"}"],
)
def test_a_genuine_delivery_that_is_no_event_is_another_error(body: bytes) -> None:
    with pytest.raises(WebhookPayloadError):
        verifier().unwrap(body, signed(body))


@pytest.mark.fault("G13")
def test_a_body_over_the_cap_is_refused() -> None:
    body = b" " * ((1 << 20) + 1)

    with pytest.raises(WebhookPayloadError, match="max_bytes"):
        verifier().unwrap(body, signed(body))


@pytest.mark.fault("G14")
def test_an_event_of_the_future_is_read_as_unknown() -> None:
    body = b'{"id":"evt_1","type":"payout.teleported","created_at":"2026-09-14T09:00:00Z","data":{"to":"Mars"},"v":2}'

    event = verifier().unwrap(body, signed(body))

    assert isinstance(event, UnknownEvent)
    assert event.data == {"to": "Mars"}


@pytest.mark.fault("G16")
def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[object, object]] = []
    compare = hmac.compare_digest

    def spy(ours: Any, theirs: Any) -> bool:
        compared.append((ours, theirs))
        return compare(ours, theirs)

    monkeypatch.setattr("hmac.compare_digest", spy)
    both = {**signed(), "x-webhook-signature": f"{GOOD},v1={'0' * 64}"}

    verifier(SECRET, OTHER).unwrap(BODY, both)

    assert len(compared) == 4


@pytest.mark.fault("G17")
def test_an_error_repeats_nothing_of_body_secret_or_signature() -> None:
    expected = signed()["x-webhook-signature"].removeprefix("v1=")
    body = BODY.replace(b"ben_", b"ben-")
    try:
        verifier().unwrap(body, signed())
    except WebhookSignatureError as error:
        caught = error
    else:
        pytest.fail("the forgery was taken for genuine")

    shown = [str(caught), repr(caught), repr(caught.args), repr(vars(caught)), repr(pickle.loads(pickle.dumps(caught)))]  # noqa: S301 - our own
    shown += traceback.format_exception(caught)
    for secret in (SECRET, expected, "evt_01K5", "ben-"):
        assert not [text for text in shown if secret in text]
    assert SECRET not in repr(verifier())
