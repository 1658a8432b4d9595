"""Beneficiaries: create, list, retrieve, change, delete, archive and restore, score and screen again.

Personal data is read for a display name and a fingerprint, then dropped.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from datetime import timedelta

import msgspec

from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.errors import NO_CONTENT, Answer, Refusal
from anton_async.sandbox.merchant import BeneficiaryEntry, Merchant
from anton_async.sandbox.presenter import Presenter
from anton_async.sandbox.records import Beneficiary, new_id

_FINGERPRINT_ENCODER = msgspec.json.Encoder(order="deterministic")
_COOLDOWN = timedelta(seconds=60)
_SCREENING = 1.0  # seconds
_TIERS = ((900, "CRITICAL"), (700, "HIGH"), (400, "MEDIUM"), (0, "LOW"))
_BLOCKED_NAME = "sanctioned"  # in a display name: a rescreen blocks the beneficiary


class _Individual(msgspec.Struct):
    first_name: str
    last_name: str
    middle_name: str | None = None

    def display_name(self) -> str:
        parts = (self.first_name, self.middle_name or "", self.last_name)
        return " ".join(part.strip() for part in parts if part.strip())


class _Business(msgspec.Struct):
    legal_name: str

    def display_name(self) -> str:
        return self.legal_name.strip()


class _Details(msgspec.Struct, kw_only=True):
    individual: _Individual | None = None
    business: _Business | None = None

    def of(self, kind: str) -> _Individual | _Business:
        wanted, other = (self.individual, self.business) if kind == "individual" else (self.business, self.individual)
        if wanted is None or other is not None:
            message = f"a beneficiary of type {kind} needs the {kind} block and no other"
            raise Refusal(422, "missing_beneficiary_details", message)
        return wanted


class _NewBeneficiary(msgspec.Struct, kw_only=True):
    type: str
    country: str
    external_ref: str | None = None
    metadata: dict[str, str] | None = None


class Beneficiaries:
    """The handlers of `/v1/beneficiaries`."""

    def __init__(self, merchant: Merchant, presenter: Presenter) -> None:
        self._merchant = merchant
        self._presenter = presenter

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation id."""
        return {
            "createBeneficiary": self.create,
            "listBeneficiaries": self.list_all,
            "getBeneficiary": self.retrieve,
            "updateBeneficiary": self.update,
            "deleteBeneficiary": self.delete,
            "updateBeneficiaryPII": self.replace_pii,
            "archiveBeneficiary": self.archive,
            "restoreBeneficiary": self.restore,
            "rescoreBeneficiary": self.rescore,
            "rescreenBeneficiary": self.rescreen,
        }

    def create(self, call: Call) -> Answer:
        """Create an individual or business beneficiary."""
        return self._presenter.one(self.add(call.body).shown, 201)

    def add(
        self, body: Mapping[str, object], *, created_via: str = "api", batch_id: str | None = None
    ) -> BeneficiaryEntry:
        """Make a beneficiary from the body of createBeneficiary.

        Raises:
            Refusal: 422 for details that do not fit the type, no name, or a beneficiary that exists already.
        """
        new = msgspec.convert(body, _NewBeneficiary)
        display_name = _display_name(body, new.type)
        print_ = self.refuse_duplicate(body)
        self._merchant.fingerprints.add(print_)
        at = self._merchant.now()
        beneficiary = Beneficiary(
            id=new_id("ben"),
            merchant_id=self._merchant.id,
            type=new.type,
            status="active",
            display_name=display_name,
            country=new.country,
            external_ref=new.external_ref,
            metadata=new.metadata,
            risk_score=None,
            risk_tier=None,
            created_at=at,
            updated_at=at,
        )
        entry = BeneficiaryEntry(
            shown=beneficiary, created_via=created_via, source_batch_id=batch_id, fingerprint=print_
        )
        self._merchant.beneficiaries.add(entry)
        self._tell("created", beneficiary)
        return entry

    def refuse_duplicate(self, body: Mapping[str, object]) -> bytes:
        """Return the fingerprint of a new beneficiary; raises the 422 of one that exists already."""
        print_ = fingerprint(str(body["type"]), str(body["country"]), body)
        self._refuse_known(print_)
        return print_

    def list_all(self, call: Call) -> Answer:
        """List beneficiaries, newest first."""
        entries, cursor = self._merchant.beneficiaries.page(
            limit=call.limit, cursor=call.text("cursor"), keep=_beneficiary_filter(call)
        )
        return self._presenter.page([entry.shown for entry in entries], cursor)

    def retrieve(self, call: Call) -> Answer:
        """Show one beneficiary."""
        return self._presenter.one(self._merchant.beneficiary(call.id).shown)

    def update(self, call: Call) -> Answer:
        """Change what is no personal data; fields left out stay."""
        beneficiary = self._merchant.beneficiary(call.id).shown
        if "display_name" in call.body and not str(call.body["display_name"]).strip():
            raise Refusal(422, "invalid_display_name", "the beneficiary needs a name")
        for name in ("display_name", "country", "external_ref", "metadata"):
            if name in call.body:
                setattr(beneficiary, name, call.body[name])
        return self._changed(beneficiary)

    def delete(self, call: Call) -> Answer:
        """Delete a beneficiary for good; its payouts stay."""
        entry = self._merchant.beneficiary(call.id)
        entry.deleted = True
        self._forget(entry)
        self._merchant.events.record("beneficiary.deleted", {"id": entry.id})
        return NO_CONTENT

    def replace_pii(self, call: Call) -> Answer:
        """Replace the personal data as a whole; the display name follows it."""
        entry = self._merchant.beneficiary(call.id)
        beneficiary = entry.shown
        display_name = _display_name(call.body, beneficiary.type)
        print_ = fingerprint(beneficiary.type, beneficiary.country, call.body)
        if print_ != entry.fingerprint:
            self._refuse_known(print_)
            self._forget(entry)
            self._merchant.fingerprints.add(print_)
            entry.fingerprint = print_
        beneficiary.display_name = display_name
        return self._changed(beneficiary)

    def archive(self, call: Call) -> Answer:
        """Switch a beneficiary off; archiving it again changes nothing."""
        return self._turn(call, "archived", refused="beneficiary_archive_failed")

    def restore(self, call: Call) -> Answer:
        """Switch an archived beneficiary on again."""
        return self._turn(call, "active", refused="beneficiary_restore_failed")

    def rescore(self, call: Call) -> Answer:
        """Score a beneficiary again now; once a minute."""
        entry = self._merchant.beneficiary(call.id)
        beneficiary, now = entry.shown, self._merchant.now()
        if beneficiary.risk_score is None:
            raise Refusal(404, "engine_beneficiary_not_found", "the engine knows the beneficiary after its next payout")
        if entry.rescored_at is not None and now < entry.rescored_at + _COOLDOWN:
            wait = max(1, math.ceil((entry.rescored_at + _COOLDOWN - now).total_seconds()))
            headers = {"Retry-After": str(wait)}
            raise Refusal(429, "rescore_rate_limited", f"rescored a moment ago, retry after {wait} s", headers=headers)
        result: dict[str, object] = {"pillar": "payee", "resource_id": entry.id}
        if entry.evaluation_id is not None:
            result["previous_evaluation_id"] = entry.evaluation_id
        result["previous_risk_score"] = beneficiary.risk_score
        result["previous_tier"] = beneficiary.risk_tier
        entry.rescored_at = now
        entry.evaluation_id = new_id("eval")
        # The score wanders within a small range that depends on the id alone.
        beneficiary.risk_score = 100 + hashlib.sha256(entry.evaluation_id.encode()).digest()[0] % 50
        beneficiary.risk_tier = tier_of(beneficiary.risk_score)
        result["new_evaluation_id"] = entry.evaluation_id
        result["new_risk_score"] = beneficiary.risk_score
        result["new_tier"] = beneficiary.risk_tier
        return self._presenter.one(result)

    def rescreen(self, call: Call) -> Answer:
        """Queue a fresh check; a display name with `sanctioned` in it ends blocked a second later."""
        entry = self._merchant.beneficiary(call.id)
        if entry.shown.status != "active":
            raise Refusal(409, "beneficiary_not_active", f"the beneficiary is {entry.shown.status}")
        self._merchant.timeline.after(_SCREENING, lambda: self._screen(entry))
        return self._presenter.one({"beneficiary_id": entry.id, "status": "queued"}, 202)

    def _screen(self, entry: BeneficiaryEntry) -> None:
        if not entry.deleted and _BLOCKED_NAME in entry.shown.display_name.casefold():
            entry.shown.status = "blocked"
            entry.shown.updated_at = self._merchant.now()
            self._tell("blocked", entry.shown)

    def _turn(self, call: Call, status: str, *, refused: str) -> Answer:
        beneficiary = self._merchant.beneficiary(call.id).shown
        if beneficiary.status == "blocked":
            raise Refusal(422, refused, "the beneficiary is blocked; only support can change that")
        if beneficiary.status == status:
            return self._presenter.one(beneficiary)
        beneficiary.status = status
        return self._changed(beneficiary)

    def _changed(self, beneficiary: Beneficiary) -> Answer:
        beneficiary.updated_at = self._merchant.now()
        self._tell("updated", beneficiary)
        return self._presenter.one(beneficiary)

    def _tell(self, what: str, beneficiary: Beneficiary) -> None:
        told = msgspec.structs.asdict(beneficiary)
        hidden = {"risk_score", "risk_tier"}
        payload = {name: value for name, value in told.items() if name not in hidden and value is not None}
        self._merchant.events.record(f"beneficiary.{what}", payload)

    def _refuse_known(self, print_: bytes) -> None:
        if print_ in self._merchant.fingerprints:
            raise Refusal(422, "duplicate_beneficiary", "a beneficiary with these details exists already; use that one")

    def _forget(self, entry: BeneficiaryEntry) -> None:
        if entry.fingerprint is not None:
            self._merchant.fingerprints.discard(entry.fingerprint)


