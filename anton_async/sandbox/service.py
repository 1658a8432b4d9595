"""The stages a request passes, in order; the server hands requests in and sends the answers out.

    route -> gate (token, proof) -> quota -> script -> idempotency -> document's rules -> handler

The key set skips all stages but the first; the token endpoint has a gate of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qs

import msgspec

from anton_async.clock import Clock
from anton_async.sandbox.access import Gate
from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.contract import Contract
from anton_async.sandbox.document import Document, Operation
from anton_async.sandbox.errors import Answer, Refusal, TokenRefusal
from anton_async.sandbox.forms import Form, Part
from anton_async.sandbox.history import History
from anton_async.sandbox.idempotency import IdempotencyStore, Scope, require_key
from anton_async.sandbox.incoming import Incoming, Outcome
from anton_async.sandbox.merchant import Merchant
from anton_async.sandbox.oauth import TokenEndpoint
from anton_async.sandbox.quota import Quota
from anton_async.sandbox.scenario import NO_STEP, Scenario, Step
from anton_async.sandbox.surfaces import reworded
from anton_async.sandbox.tokens import TokenIssuer
from anton_async.sandbox.validation import decoded, invalid_body

_LOG = logging.getLogger("anton_async.sandbox")
_JSON = "application/json"
_REFUSING_KEY = frozenset({"exportReviewsCSV", "exportReviewCaseFile"})
_NOBODY = "anonymous"  # whose keys are nobody's
_WITHOUT_KEY = _REFUSING_KEY | {"createAccessToken"}


class Service:
    """Answers requests for one merchant."""

    def __init__(
        self,
        *,
        clock: Clock,
        world_clock: Clock,
        document: Document,
        merchant: Merchant,
        handlers: Mapping[str, Handler],
        gate: Gate,
        issuer: TokenIssuer,
        token_endpoint: TokenEndpoint,
        quota: Quota,
        scenario: Scenario,
        history: History,
        contract: Contract | None = None,
    ) -> None:
        self._clock = clock
        self._document = document
        self._merchant = merchant
        self._gate = gate
        self._issuer = issuer
        self._token_endpoint = token_endpoint
        self._quota = quota
        self._idempotency = IdempotencyStore(world_clock)
        self._handlers = dict(handlers)
        self._scenario = scenario
        self._history = history
        self._contract = contract

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation behind a method and path, None when there is none or its path is malformed."""
        try:
            return self._document.route(method, path)[0]
        except Refusal:
            return None

    async def handle(self, incoming: Incoming) -> Outcome:
        """Return the outcome of one request; refusals are answers like any other."""
        passage = _Passage()
        try:
            answer = await self._pass(incoming, passage)
        except Refusal as refusal:
            answer = refusal.answer()
        except Exception:  # noqa: BLE001 - whatever it is, the client gets the envelope and the log the rest
            _LOG.exception("The sandbox failed at %s", passage.operation_id)
            answer = Refusal(500, "internal_error", "").answer()
        if self._contract is not None and passage.operation_id is not None and passage.step.refusal is None:
            answer = self._contract.checked(passage.operation_id, answer)
        return Outcome(answer=answer, operation_id=passage.operation_id, jti=passage.jti, dropped=passage.step.dropped)

    async def _pass(self, incoming: Incoming, passage: _Passage) -> Answer:
        operation, path = self._document.route(incoming.method, incoming.path)
        passage.operation_id = operation.id
        if operation.anonymous and not incoming.authorizations and not incoming.proofs:
            incoming = replace(incoming, anonymous=True)
            self._quota.take_anonymous()
        elif operation.authenticated:
            passage.jti = self._gate.admit(incoming.authorizations, incoming.proofs, incoming.target, operation.scope)
            self._quota.take(operation.id, operation.path)
        if incoming.unread is not None:
            if operation.id == "createAccessToken":
                raise TokenRefusal(400, "invalid_request", incoming.unread.message)
            if operation.method != "GET":  # whose body, if any, means nothing
                raise incoming.unread
        step = passage.step = self._scenario.on(operation.id).take()
        if step.refusal is not None:
            raise step.refusal
        key = _key(incoming, operation)
        if key is not None:
            return await self._once(key, incoming, operation, path, step)
        await self._pause(step)
        if operation.id == "createAccessToken":
            answer, passage.jti = self._grant(incoming)
            return answer
        if operation.id == "getJWKS":
            return self._issuer.key_set()
        return self._carry_out(incoming, operation, path)

    async def _once(
        self, key: str, incoming: Incoming, operation: Operation, path: Mapping[str, str], step: Step
    ) -> Answer:
        """Run a keyed request, or answer it from memory."""
        scope = self._scope(incoming, key)
        kept = self._idempotency.begin(scope, incoming.content)
        if kept is not None:
            return kept
        try:
            await self._pause(step)
            return self._carry_out(incoming, operation, path, scope)
        except BaseException:
            self._idempotency.abandon(scope)
            raise

    def _scope(self, incoming: Incoming, key: str) -> Scope:
        return _NOBODY if incoming.anonymous else self._merchant.id, incoming.path, key

    def repeat(self, content: bytes) -> None:
        """Carry out a request of the history once more.

        Raises:
            UnrepeatableError: the answer differs from the first one.
        """
        change = msgspec.msgpack.decode(content, type=_Change)
        incoming = change.incoming()
        operation, path = self._document.route(incoming.method, incoming.path)
        if change.key is None:
            self._carry_out(incoming, operation, path)
            return
        scope = self._scope(incoming, change.key)
        self._idempotency.begin(scope, incoming.content)
        self._carry_out(incoming, operation, path, scope)

    def _carry_out(
        self, incoming: Incoming, operation: Operation, path: Mapping[str, str], scope: Scope | None = None
    ) -> Answer:
        """Run a request, and keep what it changed before anybody is told."""
        if operation.method == "GET":
            return self._run(incoming, operation, path)
        with self._history.moment() as entry:
            try:
                answer = self._run(incoming, operation, path)
                if scope is not None:
                    self._merchant.executed[scope[2]] += 1
            except Refusal as refusal:
                answer = refusal.answer()
            key = None if scope is None else scope[2]
            self._history.keep(entry, "request", _Change.of(incoming, key), answer)
            if scope is not None:
                self._idempotency.finish(scope, answer)
            return answer

    def _run(self, incoming: Incoming, operation: Operation, path: Mapping[str, str]) -> Answer:
        handler = self._handlers.get(operation.id)
        if handler is None:
            raise Refusal(501, "not_configured", "the sandbox does not serve this operation yet")
        checked_path = operation.read_path(path)
        texts = parse_qs(incoming.query, keep_blank_values=True)
        simulate = texts.get("simulate", [None])[0] if operation.id == "createPayout" else None
        call = Call(
            operation=operation,
            path=checked_path,
            query=operation.read_query(texts),
            body=_read_body(incoming, operation),
            form=incoming.form or Form({}),
            simulate=simulate,
            anonymous=incoming.anonymous,
        )
        self._merchant.timeline.advance()
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
        if step.barrier is not None:
            await step.barrier.wait()
        if step.delay:
            await self._clock.sleep(step.delay)


