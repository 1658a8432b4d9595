"""The gate in front of `/v1`: who may pass, and with which words the others are turned away."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Sequence

from anton_async.sandbox.errors import Refusal
from anton_async.sandbox.presenter import Edition
from anton_async.sandbox.proof import ALGORITHMS, NonceWantedError, ProofChecker, ProofError, Target
from anton_async.sandbox.tokens import TokenError, TokenIssuer

SCOPES = ("payouts", "intelligence")
"""What an account can be capable of, and a credential be made for."""

_STATIC_KEY_PREFIX = "ak_"
_LIVE_KEY_PREFIX = "ak_live_"


class Gate:
    """Admits requests with a token and its proof, in the earlier edition also those with a static key."""

    def __init__(
        self,
        *,
        edition: Edition,
        api_key: str,
        issuer: TokenIssuer,
        checker: ProofChecker,
        capabilities: Collection[str] = SCOPES,
    ) -> None:
        self._edition: Edition = edition
        self._api_key = api_key
        self._issuer = issuer
        self._checker = checker
        self._capabilities = frozenset(capabilities)

    def admit(
        self, authorizations: Sequence[str], proofs: Sequence[str], target: Target, scope: str | None = None
    ) -> str | None:
        """Return the id of the accepted proof, None for a static key.

        Raises:
            Refusal: 401, or 403 for a live key and for what the account or the credential has no `scope` for.
        """
        if not authorizations:
            raise _unauthorized("missing Authorization header")
        scheme, _, credential = authorizations[0].partition(" ")
        credential = credential.strip()
        well_formed = len(authorizations) == 1 and credential.isascii() and credential
        if not well_formed or scheme.lower() not in {"dpop", "bearer"}:
            raise _unauthorized("invalid Authorization header format")
        if scheme.lower() == "dpop":
            jti, granted = self._admit_token(credential, proofs, target)
        else:
            self._admit_bearer(credential)
            jti, granted = None, list(SCOPES)
        self._check_scope(scope, granted)
        return jti

    def _check_scope(self, scope: str | None, granted: Collection[str]) -> None:
        if scope is not None and scope not in self._capabilities:
            raise Refusal(403, "capability_required", f'this endpoint requires the account capability "{scope}"')
        if scope is not None and scope not in granted:
            raise Refusal(403, "insufficient_scope", f'this endpoint requires a credential with the scope "{scope}"')

    def _admit_token(self, token: str, proofs: Sequence[str], target: Target) -> tuple[str, list[str]]:
        try:
            grant = self._issuer.verify(token)
            proof = self._checker.check(proofs, target, access_token=token)
        except TokenError as reason:
            raise _challenged("invalid_token", "invalid or expired token", str(reason)) from None
        except NonceWantedError as reason:
            raise _challenged("use_dpop_nonce", str(reason), str(reason)) from None
        except ProofError as reason:
            raise _challenged("invalid_dpop_proof", "invalid DPoP proof", str(reason)) from None
        if proof.thumbprint != grant.thumbprint:
            raise _challenged("invalid_dpop_proof", "invalid DPoP proof", "the token is bound to another key")
        return proof.jti, grant.scope.split()

    def _admit_bearer(self, credential: str) -> None:
        if not credential.startswith(_STATIC_KEY_PREFIX):
            raise _unauthorized("missing or invalid credentials")
        if self._edition == "newest":
            raise Refusal(401, "static_api_keys_disabled", "static API keys are no longer accepted")
        if credential.startswith(_LIVE_KEY_PREFIX):
            raise Refusal(403, "key_environment_mismatch", "this API key is not valid for this environment")
        if not hmac.compare_digest(credential.encode(), self._api_key.encode()):
            raise Refusal(401, "invalid_api_key", "the API key is unknown")


def _unauthorized(message: str) -> Refusal:
    return Refusal(401, "unauthorized", message, headers={"WWW-Authenticate": f'DPoP algs="{ALGORITHMS}"'})


def _challenged(code: str, message: str, reason: str) -> Refusal:
    challenge = f'DPoP error="{code}", error_description="{reason}", algs="{ALGORITHMS}"'
    return Refusal(401, code, message, headers={"WWW-Authenticate": challenge})
