from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tests.sandbox.conftest import OpenSandbox
from tests.sandbox.wire import Wire, encoded

Change = Callable[[Wire, dict[str, Any], dict[str, Any]], object]
PATH = "/v1/balances"


async def balances_with(wire: Wire, proof: str, path: str = PATH) -> tuple[int, str | None]:
    token = await wire.token()
    reply = await wire.send("GET", path, headers={"Authorization": f"DPoP {token}", "DPoP": proof})
    return reply.status, None if reply.status == 200 else reply.code


ACCEPTED: dict[str, Change] = {
    "as it should be": lambda wire, header, claims: None,
    "iat 60 seconds old": lambda wire, header, claims: claims.update(iat=wire.now() - 60),
    "iat 60 seconds ahead": lambda wire, header, claims: claims.update(iat=wire.now() + 60),
    "iat with a fraction": lambda wire, header, claims: claims.update(iat=wire.now() + 0.5),
    "upper-case scheme and host": lambda wire, header, claims: claims.update(
        htu=claims["htu"].replace("http://", "HTTP://")
    ),
    "escaped unreserved character": lambda wire, header, claims: claims.update(
        htu=claims["htu"].replace("balances", "b%61lances")
    ),
    "extra claims": lambda wire, header, claims: claims.update(exp=1, foo="bar"),
    "a nonce nobody asked for": lambda wire, header, claims: claims.update(nonce="abc"),
    "a key with a kid": lambda wire, header, claims: header["jwk"].update(kid="1"),
}

REFUSED: dict[str, Change] = {
    "typ missing": lambda wire, header, claims: header.pop("typ"),
    "typ JWT": lambda wire, header, claims: header.update(typ="JWT"),
    "jwk missing": lambda wire, header, claims: header.pop("jwk"),
    "jwk no object": lambda wire, header, claims: header.update(jwk="key"),
    "jwk private": lambda wire, header, claims: header["jwk"].update(d=wire.key.as_dict(private=True)["d"]),
    "jwk without a coordinate": lambda wire, header, claims: header["jwk"].pop("y"),
    "jwk coordinate no text": lambda wire, header, claims: header["jwk"].update(y=1),
    "jwk padded": lambda wire, header, claims: header["jwk"].update(x=header["jwk"]["x"] + "="),
    "jwk of another curve": lambda wire, header, claims: header["jwk"].update(crv="P-384"),
    "jwk of another client": lambda wire, header, claims: header.update(
        jwk=ECKey.generate_key("P-256").as_dict(private=False)
    ),
    "crit": lambda wire, header, claims: header.update(crit=["exp"], exp=1),
    "htm of another method": lambda wire, header, claims: claims.update(htm="POST"),
    "htm lower case": lambda wire, header, claims: claims.update(htm="get"),
    "htm missing": lambda wire, header, claims: claims.pop("htm"),
    "htu of another path": lambda wire, header, claims: claims.update(htu=claims["htu"] + "/USD"),
    "htu of another host": lambda wire, header, claims: claims.update(htu="https://api.antonpayments.dev" + PATH),
    "htu of another port": lambda wire, header, claims: claims.update(htu="http://127.0.0.1:1" + PATH),
    "htu https": lambda wire, header, claims: claims.update(htu=claims["htu"].replace("http:", "https:")),
    "htu with a query": lambda wire, header, claims: claims.update(htu=claims["htu"] + "?a=b"),
    "htu with a fragment": lambda wire, header, claims: claims.update(htu=claims["htu"] + "#a"),
    "htu with a user": lambda wire, header, claims: claims.update(htu=claims["htu"].replace("//", "//u@")),
    "htu with an escaped slash": lambda wire, header, claims: claims.update(htu=claims["htu"].replace("/b", "%2Fb")),
    "htu with a bad port": lambda wire, header, claims: claims.update(htu="http://127.0.0.1:x" + PATH),
    "htu with white space": lambda wire, header, claims: claims.update(htu=claims["htu"] + "\n"),
    "htu a path": lambda wire, header, claims: claims.update(htu=PATH),
    "htu missing": lambda wire, header, claims: claims.pop("htu"),
    "iat 61 seconds old": lambda wire, header, claims: claims.update(iat=wire.now() - 61),
    "iat 61 seconds ahead": lambda wire, header, claims: claims.update(iat=wire.now() + 61),
    "iat text": lambda wire, header, claims: claims.update(iat=str(wire.now())),
    "iat boolean": lambda wire, header, claims: claims.update(iat=True),
    "iat missing": lambda wire, header, claims: claims.pop("iat"),
    "jti empty": lambda wire, header, claims: claims.update(jti=""),
    "jti too long": lambda wire, header, claims: claims.update(jti="x" * 256),
    "jti a number": lambda wire, header, claims: claims.update(jti=7),
    "jti missing": lambda wire, header, claims: claims.pop("jti"),
    "ath missing": lambda wire, header, claims: claims.pop("ath"),
    "ath of another token": lambda wire, header, claims: claims.update(ath=encoded(b"x" * 32)),
    "ath padded": lambda wire, header, claims: claims.update(ath=claims["ath"] + "="),
}


