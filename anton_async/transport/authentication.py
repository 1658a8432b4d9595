"""The token stage: picks how a call is authorised, and decides whether a refusal is worth one more proof or token.

Repeats for authentication are counted apart from retries: a nonce the server asked for, a token that had ended, a clock
that was off.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from yarl import URL

from anton_async.auth.authorization import Anonymous, Authorization, Bearer, DPoPBound, TokenCall
from anton_async.auth.challenge import dpop_error
from anton_async.auth.credentials import ApiKeyCredentials, OAuthCredentials
from anton_async.auth.proof import Prover
from anton_async.auth.tokens import AccessToken, TokenSource, read_token
from anton_async.clock import Clock
from anton_async.errors import AuthenticationError, Outcome, ReadTimeoutError
from anton_async.transport.decode import error_code, read_error
from anton_async.transport.wire import Wire, WireAnswer

_MINT_TIMEOUT = 30.0  # seconds; every caller waits for the same mint, so it must not hang with one of them
_TOKEN_BODY = b"grant_type=client_credentials"
_TOKEN_HEADERS = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}


@dataclass(slots=True)
class Repeats:
    """How many repeats one logical call still has, by reason."""

    nonce: int = 3
    token: int = 1
    clock: int = 1

    def take(self, reason: str) -> bool:
        """Use up one repeat for `reason`, one of the field names; return whether there was one."""
        left: int = getattr(self, reason)
        setattr(self, reason, left - 1)
        return left > 0


class Authenticator(Protocol):
    """Authorises the calls of one client."""

    async def authorize(self) -> Authorization:
        """Return what authorises the next attempt, fetching a token where one is needed."""
        ...

    def wants_repeat(self, authorization: Authorization, answer: WireAnswer, repeats: Repeats) -> bool:
        """Learn from `answer`; return whether the same request should be sent again with a new proof or token."""
        ...

    async def close(self) -> None:
        """Stop whatever runs in the background."""
        ...


class KeyAuthenticator:
    """Static API keys: nothing to fetch, nothing to renew."""

    def __init__(self, credentials: ApiKeyCredentials) -> None:
        self._bearer = Bearer(credentials)

    async def authorize(self) -> Authorization:
        """Return the key."""
        return self._bearer

    def wants_repeat(self, authorization: Authorization, answer: WireAnswer, repeats: Repeats) -> bool:
        """Return False: a refused key stays refused."""
        del authorization, answer, repeats
        return False

    async def close(self) -> None:
        """Do nothing."""


class DPoPAuthenticator:
    """OAuth client credentials with DPoP: fetches, shares and renews the access token.

    Source: RFC 9449; https://docs.antonpayments.com/authentication
    """

    def __init__(self, credentials: OAuthCredentials, token_url: URL, wire: Wire, clock: Clock) -> None:
        self._credentials = credentials
        self._token_url = token_url
        self._wire = wire
        self._clock = clock
        self._prover = Prover(credentials.key, clock)
        self._tokens = TokenSource(self._fetch, clock)

    async def authorize(self) -> Authorization:
        """Return a good token with our key."""
        return DPoPBound(await self._tokens.get(), self._prover)

    def wants_repeat(self, authorization: Authorization, answer: WireAnswer, repeats: Repeats) -> bool:
        """Learn nonce and time from `answer`; after a 401, say whether a new proof or token may help."""
        nonce_is_news = self._learn_nonce(authorization, answer)
        if answer.status != 401 or not isinstance(authorization, DPoPBound):
            return False
        reason = dpop_error(answer.headers.getall("WWW-Authenticate", []))
        if reason == "use_dpop_nonce":
            return nonce_is_news and repeats.take("nonce")
        code = error_code(answer) or reason
        if code == "invalid_dpop_proof" and self._learn_time(answer):
            return repeats.take("clock")
        if code in {"invalid_token", "invalid_dpop_proof"}:
            self._tokens.invalidate(authorization.token)
            return repeats.take("token")
        return False

    async def close(self) -> None:
        """Stop a renewal under way."""
        await self._tokens.close()

    async def _fetch(self) -> AccessToken:
        try:
            async with asyncio.timeout(_MINT_TIMEOUT):
                return await self._mint()
        except TimeoutError:
            pass
        raise ReadTimeoutError("The token endpoint did not answer in time", outcome=Outcome.NOT_SENT)

    async def _mint(self) -> AccessToken:
        repeats = Repeats()
        while True:
            sent_at = self._clock.monotonic()
            authorization = TokenCall(self._credentials, self._prover)
            answer = await self._wire.send(
                "POST", self._token_url, headers=_TOKEN_HEADERS, body=_TOKEN_BODY, authorization=authorization
            )
            if answer.status == 200:
                self._learn_nonce(authorization, answer)
                return read_token(answer.body, now=sent_at, thumbprint=self._credentials.key.thumbprint)
            if not self._token_call_again(authorization, answer, repeats):
                raise self._refusal(answer)

    def _token_call_again(self, authorization: TokenCall, answer: WireAnswer, repeats: Repeats) -> bool:
        nonce_is_news = self._learn_nonce(authorization, answer)
        match error_code(answer):
            case "use_dpop_nonce":
                return nonce_is_news and repeats.take("nonce")
            case "invalid_dpop_proof":
                return self._learn_time(answer) and repeats.take("clock")
            case _:
                return False

    def _refusal(self, answer: WireAnswer) -> Exception:
        kind = AuthenticationError if 400 <= answer.status < 500 and answer.status not in {408, 429} else None
        error = read_error("POST /oauth/token", answer, now=self._clock.time(), kind=kind)
        error.outcome = Outcome.NOT_SENT
        return error

    def _learn_nonce(self, authorization: TokenCall | Authorization, answer: WireAnswer) -> bool:
        used = authorization.nonce if isinstance(authorization, TokenCall | DPoPBound) else None
        self._prover.learn_nonce(answer.url, answer.headers.getall("DPoP-Nonce", []))
        return self._prover.nonce(answer.url) not in {None, used}

    def _learn_time(self, answer: WireAnswer) -> bool:
        return self._prover.learn_time(answer.headers.getall("Date", []), answer.elapsed)


ANONYMOUS = Anonymous()
