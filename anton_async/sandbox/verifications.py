"""Verifications: subjects, their attempts and links, and totals over them."""

from __future__ import annotations

import statistics
from collections import Counter
from datetime import timedelta

import msgspec

from anton_async.sandbox.attempts import OVER, Attempt, Attempts, Subject, masked
from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.errors import Answer, Refusal, invalid, not_found
from anton_async.sandbox.merchant import Merchant
from anton_async.sandbox.paging import Collection
from anton_async.sandbox.presenter import Presenter, wrapped
from anton_async.sandbox.records import new_id

_WEEKS = 8


class _NewSubject(msgspec.Struct, kw_only=True):
    type: str
    display_name: str
    email: str = ""
    external_ref: str | None = None
    country: str = ""
    delivery: str = "manual"
    link_expires_in_days: int = 7


class Verifications:
    """The handlers of `/v1/verification-subjects`, `/v1/verifications` and `/v1/verification-stats`."""

    def __init__(self, merchant: Merchant, attempts: Attempts, presenter: Presenter) -> None:
        self._merchant = merchant
        self._attempts = attempts
        self._presenter = presenter
        self._wipe()
        merchant.on_wipe(self._wipe)

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation id."""
        return {
            "listVerificationSubjects": self.list_all,
            "createVerificationSubject": self.create,
            "getVerificationSubject": self.retrieve,
            "reverifySubject": self.reverify,
            "resendVerificationLink": self.resend,
            "regenerateVerification": self.regenerate,
            "revokeVerification": self.revoke,
            "resendOwnerVerificationLink": self.resend_owner,
            "getVerificationStats": self.retrieve_stats,
        }

    def list_all(self, call: Call) -> Answer:
        """List subjects with their latest attempt, newest first."""
        kind, status = call.text("type"), call.text("status")
        subjects, cursor = self._subjects.page(
            limit=call.limit,
            cursor=call.text("cursor"),
            keep=lambda subject: kind in {None, subject.kind} and status in {None, subject.latest.status},
        )
        rows = [_shown(subject, [subject.latest]) for subject in subjects]
        return self._presenter.page(rows, cursor, always_cursor=True)

    def create(self, call: Call) -> Answer:
        """Register a subject and open its first attempt."""
        new = msgspec.convert(call.body, _NewSubject)
        if not new.display_name.strip():
            refusal = invalid(("display_name", "is required"))
            raise Refusal(400, refusal.code, refusal.message, details=refusal.details)
        subject = Subject(
            id=new_id("vsub"),
            kind=new.type,
            name=new.display_name,
            email=new.email,
            country=new.country,
            external_ref=new.external_ref,
            created_at=self._merchant.now(),
            link_days=new.link_expires_in_days,
        )
        self._subjects.add(subject)
        attempt = self._open(subject, "initial", by_mail=new.delivery == "email")
        return wrapped({"subject": _shown(subject, subject.attempts), "verification": attempt}, 201)

    def retrieve(self, call: Call) -> Answer:
        """Show one subject with all its attempts, newest first."""
        subject = self._subject(call.id)
        return wrapped(_shown(subject, subject.attempts[::-1]))

    def reverify(self, call: Call) -> Answer:
        """Open another attempt; the older ones stay."""
        return wrapped(self._open(self._subject(call.id), "reverification", by_mail=True), 201)

    def resend(self, call: Call) -> Answer:
        """Make a new link for an attempt that is not over."""
        attempt = self._attempt(call.id)
        _refuse_over(attempt, "resent")
        link = self._attempts.link(attempt, by_mail=True)
        return wrapped({**attempt.shown(), "hosted_link": link})

    def regenerate(self, call: Call) -> Answer:
        """Kill the link and open a fresh attempt."""
        attempt = self._attempt(call.id)
        if not attempt.over:
            self._attempts.revoke(attempt)
        return wrapped(self._open(attempt.subject, "regenerated", by_mail=True), 201)

    def revoke(self, call: Call) -> Answer:
        """End a running attempt for good."""
        attempt = self._attempt(call.id)
        _refuse_over(attempt, "revoked")
        self._attempts.revoke(attempt)
        return wrapped(attempt.shown())

    def resend_owner(self, call: Call) -> Answer:
        """Make a new link for one owner of a business."""
        attempt = self._attempt(call.id)
        owner = next((one for one in attempt.owners if one.id == call.path["uboId"]), None)
        if owner is None:
            raise not_found("verification_owner")
        return wrapped({"hosted_link": self._attempts.link(attempt, by_mail=True, owner=owner)})

    def retrieve_stats(self, _: Call) -> Answer:
        """Show totals over all subjects, each counted by its latest attempt."""
        latest = [subject.latest for subject in self._subjects]
        statuses = Counter(attempt.status for attempt in latest)
        decided = statuses["approved"] + statuses["declined"]
        minutes = [
            (attempt.completed_at - attempt.created_at).total_seconds() / 60
            for attempt in latest
            if attempt.completed_at is not None and attempt.status in {"approved", "declined"}
        ]
        now = self._merchant.now()
        weeks = [(now - timedelta(weeks=ago)).strftime("%G-W%V") for ago in reversed(range(_WEEKS))]
        started = Counter(attempt.created_at.strftime("%G-W%V") for attempt in latest)
        return wrapped(
            {
                "totals": {
                    "started": len(latest),
                    "approved": statuses["approved"],
                    "declined": statuses["declined"],
                    "review": statuses["review"],
                    "in_flight": sum(attempt.status not in OVER | {"review"} for attempt in latest),
                },
                "pass_rate": statuses["approved"] / decided if decided else 0.0,
                "median_completion_minutes": round(statistics.median(minutes)) if minutes else 0,
                "weekly": [{"label": week, "count": started[week]} for week in weeks],
            }
        )

    def _open(self, subject: Subject, reason: str, *, by_mail: bool) -> dict[str, object]:
        attempt, link = self._attempts.open(subject, reason, by_mail=by_mail)
        self._by_attempt[attempt.id] = attempt
        return {**attempt.shown(), "hosted_link": link}

    def _subject(self, subject_id: str) -> Subject:
        subject = self._subjects.get(subject_id)
        if subject is None:
            raise not_found("verification_subject")
        return subject

    def _attempt(self, attempt_id: str) -> Attempt:
        attempt = self._by_attempt.get(attempt_id)
        if attempt is None:
            raise not_found("verification")
        return attempt

    def _wipe(self) -> None:
        self._subjects: Collection[Subject] = Collection()
        self._by_attempt: dict[str, Attempt] = {}


def _refuse_over(attempt: Attempt, what: str) -> None:
    if attempt.over:
        message = f"an attempt that is {attempt.status} cannot be {what}; verify the subject again"
        raise Refusal(422, "verification_terminal", message)


def _shown(subject: Subject, attempts: list[Attempt]) -> dict[str, object]:
    shown: dict[str, object] = {
        "id": subject.id,
        "type": subject.kind,
        "display_name": masked(subject.name),
        "email": subject.email,
        "country": subject.country,
        "created_at": subject.created_at,
        "attempts": [attempt.shown() for attempt in attempts],
    }
    return shown if subject.external_ref is None else {**shown, "external_ref": subject.external_ref}