@pytest.mark.parametrize("case", ACCEPTED)
async def test_a_good_proof_passes(wire: Wire, case: str) -> None:
    header, claims = wire.header(), wire.claims("GET", PATH, token=await wire.token())
    ACCEPTED[case](wire, header, claims)

    outcome = await balances_with(wire, wire.sign(header, claims))

    assert outcome == (200, None)


@pytest.mark.parametrize("case", REFUSED)
async def test_a_bad_proof_is_refused(wire: Wire, case: str) -> None:
    header, claims = wire.header(), wire.claims("GET", PATH, token=await wire.token())
    REFUSED[case](wire, header, claims)

    outcome = await balances_with(wire, wire.sign(header, claims))

    assert outcome == (401, "invalid_dpop_proof")


@pytest.mark.parametrize(
    "proof", ["", "a.b", "a.b.c", "....", "e30.e30.e30", "bm90IGpzb24.e30.AA", "W10.e30.AA", "\u00e9.\u00e9.\u00e9"]
)
async def test_what_is_no_jwt_is_refused(wire: Wire, proof: str) -> None:
    assert await balances_with(wire, proof) == (401, "invalid_dpop_proof")


async def test_a_signature_by_another_key_is_refused(wire: Wire) -> None:
    header, claims = wire.header(), wire.claims("GET", PATH, token=await wire.token())

    outcome = await balances_with(wire, wire.sign(header, claims, ECKey.generate_key("P-256")))

    assert outcome == (401, "invalid_dpop_proof")


@pytest.mark.parametrize("signature", ["", "AA", "A" * 86, "A" * 200])
async def test_a_broken_signature_is_refused(wire: Wire, signature: str) -> None:
    good = wire.proof("GET", PATH, token=await wire.token())

    outcome = await balances_with(wire, f"{good.rpartition('.')[0]}.{signature}")

    assert outcome == (401, "invalid_dpop_proof")


@pytest.mark.parametrize("algorithm", ["none", "HS256", "ES384", "EdDSA", "es256", None])
async def test_an_algorithm_that_does_not_fit_is_refused(wire: Wire, algorithm: str | None) -> None:
    good = wire.proof("GET", PATH, token=await wire.token())
    header = encoded(str({**wire.header(), "alg": algorithm}).replace("'", '"').replace("None", "null").encode())

    outcome = await balances_with(wire, header + good[good.index(".") :])

    assert outcome == (401, "invalid_dpop_proof")


async def test_keys_of_other_kinds_are_refused(wire: Wire) -> None:
    token = await wire.token()
    outcomes: list[tuple[int, str | None]] = []
    for key in (RSAKey.generate_key(2048), OKPKey.generate_key("Ed25519")):
        header = {**wire.header(), "jwk": key.as_dict(private=False)}
        outcomes.append(await balances_with(wire, wire.sign(header, wire.claims("GET", PATH, token=token))))

    assert outcomes == [(401, "invalid_dpop_proof")] * 2


async def test_no_proof_and_two_proofs_are_refused(wire: Wire) -> None:
    token = await wire.token()
    bare = [("Authorization", f"DPoP {token}")]
    twice = [*bare, *(("DPoP", wire.proof("GET", PATH, token=token)) for _ in range(2))]

    replies = [await wire.send("GET", PATH, headers=headers) for headers in (bare, twice)]

    assert [(reply.status, reply.code) for reply in replies] == [(401, "invalid_dpop_proof")] * 2


async def test_a_proof_is_good_once_in_five_minutes(wire: Wire) -> None:
    token = await wire.token()
    claims = wire.claims("GET", PATH, token=token)
    first = await balances_with(wire, wire.sign(wire.header(), claims))
    again = await balances_with(wire, wire.sign(wire.header(), claims))
    wire.clock.step(299)
    late = await balances_with(wire, wire.sign(wire.header(), {**claims, "iat": wire.now()}))
    wire.clock.step(1)
    forgotten = await balances_with(wire, wire.sign(wire.header(), {**claims, "iat": wire.now()}))

    assert [first[0], again[0], late[0], forgotten[0]] == [200, 401, 401, 200]


