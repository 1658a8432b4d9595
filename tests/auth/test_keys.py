from __future__ import annotations

import base64
import copy
import pickle
import stat
import warnings
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from anton_async import ConfigurationError, DPoPKey, OAuthCredentials
from anton_async.auth.keys import Algorithm, encode_header

RFC8037 = {
    "kty": "OKP",
    "crv": "Ed25519",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
RFC7515 = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
}


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


SSH = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
    .decode()
)


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_a_key_survives_its_pem(algorithm: Algorithm) -> None:
    key = DPoPKey.generate(algorithm)

    again = DPoPKey.from_pem(key.private_pem())

    assert (again.algorithm, again.thumbprint, again.public_jwk) == (algorithm, key.thumbprint, key.public_jwk)


def test_thumbprint_is_the_one_of_rfc_8037() -> None:
    assert DPoPKey.from_jwk(RFC8037).thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_ed25519_signs_as_eddsa_exactly_like_rfc_8037() -> None:
    signed = DPoPKey.from_jwk(RFC8037).sign(encode_header({"alg": "EdDSA"}), b"Example of Ed25519 signing")

    assert signed == (
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )


@pytest.mark.fault("A03")
def test_only_the_public_members_of_a_jwk_are_kept() -> None:
    extra = {"kid": "k1", "use": "sig", "alg": "ES256", "x5c": "c", "key_ops": "sign"}

    key = DPoPKey.from_jwk({**RFC7515, **extra})

    assert set(key.public_jwk) == {"kty", "crv", "x", "y"}


@pytest.mark.fault("K01", "I08")
@pytest.mark.parametrize(
    "pem",
    [
        RSAKey.generate_key(2048).as_pem(private=True).decode(),
        ECKey.generate_key("P-384").as_pem(private=True).decode(),
        ECKey.generate_key("secp256k1").as_pem(private=True).decode(),
        OKPKey.generate_key("X25519").as_pem(private=True).decode(),
        ECKey.generate_key("P-256").as_pem(private=False).decode(),
        OKPKey.generate_key("Ed448").as_pem(private=True).decode(),
        SSH,
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----",
        "garbage",
        "",
    ],
    ids=["rsa", "p384", "secp256k1", "x25519", "public", "ed448", "ssh", "certificate", "broken", "garbage", "empty"],
)
def test_a_pem_of_another_kind_is_refused_without_repeating_it(pem: str) -> None:
    with pytest.raises(ConfigurationError, match=r"P-256.*Ed25519") as caught:
        DPoPKey.from_pem(pem)

    lines = [line for line in pem.splitlines() if line and "-----" not in line]
    assert not any(line in str(caught.value) for line in lines)


@pytest.mark.fault("K01")
def test_der_is_refused_as_text_and_as_a_file(tmp_path: Path) -> None:
    der = ECKey.generate_key("P-256").as_der(private=True)
    file = tmp_path / "key.der"
    file.write_bytes(der)
    file.chmod(0o600)

    with pytest.raises(ConfigurationError, match="not a PEM private key"):
        DPoPKey.load(file)
    with pytest.raises(ConfigurationError, match="not a PEM private key"):
        DPoPKey.from_pem(der.decode("latin-1"))


@pytest.mark.fault("K01")
@pytest.mark.parametrize("key", [None, "pem", RFC7515, OctKey.generate_key(256)], ids=["none", "text", "jwk", "oct"])
def test_credentials_want_a_key(key: Any) -> None:
    with pytest.raises(ConfigurationError, match="DPoPKey"):
        OAuthCredentials(client_id="a", client_secret="b", key=key)


@pytest.mark.fault("K02", "I08")
@pytest.mark.parametrize(
    "change",
    [
        {"d": None},
        {"d": ""},
        {"d": 7},
        {"d": RFC7515["d"] + "="},
        {"d": RFC7515["d"][:-4]},
        {"d": RFC7515["x"]},
        {"x": RFC7515["y"]},
        {"x": RFC7515["x"] + "="},
        {"x": "A" + RFC7515["x"][1:]},
        {"y": None},
        {"use": "enc"},
        {"kty": "RSA"},
        {"kty": "EC", "crv": "Ed25519"},
    ],
    ids=str,
)
def test_a_jwk_that_is_no_key_is_refused_without_repeating_it(change: dict[str, Any]) -> None:
    jwk = {name: value for name, value in {**RFC7515, **change}.items() if value is not None}

    with pytest.raises(ConfigurationError) as caught:
        DPoPKey.from_jwk(jwk)

    assert not any(str(value) in str(caught.value) for value in (RFC7515["d"], RFC7515["x"]))
    assert caught.value.__context__ is None


