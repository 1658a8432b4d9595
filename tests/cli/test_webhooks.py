from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from anton_async.cli.commands import anton
from anton_async.webhooks import sign

SECRET = "whsec_" + "0123456789abcdef" * 4
OTHER = "whsec_" + "f" * 64
BODY = b'{"id": "evt_1", "type": "beneficiary.deleted", "created_at": "2026-09-14T09:00:00Z", "data": {"id": "ben_1"}}'


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTON_WEBHOOK_SECRETS", f"{OTHER}, {SECRET}")


def verify(body: bytes, *arguments: str) -> Result:
    return CliRunner().invoke(anton, ["webhooks", "verify", *arguments], input=body, catch_exceptions=False)


def as_options(headers: dict[str, str]) -> list[str]:
    return [part for name, value in headers.items() for part in ("-H", f"{name.title()}: {value}")]


def test_a_genuine_delivery_is_named() -> None:
    result = verify(BODY, *as_options(sign(SECRET, BODY)))

    assert (result.exit_code, result.stdout, result.stderr) == (0, "beneficiary.deleted evt_1\n", "")


@pytest.mark.parametrize("written", ["lines", "json", "json with lists", "curl"])
def test_body_and_headers_may_be_files(tmp_path: Path, written: str) -> None:
    body, headers, given = tmp_path / "body", tmp_path / "headers", sign(SECRET, BODY)
    body.write_bytes(BODY)
    headers.write_text(
        {
            "lines": "POST /hooks HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in given.items()),
            "json": json.dumps(given),
            "json with lists": json.dumps({name: [value] for name, value in given.items()}),
            "curl": "".join(f"> {name}: {value}\n" for name, value in given.items()),
        }[written]
    )

    result = verify(b"", str(body), "--headers", str(headers))

    assert (result.exit_code, result.stdout) == (0, "beneficiary.deleted evt_1\n")


# When they are made is up to each test: this module may have been read long before.
SIGNED: dict[str, Callable[[], dict[str, str]]] = {
    "not at all": dict[str, str],
    "now": lambda: sign(SECRET, BODY),
    "by another": lambda: sign("whsec_" + "a" * 64, BODY),
    "long ago": lambda: sign(SECRET, BODY, timestamp=int(time.time()) - 4000),
    "ahead of time": lambda: sign(SECRET, BODY, timestamp=int(time.time()) + 4000),
}


@pytest.mark.parametrize(
    ("body", "signed", "reason"),
    [
        (BODY, "not at all", "No x-webhook-signature and no x-webhook-timestamp among the headers"),
        (b"", "now", "There is no body"),
        (BODY, "by another", f"not signed with one of the secrets. {len(BODY)} bytes were read"),
        (BODY + b"\n", "now", "ends in a line break"),
        (BODY, "long ago", "seconds ago, where 300 are allowed"),
        (BODY, "ahead of time", "seconds ahead, where 300 are allowed"),
    ],
)
def test_a_refused_delivery_has_a_reason(body: bytes, signed: str, reason: str) -> None:
    result = verify(body, *as_options(SIGNED[signed]()))

    assert (result.exit_code, result.stdout) == (1, "")
    assert reason in result.stderr
    assert SECRET not in result.output


def test_an_older_delivery_passes_with_more_tolerance() -> None:
    headers = as_options(sign(SECRET, BODY, timestamp=int(time.time()) - 90_000))

    assert verify(BODY, *headers, "--tolerance", "100000").exit_code == 0


@pytest.mark.parametrize(("body", "problem"), [(b"[]", "is not as documented"), (b"{", "is not JSON")])
def test_a_genuine_delivery_without_an_event_has_a_code_of_its_own(body: bytes, problem: str) -> None:
    result = verify(body, *as_options(sign(SECRET, body)))

    assert (result.exit_code, result.stdout) == (65, "")
    assert f"Signed by Anton, but no event: The body of the delivery {problem}" in result.stderr


def test_an_event_of_a_newer_type_is_named_with_a_remark() -> None:
    body = b'{"id": "evt_2", "type": "moon.\\u001b[2Jlanded", "data": {}}'

    result = verify(body, *as_options(sign(SECRET, body)))

    assert (result.exit_code, result.stdout) == (0, "moon.\\x1b[2Jlanded evt_2\n")
    assert "does not know that type" in result.stderr


@pytest.mark.parametrize("secrets", ["", " , "])
def test_without_a_secret_nothing_is_verified(monkeypatch: pytest.MonkeyPatch, secrets: str) -> None:
    monkeypatch.setenv("ANTON_WEBHOOK_SECRETS", secrets)

    result = verify(BODY, *as_options(sign(SECRET, BODY)))

    assert result.exit_code == 2
    assert "Set ANTON_WEBHOOK_SECRETS" in result.stderr


def test_headers_that_only_look_like_json_are_told(tmp_path: Path) -> None:
    headers = tmp_path / "headers"
    headers.write_text("{nope")

    assert verify(BODY, "--headers", str(headers)).exit_code == 2


def test_a_header_without_a_colon_is_told() -> None:
    result = verify(BODY, "-H", "garbage")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "-H wants 'NAME: VALUE', not 'garbage'." in result.stderr
