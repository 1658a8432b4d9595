"""Keys that live elsewhere: checked when they are given, awaited when a request leaves."""

from __future__ import annotations

import asyncio
import base64
import copy
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from requests_oauth2client.dpop import validate_dpop_proof

from anton_async import ConfigurationError, DPoPKey, OAuthCredentials, Outcome, Signer, SignerError
from anton_async.auth.keys import Algorithm, encode_header, import_public
from anton_async.auth.signer import RemoteKey
from tests.conftest import ClientMaker
from tests.support.clock import SteppedClock
from tests.support.examples import BALANCE, ORDER, PAYOUT
from tests.support.raw_server import LOST, RawServer, answer

ROOT = Path(__file__).resolve().parent.parent.parent
CREATED = answer(201, {"data": PAYOUT})
HEADER = encode_header({"typ": "dpop+jwt", "alg": "ES256"})


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Vault:
    """A signer whose signatures can be spoiled on their way; raw, as JOSE wants them, by default."""

    def __init__(self, algorithm: Algorithm = "ES256", timeout: float = 5.0) -> None:
        self.algorithm: Algorithm = algorithm
        self.timeout = timeout
        self.calls = 0
        self.spoil: Callable[[bytes], Awaitable[Any]] | None = None
        self._ec = ec.generate_private_key(ec.SECP256R1())
        self._ed = ed25519.Ed25519PrivateKey.generate()

    @property
    def public_jwk(self) -> Mapping[str, str]:
        if self.algorithm == "EdDSA":
            return {"kty": "OKP", "crv": "Ed25519", "x": text(self._ed.public_key().public_bytes_raw())}
        point = self._ec.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "x": text(point.x.to_bytes(32)), "y": text(point.y.to_bytes(32))}

    def der(self, data: bytes) -> bytes:
        return self._ec.sign(data, ec.ECDSA(hashes.SHA256()))

    def raw(self, data: bytes) -> bytes:
        if self.algorithm == "EdDSA":
            return self._ed.sign(data)
        r, s = decode_dss_signature(self.der(data))
        return r.to_bytes(32) + s.to_bytes(32)

    async def sign(self, data: bytes) -> bytes:
        self.calls += 1
        await asyncio.sleep(0)
        signature: bytes = self.raw(data) if self.spoil is None else await self.spoil(data)
        return signature


@pytest.fixture
def vault() -> Vault:
    return Vault()


def credentials_with(key: Signer) -> OAuthCredentials:
    return OAuthCredentials(client_id="ant_oc_test_1", client_secret="s", key=key)


async def give(value: object) -> object:
    return value


async def hang(data: bytes) -> bytes:
    await asyncio.Event().wait()
    return data


async def fail(data: bytes) -> bytes:
    raise RuntimeError("aws_secret_access_key=hidden")


FAULTY: dict[str, Callable[[Vault], Callable[[bytes], Awaitable[Any]]]] = {
    "63 bytes": lambda vault: lambda data: give(vault.raw(data)[:63]),
    "65 bytes": lambda vault: lambda data: give(vault.raw(data) + b"x"),
    "empty": lambda vault: lambda data: give(b""),
    "text": lambda vault: lambda data: give(vault.raw(data).hex()),
    "nothing": lambda vault: lambda data: give(None),
    "broken DER": lambda vault: lambda data: give(vault.der(data)[:-1]),
    "too large DER": lambda vault: lambda data: give(b"\x30\x28\x02\x23\x01" + b"\x00" * 34 + b"\x02\x01\x01"),
    "another key": lambda vault: lambda data: give(Vault().raw(data)),
    "another key, DER": lambda vault: lambda data: give(Vault().der(data)),
    "other data": lambda vault: lambda data: give(vault.raw(data + b"x")),
    "raises": lambda vault: fail,
    "hangs": lambda vault: hang,
}
PASSING = {"raises", "hangs"}


