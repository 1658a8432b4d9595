"""The token endpoint: client credentials and a proof for an access token (RFC 6749 section 4.4, RFC 9449 section 5)."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote_plus

import msgspec

from anton_async.sandbox.errors import Answer, TokenRefusal
from anton_async.sandbox.proof import NonceWantedError, Proof, ProofChecker, ProofError, Target
from anton_async.sandbox.tokens import TokenIssuer

_FORM = "application/x-www-form-urlencoded"
_LIVE_PREFIX = "ant_oc_live_"
_MAX_FIELDS = 50


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """The registered client; the secret stays out of the repr."""

    client_id: str
    client_secret: str
    scope: str  # granted to each of its tokens, separated by blanks

    def __repr__(self) -> str:
        return f"OAuthClient(client_id={self.client_id!r})"


class TokenEndpoint:
    """Answers `POST /oauth/token` for one registered client."""

    def __init__(self, client: OAuthClient, issuer: TokenIssuer, checker: ProofChecker) -> None:
        self._client = client
        self._issuer = issuer
        self._checker = checker

    def grant(
        self, *, content_type: str, authorization: str | None, proofs: Sequence[str], body: bytes, target: Target
    ) -> tuple[Answer, str]:
        """Return the token response and the id of the proof.

        Raises:
            TokenRefusal: 400, 401 or 403 in the flat OAuth form.
        """
        form = _read_form(content_type, body)
        if "grant_type" not in form:
            raise TokenRefusal(400, "invalid_request", "grant_type is missing")
        if form["grant_type"] != "client_credentials":
            raise TokenRefusal(400, "unsupported_grant_type", "grant_type must be client_credentials")
        self._authenticate(form, authorization)
        if not proofs:
            raise TokenRefusal(400, "invalid_request", "the DPoP header is missing")
        proof = self._check(proofs, target)
        token = self._issuer.issue(self._client.client_id, proof.thumbprint, self._client.scope)
        response = {
            "access_token": token,
            "token_type": "DPoP",
            "expires_in": self._issuer.lifetime,
            "scope": self._client.scope,
        }
        headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
        return Answer(200, msgspec.json.encode(response), headers), proof.jti

    def _check(self, proofs: Sequence[str], target: Target) -> Proof:
        try:
            return self._checker.check(proofs, target)
        except NonceWantedError as wanted:
            raise TokenRefusal(400, "use_dpop_nonce", str(wanted)) from None
        except ProofError as refused:
            raise TokenRefusal(400, "invalid_dpop_proof", str(refused)) from None

    def _authenticate(self, form: Mapping[str, str], authorization: str | None) -> None:
        if authorization is None:
            client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        elif "client_secret" in form:
            raise TokenRefusal(400, "invalid_request", "send the client secret once: by Basic or in the form")
        else:
            client_id, secret = _read_basic(authorization)
        if client_id.startswith(_LIVE_PREFIX):
            raise TokenRefusal(403, "invalid_client", "live clients are not allowed in the sandbox")
        known = hmac.compare_digest(client_id.encode(), self._client.client_id.encode())
        if not (hmac.compare_digest(secret.encode(), self._client.client_secret.encode()) and known):
            raise _invalid_client("unknown client or wrong secret")


def _read_form(content_type: str, body: bytes) -> dict[str, str]:
    if content_type != _FORM:
        raise TokenRefusal(400, "invalid_request", f"the Content-Type must be {_FORM}")
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise TokenRefusal(400, "invalid_request", "the form body is missing or malformed") from None
    # RFC 6749 section 3.2: parameters must not be included more than once, empty ones count as left out.
    if any(len(values) > 1 for values in fields.values()):
        raise TokenRefusal(400, "invalid_request", "a form field is repeated")
    return {name: values[0] for name, values in fields.items() if values[0]}


def _read_basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise _invalid_client("authenticate by Basic or with form fields")
    try:
        client_id, separator, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise _invalid_client("the Basic credentials are malformed") from None
    if not separator:
        raise _invalid_client("the Basic credentials are malformed")
    # RFC 6749 section 2.3.1: both halves are form-urlencoded before they are joined.
    return unquote_plus(client_id), unquote_plus(secret)


def _invalid_client(message: str) -> TokenRefusal:
    return TokenRefusal(401, "invalid_client", message, headers={"WWW-Authenticate": 'Basic realm="oauth"'})
