from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from yarl import URL

from anton_async import DPoPKey
from anton_async.auth.keys import encode_header, import_public, verifies
from anton_async.auth.proof import Prover, ath, htu
from tests.support.clock import SteppedClock

TOKEN = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
URL_ = URL("https://api.antonpayments.dev/v1/payouts?limit=1")


RFC_PROOF = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0Vj"
    "NoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5"
    "VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19."
    "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbG"
    "UuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjY1Mjk2fQ."
    "pAqut2IRDm_De6PR93SYmGBPXpwrAk90e8cP2hjiaG5QsGSuKDYW7_X620BxqhvYC8ynrrvZLTk41mSRroapUA"
)


def part(proof: str, index: int) -> Any:
    return json.loads(base64.urlsafe_b64decode(proof.split(".")[index] + "=="))


@pytest.fixture
def prover(dpop_key: DPoPKey, clock: SteppedClock) -> Prover:
    return Prover(dpop_key, clock)


@pytest.mark.fault("A01")
def test_ath_is_the_one_of_rfc_9449() -> None:
    assert ath(TOKEN) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


@pytest.mark.fault("A01")
def test_the_proof_of_rfc_9449_verifies_under_its_key() -> None:
    key = import_public(part(RFC_PROOF, 0)["jwk"])

    assert verifies(RFC_PROOF, key)
    assert not verifies(RFC_PROOF[:-4] + "AAAA", key)
    assert key.thumbprint == "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"


@pytest.mark.fault("A01")
def test_claims_are_those_of_the_rfc_examples(prover: Prover, clock: SteppedClock) -> None:
    clock.now = 1562262618.9

    claims = part(prover.prove("GET", URL("https://resource.example.org/protectedresource"), TOKEN), 1)

    claims.pop("jti")
    assert claims == {
        "htm": "GET",
        "htu": "https://resource.example.org/protectedresource",
        "iat": 1562262618,
        "ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo",
    }


@pytest.mark.fault("A02")
def test_the_header_holds_type_algorithm_and_the_public_key_only(prover: Prover, dpop_key: DPoPKey) -> None:
    header = part(prover.prove("GET", URL_), 0)

    assert header == {"typ": "dpop+jwt", "alg": "ES256", "jwk": dpop_key.public_jwk}


def test_the_signature_verifies_under_the_key_in_the_header(prover: Prover) -> None:
    proof = prover.prove("GET", URL_)

    jws.deserialize_compact(proof, ECKey.import_key(part(proof, 0)["jwk"]), algorithms=["ES256"])


@pytest.mark.fault("A32")
def test_every_es256_signature_is_64_bytes_long(dpop_key: DPoPKey) -> None:
    lengths = {
        len(base64.urlsafe_b64decode(dpop_key.sign(encode_header({"alg": "ES256"}), b"%d" % i).split(".")[2] + "=="))
        for i in range(600)
    }

    assert lengths == {64}


@pytest.mark.fault("A04")
def test_no_two_proofs_share_a_jti(prover: Prover) -> None:
    ids = {part(prover.prove("GET", URL_), 1)["jti"] for _ in range(10_000)}

    assert len(ids) == 10_000
    assert min(len(base64.urlsafe_b64decode(jti + "==")) for jti in ids) >= 12


@pytest.mark.fault("A10")
def test_a_token_call_has_no_ath(prover: Prover) -> None:
    assert "ath" not in part(prover.prove("POST", URL_), 1)


@pytest.mark.fault("A07")
@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("HTTPS://API.Example.COM:443/v1/payouts?x=1#f", "https://api.example.com/v1/payouts"),
        ("https://api.example.com", "https://api.example.com/"),
        ("https://api.example.com:8443/a", "https://api.example.com:8443/a"),
        ("http://h:80/a", "http://h/a"),
        ("https://u:p@h/a", "https://h/a"),
        ("https://[::1]:443/a", "https://[::1]/a"),
        ("https://h/a/./b/../c", "https://h/a/c"),
        ("https://h/%7Euser", "https://h/~user"),
        ("https://h/a%2fb", "https://h/a%2Fb"),
        ("https://h/é", "https://h/%C3%A9"),
        ("https://bücher.example/a", "https://xn--bcher-kva.example/a"),
        ("https://h/a b", "https://h/a%20b"),
        ("https://h//a", "https://h//a"),
        ("https://h/a?", "https://h/a"),
    ],
)
def test_htu_is_scheme_authority_and_path_as_sent(url: str, wanted: str) -> None:
    assert htu(URL(url)) == wanted


def test_a_nonce_goes_back_to_the_origin_it_came_from(prover: Prover) -> None:
    prover.nonces.learn(URL("https://a.example/oauth/token"), ["n1"])

    assert part(prover.prove("GET", URL("https://a.example/v1/x")), 1)["nonce"] == "n1"
    assert "nonce" not in part(prover.prove("GET", URL("https://b.example/v1/x")), 1)


@pytest.mark.fault("A20", "A21")
@pytest.mark.parametrize(
    "values", [[], [""], [" "], ["a b"], ['a"b'], ["a\\b"], ["a\x00b"], ["é"], ["x" * 65536], ["n2", "n3"]]
)
def test_a_malformed_or_doubled_nonce_leaves_the_old_one(prover: Prover, values: list[str]) -> None:
    prover.nonces.learn(URL_, ["n1"])

    prover.nonces.learn(URL_, values)

    assert prover.nonces.get(URL_) == "n1"


@pytest.mark.fault("A22")
def test_nonces_of_ten_thousand_origins_stay_bounded(prover: Prover) -> None:
    for number in range(10_000):
        prover.nonces.learn(URL(f"https://h{number}.example/"), ["n"])

    kept = [number for number in range(10_000) if prover.nonces.get(URL(f"https://h{number}.example/"))]
    assert kept == list(range(10_000 - 64, 10_000))


@pytest.mark.fault("A26", "A27")
@pytest.mark.parametrize("wrong_by", [-600, 600])
def test_iat_follows_the_server_clock_once_it_is_known(prover: Prover, clock: SteppedClock, wrong_by: int) -> None:
    clock.now = 1562262618 + wrong_by

    assert prover.learn_time(["Thu, 04 Jul 2019 17:50:18 GMT"], elapsed=0.1)

    assert abs(part(prover.prove("GET", URL_), 1)["iat"] - 1562262618) <= 1


@pytest.mark.fault("A28", "A29")
@pytest.mark.parametrize(
    ("values", "elapsed"),
    [
        ([], 0.1),
        (["soon"], 0.1),
        (["Mon, 01 Jan 0001 00:00:00 GMT"], 0.1),
        (["Fri, 31 Dec 9999 23:59:59 GMT"], 0.1),
        (["Thu, 04 Jul 2019 17:50:18 GMT"] * 2, 0.1),
        (["Thu, 04 Jul 2019 17:50:18 GMT"], 30.0),
    ],
)
def test_a_date_that_says_nothing_about_now_is_ignored(
    prover: Prover, clock: SteppedClock, values: list[str], elapsed: float
) -> None:
    assert not prover.learn_time(values, elapsed)

    assert part(prover.prove("GET", URL_), 1)["iat"] == int(clock.now)
