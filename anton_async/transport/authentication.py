"""The token stage: picks how a call is authorised, and decides whether a refusal is worth one more proof or token.

Repeats for authentication are counted apart from retries: a nonce the server asked for, a token that had ended, a clock
that was off. Where nonces turn out to be good for one request only, requests leave one after the other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Protocol

import msgspec
from yarl import URL

from anton_async.auth.authorization import Anonymous, Authorization, Bearer, DPoPBound, TokenCall
from anton_async.auth.challenge import dpop_parameter
from anton_async.auth.nonces import NonceTurns
from anton_async.auth.tokens import AccessToken, TokenSource, read_token
from anton_async.clock import Clock
from anton_async.errors import AuthenticationError, Outcome, ReadTimeoutError, printable
from anton_async.transport.decode import error_code, read_error, request_id
from anton_async.transport.wire import Wire, WireAnswer

if TYPE_CHECKING:
    from anton_async.auth.credentials import ApiKeyCredentials, OAuthCredentials

_MINT_TIMEOUT = 30.0  # seconds; every caller waits for the same mint, so it must not hang with one of them
_RECENT_TOKENS = 8  # whose calls may still be under way
_SHORTEST_SECRET = 8  # characters; a shorter text would be found inside of plain words
_TOKEN_BODY = b"grant_type=client_credentials"
_TOKEN_HEADERS = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}


class Repeats(msgspec.Struct):
    """How many repeats one logical call still has, by reason.

    Attributes:
        nonce: the server wanted another nonce than the newest.
        overtaken: the same, but the newest had replaced ours while the request was on its way.
        token: the token had ended.
        clock: our clock was off.
        nonce_asked: whether this call was refused for its nonce before.
    """

    nonce: int = 3
    overtaken: int = 8
    token: int = 1
    clock: int = 1
    nonce_asked: bool = False

    def take(self, reason: str) -> bool:
        """Use up one repeat for `reason`, one of the field names; return whether there was one."""
        left: int = getattr(self, reason)
        setattr(self, reason, left - 1)
        return left > 0


class Authenticator(Protocol):
    """Authorises the calls of one client."""

    @property
    def offset(self) -> float:
        """Seconds by which the servers' clock is known to be ahead of ours."""
        ...

    def ready(self) -> Authorization | None:
        """Return what authorises the next attempt; None when `authorize` has to be awaited for it."""
        ...

    async def authorize(self) -> Authorization:
        """Return what authorises the next attempt, fetching a token where one is needed."""
        ...

    def wants_repeat(self, authorization: Authorization, answer: WireAnswer, repeats: Repeats) -> bool:
        """Learn from `answer`; return whether the same request should be sent again with a new proof or token."""
        ...

    def may_be_copy(self, authorization: Authorization, answer: WireAnswer) -> bool:
        """Return whether `answer` may be about a copy of the request, made on its way, while another was executed."""
        ...

    def unanswered(self, authorization: Authorization) -> None:
        """Learn that a request ended without an answer."""
        ...

    def redact(self, text: str) -> str:
        """Return foreign `text` without what authorises our calls."""
        ...

    async def close(self) -> None:
        """Stop whatever runs in the background."""
        ...


class KeyAuthenticator:
    """Static API keys: nothing to fetch, nothing to renew."""

    def __init__(self, credentials: ApiKeyCredentials) -> None:
        self._credentials = credentials
        self._bearer = Bearer(credentials)
        self.offset: float = 0.0

    def ready(self) -> Authorization:
        """Return the key."""
        return self._bearer

    async def authorize(self) -> Authorization:
        """Return the key."""
        return self._bearer

    def wants_repeat(self, authorization: Authorization, answer: WireAnswer, repeats: Repeats) -> bool:
        """Return False: a refused key stays refused."""
        del authorization, answer, repeats
        return False

    def may_be_copy(self, authorization: Authorization, answer: WireAnswer) -> bool:
        """Return False: a key serves copies as well."""
        del authorization, answer
        return False

    def unanswered(self, authorization: Authorization) -> None:
        """Learn nothing: a key serves any number of requests."""
        del authorization

    def redact(self, text: str) -> str:
        """Return `text` without the key."""
        return _without(text, self._credentials.bearer().removeprefix("Bearer "))

    async def close(self) -> None:
        """Do nothing."""