@pytest.mark.fault("A32")
@pytest.mark.parametrize("form", ["raw", "DER"])
async def test_every_signature_is_64_bytes_and_verifies(vault: Vault, form: str) -> None:
    if form == "DER":
        vault.spoil = lambda data: give(vault.der(data))
    key = RemoteKey(vault)
    lengths: set[int] = set()
    has_short = False  # r or s below 2^248, one in 128

    while vault.calls < 100 or (not has_short and vault.calls < 10_000):
        signature = base64.urlsafe_b64decode((await key.sign(HEADER, b"%d" % vault.calls)).rpartition(".")[2] + "==")
        lengths.add(len(signature))
        has_short = has_short or signature[0] == 0 or signature[32] == 0

    assert lengths == {64}
    assert has_short


@pytest.mark.parametrize("name", FAULTY)
async def test_what_a_signer_does_wrong_is_a_typed_error(name: str) -> None:
    vault = Vault(timeout=0.02 if name == "hangs" else 5.0)
    vault.spoil = FAULTY[name](vault)

    with pytest.raises(SignerError) as caught:
        await RemoteKey(vault).sign(HEADER, b"x")

    assert (caught.value.outcome, caught.value.is_retryable) == (Outcome.NOT_SENT, name in PASSING)
    assert caught.value.__context__ is None
    assert "hidden" not in repr(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert (type(again), vars(again)) == (SignerError, vars(caught.value))


async def test_a_cancelled_call_cancels_its_signature(vault: Vault) -> None:
    vault.spoil = hang
    signing = asyncio.create_task(RemoteKey(vault).sign(HEADER, b"x"))
    await asyncio.sleep(0)

    signing.cancel()

    with pytest.raises(asyncio.CancelledError):
        await signing


@pytest.mark.fault("K01", "K02", "K03")
@pytest.mark.parametrize(
    "change",
    [
        {"public_jwk": {}},
        {"public_jwk": {"kty": "RSA", "n": "x", "e": "AQAB"}},
        {"public_jwk": {"kty": "EC", "crv": "P-384", "x": "x", "y": "y"}},
        {"public_jwk": {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}},
        {"public_jwk": {"kty": "EC", "crv": "P-256", "x": "AAAA"}},
        {"public_jwk": {"kty": "OKP", "crv": "Ed25519", "x": "!"}},
        {"algorithm": "EdDSA"},
        {"algorithm": "none"},
        {"timeout": 0},
        {"timeout": float("inf")},
        {"timeout": None},
    ],
    ids=str,
)
def test_a_signer_that_cannot_be_used_is_refused_when_it_is_given(vault: Vault, change: dict[str, Any]) -> None:
    class Odd:
        algorithm: Any = vault.algorithm
        public_jwk: Any = vault.public_jwk
        timeout: Any = vault.timeout
        sign = vault.sign

    for name, value in change.items():
        setattr(Odd, name, value)

    with pytest.raises(ConfigurationError):
        credentials_with(Odd())


def test_only_the_public_members_are_taken(vault: Vault) -> None:
    jwk = {**vault.public_jwk, "d": "hidden", "kid": "k1", "use": "sig"}

    assert dict(import_public(jwk).members) == dict(vault.public_jwk)


@pytest.mark.fault("I01", "I06")
def test_a_remote_key_shows_its_thumbprint_and_does_not_travel(vault: Vault) -> None:
    credentials = credentials_with(vault)

    assert repr(credentials.key) == f"RemoteKey(ES256, thumbprint={credentials.key.thumbprint})"
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="does not pickle"):
            take(credentials.key)


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
async def test_proofs_signed_elsewhere_are_accepted(
    make_client: ClientMaker, server: RawServer, clock: SteppedClock, algorithm: Algorithm
) -> None:
    clock.now = time.time()
    vault = Vault(algorithm)
    if algorithm == "ES256":
        vault.spoil = lambda data: give(vault.der(data))
    server.script(LOST, CREATED, answer(200, {"data": BALANCE}))

    async with make_client(credentials_with(vault)) as anton:
        await anton.payouts.create(**ORDER)
        await anton.balances.retrieve("USD")

    requests = [*server.token_calls, *server.requests]
    assert vault.calls == len(requests) == 4
    assert len({request.proof["jti"] for request in requests}) == 4
    assert server.requests[0].headers["idempotency-key"] == server.requests[1].headers["idempotency-key"]
    for request in requests:
        url = server.base_url + request.target
        validate_dpop_proof(
            request.headers["dpop"],
            htm=request.method,
            htu=url,
            ath=request.proof.get("ath"),
            alg=algorithm,
            algs=[algorithm],
        )


