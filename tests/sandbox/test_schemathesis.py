"""A judge that nobody here wrote: Schemathesis makes requests of every operation, good and bad, and judges the answers.

`make schemathesis` runs it at length, with the edge cases of every parameter; the run of all tests takes a sample.
"""

# Schemathesis leaves the arguments of its generic types open.
# pyright: reportUnknownVariableType=false, reportUnknownMemberType=false, reportUntypedFunctionDecorator=false

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, cast

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from joserfc import jwt
from joserfc.jwk import ECKey
from requests.auth import AuthBase
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from anton_async.sandbox import Sandbox
from tests.sandbox.contract import DOCUMENT
from tests.sandbox.served import served
from tests.sandbox.wire import SEED, encoded

EXAMPLES = int(os.environ.get("ANTON_SCHEMATHESIS_EXAMPLES", "0"))
PHASES = [Phase.explicit, Phase.generate, Phase.shrink] if EXAMPLES else [Phase.generate]

# Bodies that keep the schema are refused for what no schema says: an unknown id, a balance too low.
UNFIT = [positive_data_acceptance]
LENIENT = {"GET /v1/payouts"}  # caps a limit over 100 in silence


Case: TypeAlias = schemathesis.Case[Any]


def unsecured(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document without its security, because `Signed` takes care of that."""
    paths = {
        path: {
            method: {name: part for name, part in operation.items() if name != "security"}
            for method, operation in item.items()
        }
        for path, item in document["paths"].items()
    }
    return {**document, "paths": paths, "security": []}


SCHEMA = schemathesis.openapi.from_dict(unsecured(DOCUMENT))


class Signed(AuthBase):
    """Signs each request as it leaves, with joserfc and none of the client's code."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._key = ECKey.import_key(sandbox.private_key_pem)
        url = f"{sandbox.base_url}/oauth/token"
        answer = requests.post(
            url,
            data={"grant_type": "client_credentials"},
            auth=(sandbox.client_id, sandbox.client_secret),
            headers={"DPoP": self._proof("POST", url)},
            timeout=10,
        )
        self._token = cast("str", answer.json()["access_token"])

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        url = str(request.url).partition("?")[0]
        if "/v1/" in url:
            digest = encoded(hashlib.sha256(self._token.encode()).digest())
            request.headers["Authorization"] = f"DPoP {self._token}"
            request.headers["DPoP"] = self._proof(str(request.method), url, ath=digest)
        return request

    def _proof(self, method: str, url: str, **claims: str) -> str:
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self._key.as_dict(private=False)}
        now = {"htm": method, "htu": url, "iat": int(time.time()), "jti": uuid.uuid4().hex}
        return jwt.encode(header, {**now, **claims}, self._key)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with served(seed=SEED, rate_limit_per_minute=1_000_000) as running:
        yield running


@pytest.fixture(scope="module")
def send(sandbox: Sandbox) -> Iterator[Callable[[Case], None]]:
    """Return a function that sends a case and judges the answer."""
    signed = Signed(sandbox)
    with requests.Session() as session:

        def judge(case: Case) -> None:
            sandbox.clock.advance(10)  # past the narrow limits of FX and Intelligence
            lenient = [negative_data_rejection] if case.operation.label in LENIENT else []
            case.call_and_validate(
                base_url=sandbox.base_url, session=session, auth=signed, excluded_checks=[*UNFIT, *lenient]
            )

        yield judge


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES or 3,
    deadline=None,
    derandomize=not EXAMPLES,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    phases=PHASES,
)
def test_every_answer_keeps_the_document(case: Case, send: Callable[[Case], None]) -> None:
    send(case)
