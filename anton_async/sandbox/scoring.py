"""How the sandbox judges a party: by its name alone, so that a test can choose the verdict.

No trigger is published, so these are the sandbox's own; the first word found in the name, in any case, decides:

    sanctioned -> decline          pep -> review_manual          possible -> review_auto, more data wanted
    unusual    -> review_manual, as unusual activity             error    -> the evaluation fails
    anything else -> approve
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from anton_async.sandbox.call import block

CONTRACT = "intelligence-public-v1"
EVENT_TYPES = {
    "payee_registration": "payee.create",
    "instrument_screening": "instrument.create",
    "payout_screening": "payout.create",
    "merchant_onboarding": "merchant.onboard",
    "monitoring": "monitoring.evaluate",
}
_DIMENSIONS = (
    ("TRS", "Transaction Risk", -20),
    ("ORS", "Onboarding Risk", 20),
    ("TM", "Transaction Monitoring", 0),
    ("AD", "Anomaly Detection", -10),
    ("GI", "Graph Intelligence", 10),
)
_LEVELS = ((900, "critical"), (700, "high"), (400, "medium"), (0, "low"))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evaluation of a party comes to."""

    decision: str
    score: int
    rationale: str
    next_action: str
    rule: str
    finding: str | None = None  # the kind of the one finding
    review: str | None = None  # the kind of the review that it opens
    fails: bool = False

    @property
    def level(self) -> str:
        """The risk band."""
        return level_of(self.score)


_APPROVED = Verdict(
    "approve", 112, "no meaningful adverse evidence across configured peers", "none", "no_peer_findings"
)
_TRIGGERS = {
    "sanctioned": Verdict(
        "decline",
        950,
        "high-confidence match with a sanctions list",
        "decline",
        "confirmed_list_match",
        "sanctions_match",
        "possible_sanctions_match",
    ),
    "pep": Verdict(
        "review_manual",
        750,
        "possible match with a politically exposed person",
        "manual_review",
        "pep_match",
        "pep_match",
        "possible_pep_match",
    ),
    "possible": Verdict(
        "review_auto",
        450,
        "possible match; more data would settle it",
        "request_more_information",
        "possible_match",
        "possible_match",
        "screening_review",
    ),
    "unusual": Verdict(
        "review_manual",
        720,
        "activity out of the ordinary",
        "manual_review",
        "unusual_activity",
        "unusual_activity",
        "manual",
    ),
    "error": Verdict(
        "review_manual", 0, "no source could be asked", "manual_review", "sources_unavailable", fails=True
    ),
}


def judge(name: str | None) -> Verdict:
    """Return the verdict on a name."""
    words = (name or "").casefold().split()
    return next((verdict for trigger, verdict in _TRIGGERS.items() if trigger in words), _APPROVED)


def level_of(score: int) -> str:
    """Return the band of a score from 0 to 1000."""
    return next(level for floor, level in _LEVELS if score >= floor)


def scoring(verdict: Verdict) -> dict[str, object]:
    """Return the scores behind a verdict."""
    dimensions: list[dict[str, object]] = []
    for code, name, shift in _DIMENSIONS:
        score = min(1000, max(0, verdict.score + shift)) if shift else 0
        status = "complete" if shift else "not_applicable"
        dimensions.append({"code": code, "name": name, "score": score, "risk_level": level_of(score), "status": status})
    return {
        "model": "anton-scoring-v1",
        "scale": {"min": 0, "max": 1000},
        "overall_score": verdict.score,
        "risk_level": verdict.level,
        "dimensions": dimensions,
    }


def summary(request: Mapping[str, object], verdict: Verdict) -> dict[str, object]:
    """Return the overview of an evaluation."""
    shown: dict[str, object] = {
        "screened": [part for part in ("entity", "instrument", "payout", "context") if part in request],
        "use_case": request["use_case"],
        "findings_count": 0 if verdict.finding is None else 1,
        "identity_confidence": "none" if verdict.finding is None else "possible",
        "missing_fields": missing_fields(request) if verdict.next_action == "request_more_information" else [],
    }
    if verdict.finding is not None:
        shown["highest_severity"] = verdict.level
    for part, name, field in (("instrument", "instrument_type", "type"), ("payout", "payout_rail", "rail")):
        given = block(request, part)
        if field in given:
            shown[name] = given[field]
    return shown


def missing_fields(request: Mapping[str, object]) -> list[str]:
    """Return the data that would tell the party from others of its name."""
    given = block(request, "entity")
    return [f"entity.{name}" for name in ("country", "birth_date", "nationality", "document") if name not in given]


def finding(evaluation_id: str, verdict: Verdict, request: Mapping[str, object]) -> dict[str, object]:
    """Return the finding behind a verdict that has one."""
    return {
        "id": f"fnd_{audit_hash(evaluation_id)[:24]}",
        "peer": "sentinel",
        "kind": verdict.finding or "",
        "subject_ref": "entity",
        "severity": verdict.level,
        "identity_confidence": "possible",
        "score": verdict.score / 1000,
        "match": verdict.decision == "decline",
        "topics": [verdict.finding or ""],
        "matched_fields": ["name"],
        "contradicted_fields": list[str](),
        "missing_disambiguators": missing_fields(request),
        "cleared": False,
    }


def audit_hash(evaluation_id: str) -> str:
    """Return the audit mark of an evaluation."""
    return hashlib.sha256(evaluation_id.encode()).hexdigest()