class DPoPAuthenticator:
    """OAuth client credentials with DPoP: fetches, shares and renews the access token.

    Source: RFC 9449; https://docs.antonpayments.com/authentication
    """

    def __init__(self, credentials: OAuthCredentials, token_url: URL, wire: Wire, clock: Clock) -> None:
        from anton_async.auth.proof import Prover  # noqa: PLC0415 - brings the cryptography, as OAuthCredentials do

        self._credentials = credentials
        self._token_url = token_url
        self._wire = wire
        self._clock = clock
        self._prover = Prover(credentials.key, clock)
        self._turns = NonceTurns(clock)
        self._tokens = TokenSource(self._fetch, clock)
        self._recent: deque[str] = deque(maxlen=_RECENT_TOKENS)

    @property
    def offset(self) -> float:
        """Seconds by which the servers' clock was found to be ahead of ours."""
        return self._prover.offset

    def ready(self) -> Authorization | None:
        """Return a good token with our key; None when there is none yet, or a request may not leave."""
        token = self._tokens.fresh()
        return DPoPBound(token, self._prover, self._turns) if token is not None and self._turns.open else None

    async def authorize(self) -> Authorization:
        """Return a good token with our key, when a request may leave."""
        while True:
            token = await self._tokens.get()
            if self._turns.open:
                return DPoPBound(token, self._prover, self._turns)
            await self._turns.wait()

    def unanswered(self, authorization: Authorization) -> None:
        """Let the next request leave, where they leave one by one: no answer will bring its nonce."""
        self._turns.answered(authorization)

    def wants_repeat(self, authorization: Authorization, answer: WireAnswer, repeats: Repeats) -> bool:
        """Learn nonce and time from `answer`; after a 401, say whether a new proof or token may help.

        Raises:
            AuthenticationError: the API takes no proofs of our key's algorithm.
        """
        before = self._prover.nonces.get(answer.url)
        self._learn_nonce(answer)
        if not isinstance(authorization, DPoPBound):
            return False
        self._turns.answered(authorization)
        if answer.status != 401:
            return False
        reason = _dpop_error(answer)
        code = error_code(answer) or reason
        if "use_dpop_nonce" in {reason, code}:
            return self._nonce_may_help(authorization, answer, repeats, before)
        if code == "invalid_dpop_proof":
            self._check_algorithms(answer)
            if self._learn_time(answer) or self._prover.offset != authorization.offset:
                return repeats.take("clock")
        if code in {"invalid_token", "invalid_dpop_proof"}:
            self._tokens.invalidate(authorization.token)
            return repeats.take("token")
        return False

    def may_be_copy(self, authorization: Authorization, answer: WireAnswer) -> bool:
        """Return whether the proof was refused for its id or nonce, which a copy has in common with a good one."""
        if answer.status != 401 or not isinstance(authorization, DPoPBound):
            return False
        refused_for = {error_code(answer), _dpop_error(answer)}
        return "invalid_dpop_proof" in refused_for or (
            "use_dpop_nonce" in refused_for and authorization.nonce is not None
        )

    def redact(self, text: str) -> str:
        """Return `text` without the secret and the tokens, also those that have just ended."""
        for token in self._recent:
            text = _without(text, token)
        return self._credentials.redact(text)

    async def close(self) -> None:
        """Stop a renewal under way."""
        self._turns.release()
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
            before = self._prover.nonces.get(answer.url)
            self._learn_nonce(answer)
            if answer.status == 200:
                token = read_token(answer.body, now=sent_at, thumbprint=self._credentials.key.thumbprint)
                self._recent.append(token.value)
                return token
            if not self._token_call_again(authorization, answer, repeats, before):
                raise self._refusal(answer)

    def _token_call_again(
        self, authorization: TokenCall, answer: WireAnswer, repeats: Repeats, before: str | None
    ) -> bool:
        match error_code(answer) or _dpop_error(answer):
            case "use_dpop_nonce":
                return self._nonce_may_help(authorization, answer, repeats, before)
            case "invalid_dpop_proof":
                self._check_algorithms(answer)
                return self._learn_time(answer) and repeats.take("clock")
            case _:
                return False

    def _nonce_may_help(
        self, authorization: TokenCall | DPoPBound, answer: WireAnswer, repeats: Repeats, before: str | None
    ) -> bool:
        used, newest = authorization.nonce, self._prover.nonces.get(answer.url)
        if newest is None or newest == used:
            return False
        if repeats.nonce_asked and used is not None:
            self._turns.narrow()
        repeats.nonce_asked = True
        return repeats.take("nonce" if before == used else "overtaken")

    def _check_algorithms(self, answer: WireAnswer) -> None:
        offered = dpop_parameter(answer.headers.getall("WWW-Authenticate", []), "algs")
        ours = self._credentials.key.algorithm
        if offered is None or {ours, "Ed25519" if ours == "EdDSA" else ours} & set(offered.split()):
            return
        theirs = printable(self.redact(offered), 100)
        raise AuthenticationError(
            f"The server takes DPoP proofs signed with {theirs}, but our key signs with {ours}",
            status=answer.status,
            code="invalid_dpop_proof",
            request_id=request_id(answer),
        )

    def _refusal(self, answer: WireAnswer) -> Exception:
        kind = AuthenticationError if 400 <= answer.status < 500 and answer.status not in {408, 429} else None
        error = read_error("POST /oauth/token", answer, now=self._clock.time(), redact=self.redact, kind=kind)
        error.outcome = Outcome.NOT_SENT
        return error

    def _learn_nonce(self, answer: WireAnswer) -> None:
        self._prover.nonces.learn(answer.url, answer.headers.getall("DPoP-Nonce", []))

    def _learn_time(self, answer: WireAnswer) -> bool:
        return self._prover.learn_time(answer.headers.getall("Date", []), answer.elapsed)


def _dpop_error(answer: WireAnswer) -> str | None:
    return dpop_parameter(answer.headers.getall("WWW-Authenticate", []), "error")


def _without(text: str, secret: str) -> str:
    return text.replace(secret, "***") if len(secret) >= _SHORTEST_SECRET else text


ANONYMOUS = Anonymous()
