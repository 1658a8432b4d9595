"""Verification attempts and how they go on by themselves.

    created | sent -> in_progress -> processing -> approved | declined | review
                                              +--> awaiting_owners -> approved        (a business)
    created | sent -> expired      any that is not over -> revoked

The sandbox plays the subject. Its name decides how it goes: with `declined`, `review` or `sanctioned` in it the
attempt ends that way, with `absent` nobody opens the link and it expires.
"""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from anton_async.sandbox import chance
from anton_async.sandbox.evaluations import Evaluations
from anton_async.sandbox.merchant import Merchant
from anton_async.sandbox.records import new_id

OVER = frozenset({"approved", "declined", "expired", "revoked"})
_LINK = "https://verify.antonpayments.dev/session/"
_LISTS = ["OFAC SDN", "UN Consolidated", "EU Consolidated", "UK HMT", "PEP"]
_TOLD = {
    "in_progress": "started",
    "approved": "approved",
    "declined": "declined",
    "review": "review",
    "expired": "expired",
}
_OPENED, _SUBMITTED, _DECIDED, _OWNER = 0.2, 0.2, 0.2, 0.2  # shares of the time, each after the one before
_CHECKS = {
    "person": (("document", "Document authenticity"), ("selfie", "Selfie match")),
    "business": (("registry", "Company registry"), ("address", "Business address")),
}
_OWNERS = (("First Owner", 60), ("Second Owner", 40))


@dataclass(slots=True, kw_only=True)
class Subject:
    """A person or business to verify; the true name stays here."""

    id: str
    kind: str
    name: str
    email: str
    country: str
    external_ref: str | None
    created_at: datetime
    link_days: int
    attempts: list[Attempt] = field(default_factory=list["Attempt"])

    @property
    def latest(self) -> Attempt:
        """The newest attempt."""
        return self.attempts[-1]