class _Change(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the history keeps of a request: all that its outcome depends on, and no credentials."""

    method: str
    path: str
    query: str = ""
    content_type: str
    key: str | None = None
    body: bytes = b""
    form: dict[str, tuple[bytes, str | None]] | None = None
    anonymous: bool = False

    @classmethod
    def of(cls, incoming: Incoming, key: str | None) -> _Change:
        form = incoming.form
        return cls(
            method=incoming.method,
            path=incoming.path,
            query=incoming.query,
            content_type=incoming.content_type,
            key=key,
            body=incoming.body,
            form=None if form is None else {name: (part.content, part.file_name) for name, part in form.parts.items()},
            anonymous=incoming.anonymous,
        )

    def incoming(self) -> Incoming:
        return Incoming(
            method=self.method,
            path=self.path,
            query=self.query,
            host="",
            content_type=self.content_type,
            authorizations=(),
            proofs=(),
            idempotency_key=self.key,
            body=self.body,
            form=None if self.form is None else Form({name: Part(*part) for name, part in self.form.items()}),
            anonymous=self.anonymous,
        )


@dataclass(slots=True)
class _Passage:
    """What is known of a request so far, also when a later stage refuses it."""

    operation_id: str | None = None
    jti: str | None = None
    step: Step = NO_STEP


def _key(incoming: Incoming, operation: Operation) -> str | None:
    """Return the idempotency key that a request runs under, None when it has none and needs none."""
    if operation.id in _WITHOUT_KEY:
        if incoming.idempotency_key is not None and operation.id in _REFUSING_KEY:
            raise Refusal(400, "idempotency_key_not_accepted", "an export takes no Idempotency-Key")
        return None
    key = incoming.idempotency_key
    if operation.id == "createIntelligenceEvaluation":
        key = key or _key_in_body(incoming.body)
        return None if key is None and incoming.anonymous else require_key(key)
    if operation.keyed:
        return require_key(key)
    return None if key is None or operation.method == "GET" else require_key(key)


def _key_in_body(body: bytes) -> str | None:
    try:
        return msgspec.json.decode(body, type=_KeyInBody).idempotency_key
    except (msgspec.DecodeError, RecursionError):
        return None


class _KeyInBody(msgspec.Struct):
    idempotency_key: str | None = None


def _read_body(incoming: Incoming, operation: Operation) -> Mapping[str, object]:
    if operation.body is None or (not incoming.body and not operation.body_required):
        return {}
    if incoming.content_type != _JSON:
        raise invalid_body(f"the Content-Type must be {_JSON}")
    body = decoded(incoming.body)
    try:
        return operation.body.check_body(body)
    except Refusal as refusal:
        raise reworded(operation.id, operation.path, refusal, body) from None