@pytest.mark.fault("A31")
@pytest.mark.parametrize("name", FAULTY)
async def test_a_request_that_cannot_be_signed_does_not_leave(
    make_client: ClientMaker, server: RawServer, name: str
) -> None:
    vault = Vault(timeout=0.02 if name == "hangs" else 5.0)
    vault.spoil = FAULTY[name](vault)

    async with make_client(credentials_with(vault), max_retries=1) as anton:
        with pytest.raises(SignerError) as caught:
            await anton.payouts.create(**ORDER)

    assert caught.value.outcome is Outcome.NOT_SENT
    assert (server.token_calls, server.requests) == ([], [])
    assert vault.calls == (2 if name in PASSING else 1)


@pytest.mark.fault("A31")
async def test_a_signer_that_fails_after_the_token_call_fails_the_call_alone(
    make_client: ClientMaker, server: RawServer, vault: Vault
) -> None:
    server.script(CREATED)

    async with make_client(credentials_with(vault)) as anton:
        await anton.warm_up()
        vault.spoil = lambda data: give(vault.raw(data)[:63])
        with pytest.raises(SignerError) as caught:
            await anton.payouts.create(**ORDER, idempotency_key="k1")
        vault.spoil = None
        await anton.payouts.create(**ORDER, idempotency_key="k1")

    assert (caught.value.outcome, caught.value.idempotency_key) == (Outcome.NOT_SENT, "k1")
    assert (len(server.token_calls), len(server.requests)) == (1, 1)


@pytest.mark.fault("A31")
async def test_a_signer_that_fails_now_and_then_is_asked_again(
    make_client: ClientMaker, server: RawServer, vault: Vault
) -> None:
    async def fail_once(data: bytes) -> bytes:
        vault.spoil = None
        return await fail(data)

    server.script(CREATED)

    async with make_client(credentials_with(vault)) as anton:
        await anton.warm_up()
        vault.spoil = fail_once
        await anton.payouts.create(**ORDER)

    assert (vault.calls, len(server.requests)) == (3, 1)


@pytest.mark.fault("A31")
async def test_a_signer_that_fails_after_a_lost_answer_leaves_the_outcome_unknown(
    make_client: ClientMaker, server: RawServer, vault: Vault
) -> None:
    server.script(LOST)

    async with make_client(credentials_with(vault)) as anton:
        await anton.warm_up()

        async def sign_once(data: bytes) -> bytes:
            vault.spoil = lambda later: give(vault.raw(later)[:63])
            return vault.raw(data)

        vault.spoil = sign_once
        with pytest.raises(SignerError) as caught:
            await anton.payouts.create(**ORDER)

    assert caught.value.outcome is Outcome.UNKNOWN
    assert len(server.requests) == 1


async def test_a_hundred_calls_are_signed_side_by_side(
    make_client: ClientMaker, server: RawServer, vault: Vault
) -> None:
    server.script(*[CREATED] * 100)
    together = 0

    async def meet(data: bytes) -> bytes:
        nonlocal together
        together += 1
        async with asyncio.timeout(5):
            while together < 100:  # noqa: ASYNC110 - the signatures wait for each other
                await asyncio.sleep(0)
        return vault.raw(data)

    async with make_client(credentials_with(vault)) as anton:
        await anton.warm_up()
        vault.spoil = meet
        await asyncio.gather(*(anton.payouts.create(**ORDER) for _ in range(100)))

    assert len({request.proof["jti"] for request in server.requests}) == 100


async def test_the_example_pays_with_a_key_it_never_sees(tmp_path: Path, server: RawServer) -> None:
    file = tmp_path / "key.pem"
    file.write_text(DPoPKey.generate().private_pem())
    server.script(answer(200, {"data": [BALANCE]}))
    environment = {
        **os.environ,
        "ANTON_CLIENT_ID": "ant_oc_test_1",
        "ANTON_CLIENT_SECRET": "s",
        "ANTON_DPOP_KEY_FILE": str(file),
        "ANTON_BASE_URL": server.base_url,
        "PYTHONPATH": str(ROOT),
    }

    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-W", "error", str(ROOT / "examples" / "kms_signer.py")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "USD 10.10\n", "")
