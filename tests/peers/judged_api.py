"""An API in which other people's code judges everything: aiohttp serves, requests_oauth2client and jwskate verify."""

from __future__ import annotations

import base64
import itertools
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Self, cast
from urllib.parse import unquote_plus

import jwskate
from aiohttp import web
from binapy import BinaPy
from requests_oauth2client.dpop import InvalidDPoPProof, validate_dpop_proof

from tests.support.examples import PAYOUT, changed
from tests.support.local_application import LocalApplication

_RECENT = 200  # nonces that are still taken


@dataclass
class JudgedApi(LocalApplication):
    """A server on a loopback port.

    Attributes:
        client_id: who may ask for tokens.
        client_secret: with what secret.
        asks_nonces: whether proofs need a nonce; each answer then brings another.
        algorithm: what the registered key signs with.
        refused: why proofs and tokens were refused, one entry each.
        created: idempotency keys of the payouts made.
    """

    client_id: str
    client_secret: str
    asks_nonces: bool = False
    algorithm: str = "ES256"
    refused: list[str] = field(default_factory=list[str])
    created: list[str] = field(default_factory=list[str])
    base_url: str = ""

    async def __aenter__(self) -> Self:
        self._key = jwskate.Jwk.generate(alg="ES256")
        self._nonces: deque[str] = deque(maxlen=_RECENT)
        self._numbers = itertools.count(1)
        self._proofs: set[str] = set()
        app = web.Application()
        app.router.add_post("/oauth/token", self._token)
        app.router.add_post("/v1/payouts", self._create)
        app.router.add_get("/v1/payouts/{id}", self._retrieve)
        await self.serve(app)
        return self

    async def _token(self, request: web.Request) -> web.Response:
        pair = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode("ascii")
        client_id, _, secret = pair.partition(":")
        if (unquote_plus(client_id), unquote_plus(secret)) != (self.client_id, self.client_secret):
            return self._answer(401, {"error": "invalid_client"})
        if (await request.post()).get("grant_type") != "client_credentials":
            return self._answer(400, {"error": "unsupported_grant_type"})
        try:
            proof = self._judge(request, token=None)
        except InvalidDPoPProof as error:
            return self._answer(400, {"error": self._code(error)})
        claims = {"cnf": {"jkt": jwskate.Jwk(proof.headers["jwk"]).thumbprint()}, "exp": int(time.time()) + 600}
        token = str(jwskate.Jwt.sign(claims, self._key, alg="ES256"))
        return self._answer(200, {"access_token": token, "token_type": "DPoP", "expires_in": 600})

    async def _create(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        self.created.append(request.headers["Idempotency-Key"])
        order = await request.json()
        return self._answer(201, {"data": changed(PAYOUT, reference=order["reference"])})

    async def _retrieve(self, request: web.Request) -> web.Response:
        return self._refusal(request) or self._answer(200, {"data": changed(PAYOUT, id=request.match_info["id"])})

    def _refusal(self, request: web.Request) -> web.Response | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            proof = self._judge(request, token=token)
        except InvalidDPoPProof as error:
            code = self._code(error)
            challenge = {"WWW-Authenticate": f'DPoP error="{code}", algs="{self.algorithm}"'}
            return self._answer(401, {"error": {"code": code, "message": "invalid DPoP proof"}}, challenge)
        judged = cast("jwskate.SignedJwt", jwskate.SignedJwt(token))  # type: ignore[redundant-cast]  # pyright needs it
        bound_to = judged.claims["cnf"]["jkt"]
        thumbprint = jwskate.Jwk(proof.headers["jwk"]).thumbprint()
        if scheme != "DPoP" or not judged.verify_signature(self._key.public_jwk()) or bound_to != thumbprint:
            self.refused.append("token")
            return self._answer(401, {"error": {"code": "invalid_token", "message": "invalid or expired token"}})
        return None

    def _judge(self, request: web.Request, token: str | None) -> jwskate.SignedJwt:
        serialized = request.headers.get("DPoP", "")
        proof = validate_dpop_proof(
            serialized,
            htm=request.method,
            htu=f"{self.base_url}{request.rel_url.raw_path}",
            ath=None if token is None else BinaPy(token).to("sha256").to("b64u").decode(),
            algs=[self.algorithm],
        )
        if proof.jwt_token_id in self._proofs:
            raise InvalidDPoPProof(serialized.encode(), "seen before")
        self._proofs.add(str(proof.jwt_token_id))
        if self.asks_nonces and proof.claims.get("nonce") not in self._nonces:
            raise InvalidDPoPProof(serialized.encode(), "nonce")
        return proof

    def _code(self, error: InvalidDPoPProof) -> str:
        self.refused.append(str(error))
        return "use_dpop_nonce" if str(error).endswith("nonce") else "invalid_dpop_proof"

    def _answer(self, status: int, body: object, headers: dict[str, str] | None = None) -> web.Response:
        response = web.json_response(body, status=status, headers=headers)
        if self.asks_nonces:
            self._nonces.append(f"nonce-{next(self._numbers)}")
            response.headers["DPoP-Nonce"] = self._nonces[-1]
        return response
