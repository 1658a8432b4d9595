"""The stages a request passes, in order; the server hands requests in and sends the answers out.

    route -> gate (token, proof) -> quota -> script -> idempotency -> document's rules -> handler

The key set skips all stages but the first; the token endpoint has a gate of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from anton_async.clock import Clock
from anton_async.sandbox.access import Gate
from anton_async.sandbox.balances import Balances
from anton_async.sandbox.batches import Batches
from anton_async.sandbox.beneficiaries import Beneficiaries
from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.document import Document, Operation
from anton_async.sandbox.errors import Answer, Refusal
from anton_async.sandbox.idempotency import IdempotencyStore, Scope, require_key
from anton_async.sandbox.instruments import Instruments
from anton_async.sandbox.lifecycle import Lifecycle
from anton_async.sandbox.merchant import Merchant
from anton_async.sandbox.oauth import TokenEndpoint
from anton_async.sandbox.payouts import Payouts
from anton_async.sandbox.presenter import Presenter
from anton_async.sandbox.proof import Target
from anton_async.sandbox.quota import Quota
from anton_async.sandbox.scenario import NO_STEP, Scenario, Step
from anton_async.sandbox.tokens import TokenIssuer
from anton_async.sandbox.validation import decoded, invalid_body

_JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One request as it came over the wire."""

    method: str
    path: str  # as sent, undecoded, without the query
    query: str
    host: str
    content_type: str
    authorizations: Sequence[str]
    proofs: Sequence[str]
    idempotency_key: str | None
    body: bytes

    @property
    def target(self) -> Target:
        """What a proof for this request has to name."""
        return Target(self.method, "http", self.host, self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The answer to one request, and what became of it on the way."""

    answer: Answer
    operation_id: str | None = None
    jti: str | None = None
    dropped: bool = False

    @property
    def replayed(self) -> bool:
        """Whether the answer came from the idempotency store."""
        return "X-Idempotent-Replayed" in self.answer.headers


class Service:
    """Answers requests for one merchant."""

    def __init__(
        self,
        *,
        clock: Clock,
        document: Document,
        merchant: Merchant,
        presenter: Presenter,
        settle: float | None,
        gate: Gate,
        issuer: TokenIssuer,
        token_endpoint: TokenEndpoint,
        quota: Quota,
    ) -> None:
        self._clock = clock
        self._document = document
        self._merchant = merchant
        self._gate = gate
        self._issuer = issuer
        self._token_endpoint = token_endpoint
        self._quota = quota
        self._idempotency = IdempotencyStore(clock)
        self._lifecycle = Lifecycle(clock, merchant, settle=settle, edition=presenter.edition)
        self._handlers: dict[str, Handler] = {
            **Payouts(merchant, self._lifecycle, presenter).handlers(),
            **Beneficiaries(merchant, presenter).handlers(),
            **Instruments(merchant, presenter).handlers(),
            **Batches(merchant, presenter).handlers(),
            **Balances(merchant, presenter).handlers(),
        }
        self.scenario = Scenario(document.operations)

    async def handle(self, incoming: Incoming) -> Outcome:
        """Return the outcome of one request; refusals are answers like any other."""
        passage = _Passage()
        try:
            answer = await self._pass(incoming, passage)
        except Refusal as refusal:
            answer = refusal.answer()
        return Outcome(answer=answer, operation_id=passage.operation_id, jti=passage.jti, dropped=passage.step.dropped)

    async def _pass(self, incoming: Incoming, passage: _Passage) -> Answer:
        operation, path = self._document.route(incoming.method, incoming.path)
        passage.operation_id = operation.id
        if operation.authenticated:
            passage.jti = self._gate.admit(incoming.authorizations, incoming.proofs, incoming.target)
            self._quota.take()
        step = passage.step = self.scenario.on(operation.id).take()
        if step.refusal is not None:
            raise step.refusal
        if operation.keyed:
            return await self._once(incoming, operation, path, step)
        await self._pause(step)
        if operation.id == "createAccessToken":
            answer, passage.jti = self._grant(incoming)
            return answer
        if operation.id == "getJWKS":
            return self._issuer.key_set()
        return self._run(incoming, operation, path)

    async def _once(self, incoming: Incoming, operation: Operation, path: Mapping[str, str], step: Step) -> Answer:
        """Run a keyed request, or answer it from memory."""
        key = require_key(incoming.idempotency_key)
        scope: Scope = (self._merchant.id, incoming.path, key)
        kept = self._idempotency.begin(scope, incoming.body)
        if kept is not None:
            return kept
        try:
            await self._pause(step)
            answer = self._run(incoming, operation, path)
            self._merchant.executed[key] += 1
        except Refusal as refusal:
            self._idempotency.finish(scope, refusal.answer())
            raise
        except BaseException:
            self._idempotency.abandon(scope)
            raise
        self._idempotency.finish(scope, answer)
        return answer

    def _run(self, incoming: Incoming, operation: Operation, path: Mapping[str, str]) -> Answer:
        handler = self._handlers.get(operation.id)
        if handler is None:
            raise Refusal(501, "not_configured", "the sandbox does not serve this operation yet")
        query = (
            operation.read_query(parse_qs(incoming.query, keep_blank_values=True)) if operation.query_parameters else {}
        )
        call = Call(operation, path, query, _read_body(incoming, operation))
        self._lifecycle.advance()
        return handler(call)

    def _grant(self, incoming: Incoming) -> tuple[Answer, str]:
        authorizations = incoming.authorizations
        return self._token_endpoint.grant(
            content_type=incoming.content_type,
            authorization=authorizations[0] if authorizations else None,
            proofs=incoming.proofs,
            body=incoming.body,
            target=incoming.target,
        )

    async def _pause(self, step: Step) -> None:
        if step.delay:
            await self._clock.sleep(step.delay)


@dataclass(slots=True)
class _Passage:
    """What is known of a request so far, also when a later stage refuses it."""

    operation_id: str | None = None
    jti: str | None = None
    step: Step = NO_STEP


def _read_body(incoming: Incoming, operation: Operation) -> Mapping[str, object]:
    if operation.body is None or (not incoming.body and not operation.body_required):
        return {}
    if incoming.content_type != _JSON:
        raise invalid_body(f"the Content-Type must be {_JSON}")
    return operation.body.check_body(decoded(incoming.body))
