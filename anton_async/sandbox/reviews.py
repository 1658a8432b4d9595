"""Compliance reviews: list, retrieve, decide, resume, annotate, settings.

    open <--> waiting_on_customer
     |
     +--> awaiting_approval --> closed
     +------------------------> closed

Evaluations open them. Where a decision needs a second approver, the sandbox's colleague approves it a moment later.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from anton_async.sandbox.call import Call, Handler, block
from anton_async.sandbox.errors import Answer, Refusal, invalid, not_found
from anton_async.sandbox.merchant import Merchant
from anton_async.sandbox.moments import read_moment
from anton_async.sandbox.paging import Collection
from anton_async.sandbox.presenter import Presenter, wrapped
from anton_async.sandbox.records import new_id

_SCREENING = frozenset({"possible_sanctions_match", "possible_pep_match", "screening_review"})
_SCREENING_DECISIONS = frozenset({"waiting_on_customer", "not_a_match", "confirmed_match"})
_MANUAL_DECISIONS = frozenset({"waiting_on_customer", "no_concern", "concern_confirmed"})
_CLEARING = frozenset({"not_a_match", "no_concern"})
_REASONS = {
    "waiting_on_customer": {"dob_needed", "id_document_needed", "more_information_needed", "other"},
    "not_a_match": {
        "dob_differs", "nationality_differs", "id_document_verified", "different_entity_type", "location_differs",
        "other",
    },
    "confirmed_match": {"identity_confirmed", "exact_identifier_match", "customer_confirmed", "other"},
    "no_concern": {"activity_explained", "documents_verified", "other"},
    "concern_confirmed": {"suspicious_activity", "policy_breach", "other"},
}  # fmt: skip
_TARGETS = {"high": timedelta(minutes=240), "medium": timedelta(minutes=1440), "low": timedelta(minutes=4320)}
_PRIORITIES = {"critical": "high", "high": "high", "medium": "medium"}
_SYSTEM = {"type": "system"}
_COLLEAGUE = {"type": "user", "id": "usr_sandbox_approver"}
_SETTINGS: dict[str, object] = {
    "second_approver": "sanctions_pep",
    "cleared_list_enabled": False,
    "cleared_list_min_decisions": 2,
    "cleared_list_months": 12,
    "target_high_minutes": 240,
    "target_medium_minutes": 1440,
    "target_low_minutes": 4320,
    "business_day_start_minute": 540,
    "business_day_end_minute": 1020,
    "business_days": [1, 2, 3, 4, 5],
    "timezone": "UTC",
    "auto_open": True,
    "retention_years": 7,
    "min_retention_years": 7,
    "api_clearance_requires_approval": True,
}


@dataclass(slots=True, kw_only=True)
class ReviewEntry:
    """A review and its history."""

    id: str
    shown: dict[str, object]
    created_at: datetime
    due_at: datetime
    paused_at: datetime | None = None
    decisions: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    notes: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    events: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    pending: dict[str, object] | None = None  # the decision that waits for a second approver


class Reviews:
    """The handlers of `/v1/intelligence/reviews`, but for the exports."""

    def __init__(self, merchant: Merchant, presenter: Presenter, *, pace: float) -> None:
        self._merchant = merchant
        self._presenter = presenter
        self._pace = pace
        self.entries: Collection[ReviewEntry] = Collection()
        merchant.on_wipe(self._wipe)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation id."""
        return {
            "listReviews": self.list_all,
            "getReviewSettings": self.retrieve_settings,
            "getReview": self.retrieve,
            "recordReviewDecision": self.decide,
            "resumeReview": self.resume,
            "addReviewNote": self.annotate,
        }

    def open_for(self, *, kind: str, evaluation_id: str, entity: Mapping[str, object], level: str) -> ReviewEntry:
        """Open a review of what an evaluation found."""
        now = self._merchant.now()
        priority = _PRIORITIES.get(level, "low")
        subject: dict[str, object] = {"type": entity["type"], "display": _masked(str(entity.get("name", "Unknown")))}
        if "reference_id" in entity:
            subject["reference"] = entity["reference_id"]
        review_id = new_id("irv")
        shown: dict[str, object] = {
            "id": review_id,
            "number": f"RV-{len(self.entries) + 1:04}",
            "kind": kind,
            "priority": priority,
            "status": "open",
            "source": "monitoring" if kind == "manual" else "evaluation",
            "evaluation_id": evaluation_id,
            "subject": subject,
            "opened_by": _SYSTEM,
            "created_at": now,
            "updated_at": now,
        }
        if kind == "manual":
            shown["open_reason"] = "unusual_activity"
        entry = ReviewEntry(id=review_id, shown=shown, created_at=now, due_at=now + _TARGETS[priority])
        self.entries.add(entry)
        self._note(entry, "opened", _SYSTEM, "The review was opened")
        self._tell(entry, "opened", "system", status="open", due_at=entry.due_at)
        self._watch(entry)
        return entry

    def list_all(self, call: Call) -> Answer:
        """List reviews, newest first."""
        wanted = {name: value for name in ("status", "kind") if (value := call.text(name)) is not None}
        after, before = (_bound(call, name) for name in ("created_after", "created_before"))
        entries, cursor = self.entries.page(
            limit=call.limit,
            cursor=call.text("cursor"),
            keep=lambda entry: (
                (after is None or entry.created_at >= after)
                and (before is None or entry.created_at < before)
                and all(entry.shown[name] == value for name, value in wanted.items())
            ),
        )
        return self._presenter.page([self.shown(entry) for entry in entries], cursor)

    def retrieve_settings(self, _: Call) -> Answer:
        """Show the settings; only the portal changes them."""
        return wrapped(_SETTINGS)

    def retrieve(self, call: Call) -> Answer:
        """Show one review with its history."""
        entry = self.entry(call.id)
        history: dict[str, object] = {
            "matched_entries": 0 if entry.shown["kind"] == "manual" else 1,
            "opening_note_recorded": False,
            "decisions": entry.decisions,
            "notes": entry.notes,
            "events": entry.events,
        }
        if entry.pending is not None:
            history["pending_decision_id"] = entry.pending["id"]
        return wrapped({**self.shown(entry), **history})

    def decide(self, call: Call) -> Answer:
        """Record a decision; one that clears always waits for a second approver."""
        entry = self.entry(call.id)
        kind, decision, reason = str(entry.shown["kind"]), str(call.body["decision"]), str(call.body["reason_code"])
        self._refuse_settled(entry)
        if decision not in (_SCREENING_DECISIONS if kind in _SCREENING else _MANUAL_DECISIONS):
            raise Refusal(422, "invalid_decision", f"{decision} cannot be recorded for a review of kind {kind}")
        if reason not in _REASONS[decision]:
            raise Refusal(422, "invalid_reason_code", f"{reason} is no reason for {decision}")
        self._unpause(entry)
        rule = _approval_rule(kind, decision)
        now = self._merchant.now()
        recorded: dict[str, object] = {
            "id": new_id("ird"),
            "decision": decision,
            "reason_code": reason,
            "note_recorded": bool(call.body.get("note")),
            "proposed_by": self._client(),
            "requires_approval": rule is not None,
            "created_at": now,
        }
        if rule is not None:
            recorded["approval_rule"] = rule
        entry.decisions.append(recorded)
        told = {"decision_id": recorded["id"], "decision": decision, "reason_code": reason}
        if rule is not None:
            entry.pending = recorded
            self._move(entry, "awaiting_approval", self._client(), "decision_proposed")
            self._tell(entry, "decision_proposed", "api_client", **told, requires_approval=True, approval_rule=rule)
            self._merchant.timeline.after(self._pace, functools.partial(self._approve, entry, recorded))
        elif decision == "waiting_on_customer":
            entry.paused_at = now
            self._move(entry, "waiting_on_customer", self._client(), "decided")
            self._tell(entry, "decided", "api_client", **told, requires_approval=False)
        else:
            self._tell(entry, "decided", "api_client", **told, requires_approval=False)
            self._close(entry, recorded, self._client())
        return wrapped({"review": self.shown(entry), "decision": recorded}, 201)

    def resume(self, call: Call) -> Answer:
        """End the wait on the customer; the due time moves by what was waited."""
        entry = self.entry(call.id)
        if entry.paused_at is None or entry.shown["status"] != "waiting_on_customer":
            raise Refusal(409, "review_not_waiting", "the review does not wait on the customer")
        self._unpause(entry)
        self._move(entry, "open", self._client(), "reopened")
        self._tell(entry, "reopened", "api_client", status="open", reason="customer_responded", due_at=entry.due_at)
        self._watch(entry)
        return wrapped(self.shown(entry))

    def annotate(self, call: Call) -> Answer:
        """Add a note; its text is never shown again."""
        entry = self.entry(call.id)
        if entry.shown["status"] == "closed":
            raise Refusal(409, "review_closed", "the review is closed")
        note: dict[str, object] = {"id": new_id("irn"), "author": self._client(), "created_at": self._merchant.now()}
        entry.notes.append(note)
        self._note(entry, "note_added", self._client(), "A note was added")
        self._tell(entry, "note_added", "api_client", note_id=note["id"])
        return wrapped(note, 201)

    def entry(self, review_id: str) -> ReviewEntry:
        """Return a review; raises the 404 of one that is not there."""
        entry = self.entries.get(review_id)
        if entry is None:
            raise not_found("review")
        return entry

    def shown(self, entry: ReviewEntry) -> dict[str, object]:
        """Return a review as it is now."""
        status = entry.shown["status"]
        running = status in {"open", "awaiting_approval"}
        shown = {**entry.shown, "due_at": entry.due_at, "overdue": running and self._merchant.now() > entry.due_at}
        return shown if entry.paused_at is None else {**shown, "paused_at": entry.paused_at}

    @staticmethod
    def _refuse_settled(entry: ReviewEntry) -> None:
        if entry.shown["status"] == "closed":
            raise Refusal(409, "review_closed", "the review is closed")
        if entry.pending is not None:
            raise Refusal(409, "decision_pending", "a decision waits for approval already")

    def _unpause(self, entry: ReviewEntry) -> None:
        if entry.paused_at is not None:
            entry.due_at += self._merchant.now() - entry.paused_at
            entry.paused_at = None

    def _approve(self, entry: ReviewEntry, decision: dict[str, object]) -> None:
        if self.entries.get(entry.id) is not entry or entry.pending is not decision:
            return
        entry.pending = None
        decision["approval"] = {
            "id": new_id("ira"),
            "outcome": "approved",
            "by": _COLLEAGUE,
            "note_recorded": False,
            "created_at": self._merchant.now(),
        }
        told = {"decision_id": decision["id"], "decision": decision["decision"], "reason_code": decision["reason_code"]}
        rule = decision["approval_rule"]
        self._tell(entry, "decided", "user", **told, requires_approval=True, approval_rule=rule, approved=True)
        self._close(entry, decision, _COLLEAGUE)

    def _close(self, entry: ReviewEntry, decision: Mapping[str, object], actor: dict[str, str]) -> None:
        entry.shown |= {"outcome": decision["decision"], "closed_at": self._merchant.now()}
        self._move(entry, "closed", actor, "closed")
        outcome = {"status": "closed", "outcome": decision["decision"], "decision_id": decision["id"]}
        self._tell(entry, "closed", actor["type"], **outcome)

    def _watch(self, entry: ReviewEntry) -> None:
        due_at = entry.due_at
        wait = max(0.0, (due_at - self._merchant.now()).total_seconds())
        self._merchant.timeline.after(wait, functools.partial(self._overdue, entry, due_at))

    def _overdue(self, entry: ReviewEntry, due_at: datetime) -> None:
        known = self.entries.get(entry.id) is entry
        if known and entry.due_at == due_at and entry.shown["status"] in {"open", "awaiting_approval"}:
            self._tell(entry, "overdue", "system", status=entry.shown["status"], due_at=due_at)

    def _move(self, entry: ReviewEntry, status: str, actor: dict[str, str], event: str) -> None:
        entry.shown |= {"status": status, "updated_at": self._merchant.now()}
        self._note(entry, event, actor, f"The review is now {status.replace('_', ' ')}")

    def _note(self, entry: ReviewEntry, kind: str, actor: dict[str, str], text: str) -> None:
        entry.events.append({"kind": kind, "actor": actor, "summary": text, "created_at": self._merchant.now()})

    def _tell(self, entry: ReviewEntry, what: str, actor_type: str, **extra: object) -> None:
        names = ("number", "kind", "priority", "source", "evaluation_id")
        told: dict[str, object] = {"review_id": entry.id, **{name: entry.shown[name] for name in names}}
        subject = block(entry.shown, "subject")
        if "reference" in subject:
            told["reference"] = subject["reference"]
        common = {"actor_type": actor_type, "occurred_at": self._merchant.now()}
        self._merchant.events.record(f"intelligence.review.{what}", {**told, **common, **extra})

    def _client(self) -> dict[str, str]:
        return {"type": "api_client", "id": "ant_oc_sandbox"}

    def _wipe(self) -> None:
        self.entries = Collection()


def _approval_rule(kind: str, decision: str) -> str | None:
    if decision == "waiting_on_customer":
        return None
    if decision in _CLEARING:
        return "api_clearance"
    return "sanctions_pep" if kind in {"possible_sanctions_match", "possible_pep_match"} else None


def _masked(name: str) -> str:
    return " ".join(f"{word[0]}***" for word in name.split()) or "U***"


def _bound(call: Call, name: str) -> datetime | None:
    text = call.text(name)
    if text is None:
        return None
    moment = read_moment(text)
    if moment is None:
        raise invalid((name, "must be an RFC 3339 timestamp or a date in YYYY-MM-DD format"))
    return moment