async def test_a_proof_of_the_token_call_is_not_good_again(wire: Wire) -> None:
    token = await wire.token()
    claims = wire.claims("POST", "/oauth/token")

    minted = await wire.ask_token(proof=wire.sign(wire.header(), claims))
    reused = {**wire.claims("GET", PATH, token=token), "jti": claims["jti"]}
    outcome = await balances_with(wire, wire.sign(wire.header(), reused))

    assert (minted.status, outcome) == (200, (401, "invalid_dpop_proof"))


async def test_the_query_is_not_part_of_htu(wire: Wire) -> None:
    proof = wire.proof("GET", "/v1/payouts", token=await wire.token())

    assert await balances_with(wire, proof, "/v1/payouts?limit=1&status=sent") == (200, None)


async def test_htu_follows_the_host_the_client_used(wire: Wire) -> None:
    token = await wire.token()
    claims = {**wire.claims("GET", PATH, token=token), "htu": f"http://anton.localhost{PATH}"}
    headers = {"Authorization": f"DPoP {token}", "DPoP": wire.sign(wire.header(), claims), "Host": "Anton.localhost:80"}

    reply = await wire.send("GET", PATH, headers=headers)

    assert reply.status == 200


async def test_the_challenge_says_which_check_failed(wire: Wire) -> None:
    token = await wire.token()
    headers = {"Authorization": f"DPoP {token}", "DPoP": wire.proof("POST", PATH, token=token)}

    reply = await wire.send("GET", PATH, headers=headers)

    assert reply.json["error"]["message"] == "invalid DPoP proof"
    assert reply.headers["WWW-Authenticate"] == (
        'DPoP error="invalid_dpop_proof", error_description="htm is not the method of this request", algs="ES256 EdDSA"'
    )


class TestNonces:
    @pytest.fixture
    async def wire(self, open_sandbox: OpenSandbox) -> Wire:
        return await open_sandbox(require_nonce=True)

    async def test_the_token_endpoint_asks_for_one(self, wire: Wire) -> None:
        reply = await wire.ask_token()

        assert (reply.status, reply.json["error"]) == (400, "use_dpop_nonce")
        assert reply.headers["DPoP-Nonce"]

    async def test_a_proof_with_the_nonce_passes_everywhere(self, wire: Wire) -> None:
        nonce = (await wire.ask_token()).headers["DPoP-Nonce"]

        token = await self.token(wire, nonce)
        reply = await self.balances(wire, token, nonce)

        assert reply == (200, None)

    async def test_a_resource_asks_for_one_with_401_and_a_challenge(self, wire: Wire) -> None:
        token = await self.token(wire, (await wire.ask_token()).headers["DPoP-Nonce"])
        headers = {"Authorization": f"DPoP {token}", "DPoP": wire.proof("GET", PATH, token=token)}

        reply = await wire.send("GET", PATH, headers=headers)

        assert (reply.status, reply.code) == (401, "use_dpop_nonce")
        assert 'error="use_dpop_nonce"' in reply.headers["WWW-Authenticate"]
        assert reply.headers["DPoP-Nonce"]

    async def test_nonces_rotate_and_the_one_before_stays_good_for_a_minute(self, wire: Wire) -> None:
        first = (await wire.ask_token()).headers["DPoP-Nonce"]
        token = await self.token(wire, first)
        wire.clock.step(60)
        second = (await wire.ask_token()).headers["DPoP-Nonce"]
        both = [await self.balances(wire, token, nonce) for nonce in (first, second)]
        wire.clock.step(60)
        await wire.ask_token()
        old = await self.balances(wire, token, first)
        wire.clock.step(600)
        ancient = await self.balances(wire, token, second)

        assert first != second
        assert both == [(200, None), (200, None)]
        assert old == ancient == (401, "use_dpop_nonce")

    async def test_a_challenged_proof_is_spent(self, wire: Wire) -> None:
        claims = wire.claims("POST", "/oauth/token")
        nonce = (await wire.ask_token(proof=wire.sign(wire.header(), claims))).headers["DPoP-Nonce"]

        reply = await wire.ask_token(proof=wire.sign(wire.header(), {**claims, "nonce": nonce}))

        assert reply.json["error"] == "invalid_dpop_proof"

    @staticmethod
    async def token(wire: Wire, nonce: str) -> str:
        claims = {**wire.claims("POST", "/oauth/token"), "nonce": nonce}
        return str((await wire.ask_token(proof=wire.sign(wire.header(), claims))).json["access_token"])

    @staticmethod
    async def balances(wire: Wire, token: str, nonce: str) -> tuple[int, str | None]:
        claims = {**wire.claims("GET", PATH, token=token), "nonce": nonce}
        headers = {"Authorization": f"DPoP {token}", "DPoP": wire.sign(wire.header(), claims)}
        reply = await wire.send("GET", PATH, headers=headers)
        return reply.status, None if reply.status == 200 else reply.code