@dataclass(slots=True, kw_only=True)
class Owner:
    """A controlling owner of a business."""

    id: str
    name: str
    share: int  # percent
    status: str = "created"
    completed_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One attempt to verify a subject."""

    id: str
    subject: Subject
    reason: str
    created_at: datetime
    link_expires_at: datetime
    status: str = "created"
    completed_at: datetime | None = None
    evaluation_id: str | None = None
    screening: str = "clear"
    owners: list[Owner] = field(default_factory=list[Owner])

    @property
    def over(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.status in OVER

    def shown(self) -> dict[str, object]:
        """Return the attempt as the API shows it, without its link."""
        shown: dict[str, object] = {
            "id": self.id,
            "status": self.status,
            "reason": self.reason,
            "created_at": self.created_at,
            "link_expires_at": self.link_expires_at,
            "checks": self._checks(),
        }
        if self.completed_at is not None:
            shown["completed_at"] = self.completed_at
        if self.evaluation_id is not None:
            shown["screening"] = {
                "status": self.screening,
                "lists_checked": _LISTS,
                "evaluation_id": self.evaluation_id,
                "detail": "No match." if self.screening == "clear" else "A possible match is with a reviewer.",
            }
        if self.owners:
            shown["ubos"] = [_owner_shown(owner, self.subject.email) for owner in self.owners]
        return shown

    def _checks(self) -> list[dict[str, str]]:
        if self.status in {"created", "sent", "in_progress", "expired", "revoked"}:
            return []
        status = {"processing": "pending", "declined": "failed", "review": "review"}.get(self.status, "passed")
        return [
            {"type": kind, "label": label, "status": status, "detail": f"{label}: {status}."}
            for kind, label in _CHECKS[self.subject.kind]
        ]


class Attempts:
    """Opens attempts and moves them."""

    def __init__(self, merchant: Merchant, evaluations: Evaluations, *, settle: float | None) -> None:
        self._merchant = merchant
        self._evaluations = evaluations
        self._settle = settle

    def open(self, subject: Subject, reason: str, *, by_mail: bool) -> tuple[Attempt, str]:
        """Open an attempt; returns it with its link, which is not shown again."""
        now = self._merchant.now()
        expires = now + timedelta(days=subject.link_days)
        attempt = Attempt(id=new_id("vrf"), subject=subject, reason=reason, created_at=now, link_expires_at=expires)
        if subject.kind == "business":
            attempt.owners = [Owner(id=new_id("vubo"), name=name, share=share) for name, share in _OWNERS]
        subject.attempts.append(attempt)
        link = self.link(attempt, by_mail=by_mail)
        if "absent" not in subject.name.casefold():
            self._after(_OPENED, attempt, {"created", "sent"}, self._start)
        return attempt, link

    def link(self, attempt: Attempt, *, by_mail: bool, owner: Owner | None = None) -> str:
        """Make a fresh link, and mail it when there is an address and mail is wanted."""
        attempt.link_expires_at = self._merchant.now() + timedelta(days=attempt.subject.link_days)
        self._watch(attempt)
        if by_mail and attempt.subject.email:
            if attempt.status == "created":
                attempt.status = "sent"
            self._tell(attempt, "link_sent", None if owner is None else owner.id)
        return f"{_LINK}{base64.urlsafe_b64encode(chance.draw(24)).decode()}"

    def revoke(self, attempt: Attempt) -> None:
        """End an attempt for good."""
        self._move(attempt, "revoked")

    def _start(self, attempt: Attempt) -> None:
        self._move(attempt, "in_progress")
        self._after(_SUBMITTED, attempt, {"in_progress"}, self._submit)

    def _submit(self, attempt: Attempt) -> None:
        self._move(attempt, "processing")
        self._after(_DECIDED, attempt, {"processing"}, self._decide)

    def _decide(self, attempt: Attempt) -> None:
        subject = attempt.subject
        request = {"use_case": "payee_registration", "entity": {"type": subject.kind, "name": subject.name}}
        evaluation = self._evaluations.evaluate(request)
        attempt.evaluation_id = evaluation.id
        attempt.screening = "hit" if evaluation.findings else "clear"
        words = subject.name.casefold().split()
        if "declined" in words:
            self._move(attempt, "declined")
        elif "review" in words or attempt.screening == "hit":
            self._move(attempt, "review")
        elif attempt.owners:
            self._move(attempt, "awaiting_owners")
            self._after(_OWNER, attempt, {"awaiting_owners"}, self._next_owner)
        else:
            self._move(attempt, "approved")

    def _next_owner(self, attempt: Attempt) -> None:
        owner = next(one for one in attempt.owners if one.status != "approved")
        owner.status, owner.completed_at = "approved", self._merchant.now()
        if all(one.status == "approved" for one in attempt.owners):
            self._move(attempt, "approved")
        else:
            self._after(_OWNER, attempt, {"awaiting_owners"}, self._next_owner)

    def _watch(self, attempt: Attempt) -> None:
        expires = attempt.link_expires_at
        seconds = (expires - self._merchant.now()).total_seconds()
        self._merchant.timeline.after(seconds, functools.partial(self._expire, attempt, expires))

    def _expire(self, attempt: Attempt, expires: datetime) -> None:
        if attempt.link_expires_at == expires and attempt.status in {"created", "sent", "in_progress"}:
            self._move(attempt, "expired")

    def _after(self, share: float, attempt: Attempt, before: set[str], step: Callable[[Attempt], None]) -> None:
        if self._settle is None:
            return

        def take() -> None:
            if attempt.status in before:
                step(attempt)

        self._merchant.timeline.after(share * self._settle, take)

    def _move(self, attempt: Attempt, status: str) -> None:
        attempt.status = status
        if attempt.over:
            attempt.completed_at = self._merchant.now()
        if status in _TOLD:
            self._tell(attempt, _TOLD[status])

    def _tell(self, attempt: Attempt, what: str, owner_id: str | None = None) -> None:
        told = {"verification_id": attempt.id, "subject_id": attempt.subject.id, "status": attempt.status}
        if owner_id is not None:
            told["owner_id"] = owner_id
        self._merchant.events.record(f"verification.{what}", told)


def masked(name: str) -> str:
    """Return a name with nothing but the first letter of each word."""
    return " ".join(word[0] + "•" * max(2, len(word) - 1) for word in name.split())


def _owner_shown(owner: Owner, email: str) -> dict[str, object]:
    shown: dict[str, object] = {
        "id": owner.id,
        "display_name": masked(owner.name),
        "email": email,
        "ownership_pct": owner.share,
        "status": owner.status,
    }
    return shown if owner.completed_at is None else {**shown, "completed_at": owner.completed_at}
