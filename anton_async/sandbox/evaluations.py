"""Intelligence evaluations: create, validate, list, retrieve, evidence.

Every use case answers at once but `payout_screening`, which is pending first and settles on the sandbox's clock.
Without credentials everything answers at once, tells nobody, and is found again only without credentials.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from anton_async.sandbox.call import Call, Handler, block
from anton_async.sandbox.errors import Answer, FieldProblem, invalid, not_found
from anton_async.sandbox.merchant import Merchant
from anton_async.sandbox.paging import Collection
from anton_async.sandbox.presenter import Presenter, wrapped
from anton_async.sandbox.records import new_id
from anton_async.sandbox.reviews import Reviews
from anton_async.sandbox.scoring import (
    CONTRACT,
    EVENT_TYPES,
    Verdict,
    audit_hash,
    finding,
    judge,
    missing_fields,
    scoring,
    summary,
)

_LATENCY = 180  # milliseconds, as shown
_PROCESSING, _SETTLED = 0.1, 0.3  # shares of the pace, each after the one before
_PAYLOADS = ("bank_account", "crypto_wallet", "card", "iban")


@dataclass(slots=True, kw_only=True)
class Evaluation:
    """One evaluation: what it shows while it runs and afterwards, and the evidence."""

    id: str
    shown: dict[str, object]  # as long as it is pending, in the pending shape
    findings: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    pending: bool = False


class Evaluations:
    """The handlers of `/v1/intelligence/evaluations`."""

    def __init__(self, merchant: Merchant, reviews: Reviews, presenter: Presenter, *, pace: float) -> None:
        self._merchant = merchant
        self._reviews = reviews
        self._presenter = presenter
        self._pace = pace
        self._evaluations: Collection[Evaluation] = Collection()
        self._anonymous: Collection[Evaluation] = Collection()
        merchant.on_wipe(self._wipe)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation id."""
        return {
            "createIntelligenceEvaluation": self.create,
            "validateIntelligenceEvaluation": self.validate,
            "listIntelligenceEvaluations": self.list_all,
            "getIntelligenceEvaluation": self.retrieve,
            "getIntelligenceEvidence": self.retrieve_evidence,
        }

    def create(self, call: Call) -> Answer:
        """Evaluate a party; a payout is screened in the background."""
        _check(call.body)
        if call.anonymous:
            return wrapped(self._evaluate_for_nobody(call.body).shown)
        if call.body["use_case"] != "payout_screening":
            return wrapped(self.evaluate(call.body).shown)
        entry = Evaluation(id=new_id("eval"), shown={}, pending=True)
        entry.shown = {
            "contract_version": CONTRACT,
            "evaluation_id": entry.id,
            "status": "pending",
            "use_case": call.body["use_case"],
            "created_at": self._merchant.now(),
        }
        self._evaluations.add(entry)
        self._after(_PROCESSING, functools.partial(self._process, entry, call.body))
        return wrapped(entry.shown, 202, {"Location": f"/v1/intelligence/evaluations/{entry.id}"})

    def validate(self, call: Call) -> Answer:
        """Check a request, and do nothing."""
        _check(call.body)
        use_case = str(call.body["use_case"])
        return wrapped(
            {"valid": True, "contract_version": CONTRACT, "event_type": EVENT_TYPES[use_case], "use_case": use_case}
        )

    def list_all(self, call: Call) -> Answer:
        """List evaluations that are settled, newest first."""
        entries, cursor = self._evaluations.page(
            limit=call.limit, cursor=call.text("cursor"), keep=lambda entry: not entry.pending
        )
        return self._presenter.page([entry.shown for entry in entries], cursor, always_cursor=True)

    def retrieve(self, call: Call) -> Answer:
        """Show one evaluation, in the pending shape until it is settled."""
        return wrapped(self._entry(call).shown)

    def retrieve_evidence(self, call: Call) -> Answer:
        """Show what is behind an evaluation."""
        entry = self._entry(call)
        if entry.pending:
            raise not_found("evaluation")
        peers = cast("list[dict[str, object]]", entry.shown["peer_statuses"])
        results = [
            {**peer, "latency_ms": _LATENCY // 2, "error_count": 0, "evaluated_at": entry.shown["evaluated_at"]}
            for peer in peers
        ]
        return wrapped({"evaluation": entry.shown, "peer_results": results, "findings": entry.findings})

    def evaluate(self, request: Mapping[str, object]) -> Evaluation:
        """Evaluate a checked request now."""
        entry = Evaluation(id=new_id("eval"), shown={})
        self._evaluations.add(entry)
        self._settle(entry, request)
        return entry

    def _evaluate_for_nobody(self, request: Mapping[str, object]) -> Evaluation:
        entry = Evaluation(id=new_id("eval"), shown={})
        self._anonymous.add(entry)
        self._judge(entry, request)
        return entry

    def _process(self, entry: Evaluation, request: Mapping[str, object]) -> None:
        entry.shown["status"] = "processing"
        self._after(_SETTLED, functools.partial(self._finish, entry, request))

    def _finish(self, entry: Evaluation, request: Mapping[str, object]) -> None:
        if self._evaluations.get(entry.id) is not entry:
            return
        verdict = judge(_name(request))
        told: dict[str, object] = {"evaluation_id": entry.id, "use_case": request["use_case"]}
        if "client_reference_id" in request:
            told["client_reference_id"] = request["client_reference_id"]
        if verdict.fails:
            entry.shown |= {"status": "failed", "failure_reason": verdict.rationale}
            self._merchant.events.record("intelligence.evaluation.failed", {**told, "status": "failed"})
            return
        entry.pending = False
        self._settle(entry, request)
        decided = {"status": "completed", "decision": verdict.decision, "risk_level": verdict.level}
        self._merchant.events.record("intelligence.evaluation.completed", {**told, **decided})

    def _settle(self, entry: Evaluation, request: Mapping[str, object]) -> None:
        verdict = self._judge(entry, request)
        if verdict.review is not None:
            self._reviews.open_for(
                kind=verdict.review, evaluation_id=entry.id, entity=_entity(request), level=verdict.level
            )

    def _judge(self, entry: Evaluation, request: Mapping[str, object]) -> Verdict:
        verdict = judge(_name(request))
        if verdict.finding is not None:
            entry.findings = [finding(entry.id, verdict, request)]
        entry.shown = self._shown(entry, request, verdict)
        return verdict

    def _shown(self, entry: Evaluation, request: Mapping[str, object], verdict: Verdict) -> dict[str, object]:
        use_case, found = str(request["use_case"]), bool(entry.findings)
        peer = "error" if verdict.fails else "complete"
        shown: dict[str, object] = {
            "contract_version": CONTRACT,
            "evaluation_id": entry.id,
            "event_id": new_id("ievt"),
            "event_type": EVENT_TYPES[use_case],
            "status": "error" if verdict.fails else "complete",
            "decision": verdict.decision,
            "risk_level": verdict.level,
            "rationale": verdict.rationale,
            "next_action": verdict.next_action,
            "summary": summary(request, verdict),
            "scoring": scoring(verdict),
            "peer_statuses": [
                {"peer": "sentinel", "status": peer, "found": found},
                {"peer": "engine", "status": peer, "found": False},
                {"peer": "brain", "status": "skipped", "found": False},
            ],
            "policy": {"version": "triad-policy-v2", "rule_fired": verdict.rule, "reasons": [verdict.rationale]},
            "audit": {"hash": audit_hash(entry.id), "persisted": True},
            "evaluated_at": self._merchant.now(),
            "latency_ms": _LATENCY,
        }
        if verdict.next_action == "request_more_information":
            shown["missing_disambiguators"] = missing_fields(request)
        return shown

    def _after(self, share: float, action: functools.partial[None]) -> None:
        self._merchant.timeline.after(share * self._pace, action)

    def _entry(self, call: Call) -> Evaluation:
        entry = (self._anonymous if call.anonymous else self._evaluations).get(call.id)
        if entry is None:
            raise not_found("evaluation")
        return entry

    def _wipe(self) -> None:
        self._evaluations, self._anonymous = Collection(), Collection()


def _entity(request: Mapping[str, object]) -> Mapping[str, object]:
    return block(request, "entity")


def _name(request: Mapping[str, object]) -> str:
    return str(_entity(request).get("name", ""))


def _check(request: Mapping[str, object]) -> None:
    """Check what each use case needs besides the document's rules; raises the 422 that names it."""
    problems = list(_problems(request))
    if problems:
        raise invalid(*problems)


def _problems(request: Mapping[str, object]) -> list[FieldProblem]:
    use_case, entity = request["use_case"], _entity(request)
    named = bool(str(entity.get("name", "")).strip() or entity.get("vault_token_id"))
    instrument = block(request, "instrument")
    searchable = named or "vault_token_id" in instrument or any(instrument.get(name) for name in _PAYLOADS)
    problems: list[FieldProblem] = []
    if use_case in {"payee_registration", "merchant_onboarding"} and not named:
        problems.append(("entity.name", "is required, or entity.vault_token_id"))
    if use_case == "merchant_onboarding" and entity["type"] != "business":
        problems.append(("entity.type", "must be business"))
    if use_case == "instrument_screening" and not instrument:
        problems.append(("instrument", "is required"))
    if use_case == "payout_screening" and "payout" not in request:
        problems.append(("payout", "is required"))
    if use_case in {"payout_screening", "monitoring"} and not searchable:
        problems.append(("entity", "needs a name, or the instrument details, to be searched for"))
    return problems + _instrument_problems(instrument)


def _instrument_problems(given: Mapping[str, object]) -> list[FieldProblem]:
    if not given:
        return []
    kind = str(given["type"])
    problems = [
        (f"instrument.{name}", f"cannot be supplied when instrument.type is {kind}")
        for name in _PAYLOADS
        if name in given and name != kind
    ]
    if kind not in given and "vault_token_id" not in given:
        problems.append((f"instrument.{kind}", "is required, or instrument.vault_token_id"))
    return problems