def fingerprint(kind: str, country: str, body: Mapping[str, object]) -> bytes:
    """Return what two bodies about the same person or company share."""
    return hashlib.sha256(_FINGERPRINT_ENCODER.encode(["beneficiary", country, body.get(kind)])).digest()


def tier_of(score: int) -> str:
    """Return the band of a risk score."""
    return next(tier for floor, tier in _TIERS if score >= floor)


def _display_name(body: Mapping[str, object], kind: str) -> str:
    name = msgspec.convert(body, _Details).of(kind).display_name()
    if not name:
        raise Refusal(422, "invalid_display_name", "the beneficiary needs a name")
    return name


def _beneficiary_filter(call: Call) -> Callable[[BeneficiaryEntry], bool]:
    shown = {name: value for name in ("status", "type", "country") if (value := call.text(name)) is not None}
    hidden = {name: value for name in ("created_via", "source_batch_id") if (value := call.text(name)) is not None}
    search = (call.text("search") or "").casefold()

    def keep(entry: BeneficiaryEntry) -> bool:
        beneficiary = entry.shown
        return (
            not entry.deleted
            and all(getattr(beneficiary, name) == value for name, value in shown.items())
            and all(getattr(entry, name) == value for name, value in hidden.items())
            and any(search in text.casefold() for text in (beneficiary.display_name, beneficiary.external_ref or ""))
        )

    return keep