@pytest.mark.fault("K02", "A32")
def test_a_coordinate_that_begins_with_zero_keeps_its_length() -> None:
    keys = iter(lambda: ec.generate_private_key(ec.SECP256R1()), None)
    private = next(key for key in keys if key.public_key().public_numbers().x < 2**248)  # one of 256
    form = serialization.PrivateFormat.PKCS8
    pem = private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()

    key = DPoPKey.from_pem(pem)
    again = DPoPKey.from_jwk({**key.public_jwk, "d": text(private.private_numbers().private_value.to_bytes(32))})

    assert len(key.public_jwk["x"]) == len(key.public_jwk["y"]) == 43
    assert key.public_jwk["x"] == text(private.public_key().public_numbers().x.to_bytes(32))
    assert again.thumbprint == key.thumbprint


@pytest.mark.fault("K03")
@pytest.mark.parametrize("jwk", [RFC7515, RFC8037], ids=["EC", "OKP"])
@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519", "ES256", "ES384", "none", "HS256", ""])
def test_only_the_algorithm_of_the_key_is_taken(jwk: dict[str, str], alg: str) -> None:
    if alg in ({"ES256"} if jwk is RFC7515 else {"EdDSA", "Ed25519"}):
        assert DPoPKey.from_jwk({**jwk, "alg": alg}).algorithm == ("ES256" if jwk is RFC7515 else "EdDSA")
        return

    with pytest.raises(ConfigurationError, match="alg"):
        DPoPKey.from_jwk({**jwk, "alg": alg})


@pytest.mark.fault("K03")
@pytest.mark.parametrize("algorithm", ["none", "HS256", "ES384", "Ed25519", None])
def test_keys_of_other_algorithms_are_not_made(algorithm: Any) -> None:
    with pytest.raises(ConfigurationError, match="EdDSA"):
        DPoPKey.generate(algorithm)


@pytest.mark.fault("K04")
@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519"])
def test_ed25519_signs_under_either_name_and_nothing_warns(alg: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        signed = DPoPKey.from_jwk({**RFC8037, "alg": alg}).sign(encode_header({"alg": "EdDSA"}), b"x")

    assert signed.count(".") == 2


@pytest.mark.fault("K02")
def test_an_ed25519_private_half_of_another_key_is_refused() -> None:
    other = DPoPKey.generate("EdDSA").public_jwk["x"]

    with pytest.raises(ConfigurationError, match="do not match"):
        DPoPKey.from_jwk({**RFC8037, "x": other})


def test_a_symmetric_jwk_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        DPoPKey.from_jwk({"kty": "oct", "k": str(OctKey.generate_key(256).as_dict()["k"]), "d": "x"})


@pytest.mark.fault("K01")
def test_an_encrypted_pem_needs_its_password() -> None:
    pem = ECKey.generate_key("P-256").as_pem(private=True, password="right").decode()

    assert DPoPKey.from_pem(pem, password="right").algorithm == "ES256"
    for password in (None, "wrong"):
        with pytest.raises(ConfigurationError, match="password"):
            DPoPKey.from_pem(pem, password=password)


@pytest.mark.fault("K05")
def test_a_key_file_is_read_and_warned_about_when_others_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(DPoPKey.generate().private_pem())
    file.chmod(stat.S_IRUSR | stat.S_IWUSR)
    assert DPoPKey.load(file).algorithm == "ES256"

    file.chmod(0o644)

    with pytest.warns(UserWarning, match="chmod 600"):
        DPoPKey.load(file)


@pytest.mark.fault("K05")
@pytest.mark.parametrize("kind", ["missing", "directory", "empty", "huge"])
def test_a_key_file_that_cannot_be_used_is_named(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "key.pem"
    match kind:
        case "directory":
            file.mkdir()
        case "empty":
            file.touch(mode=0o600)
        case "huge":
            file.write_bytes(b"x" * 10 * 1024 * 1024)
        case _:
            pass

    with pytest.raises(ConfigurationError, match=r"key\.pem cannot be used"):
        DPoPKey.load(file)


@pytest.mark.fault("I01", "I06")
def test_a_key_shows_nothing_and_does_not_travel() -> None:
    key = DPoPKey.from_jwk(RFC7515)

    assert RFC7515["d"] not in f"{key!r} {key} {key:}"
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="does not pickle"):
            take(key)
