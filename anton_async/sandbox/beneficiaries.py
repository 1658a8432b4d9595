"""Beneficiaries: create, list, retrieve. Personal data is read for a display name and a fingerprint, then dropped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.errors import Answer, Refusal, not_found
from anton_async.sandbox.merchant import BeneficiaryEntry, Merchant
from anton_async.sandbox.presenter import Presenter
from anton_async.sandbox.records import Beneficiary, new_id

_FINGERPRINT_ENCODER = msgspec.json.Encoder(order="deterministic")


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


class _NewBeneficiary(msgspec.Struct, kw_only=True):
    type: str
    country: str
    external_ref: str | None = None
    metadata: dict[str, str] | None = None
    individual: _Individual | None = None
    business: _Business | None = None


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
        }

    def create(self, call: Call) -> Answer:
        """Create an individual or business beneficiary."""
        new = msgspec.convert(call.body, _NewBeneficiary)
        display_name = _details(new).display_name()
        if not display_name:
            raise Refusal(422, "invalid_display_name", "the beneficiary needs a name")
        details = call.body[new.type]
        fingerprint = hashlib.sha256(_FINGERPRINT_ENCODER.encode(["beneficiary", new.country, details])).digest()
        if fingerprint in self._merchant.fingerprints:
            raise Refusal(422, "duplicate_beneficiary", "a beneficiary with these details exists already; use that one")
        self._merchant.fingerprints.add(fingerprint)
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
        self._merchant.beneficiaries.add(BeneficiaryEntry(shown=beneficiary))
        return self._presenter.one(beneficiary, 201)

    def list_all(self, call: Call) -> Answer:
        """List beneficiaries, newest first."""
        entries, cursor = self._merchant.beneficiaries.page(
            limit=call.limit, cursor=call.text("cursor"), keep=_beneficiary_filter(call)
        )
        return self._presenter.page([entry.shown for entry in entries], cursor)

    def retrieve(self, call: Call) -> Answer:
        """Show one beneficiary."""
        entry = self._merchant.beneficiaries.get(call.id)
        if entry is None:
            raise not_found("beneficiary")
        return self._presenter.one(entry.shown)


def _details(new: _NewBeneficiary) -> _Individual | _Business:
    wanted, other = (new.individual, new.business) if new.type == "individual" else (new.business, new.individual)
    if wanted is None or other is not None:
        message = f"a beneficiary of type {new.type} needs the {new.type} block and no other"
        raise Refusal(422, "missing_beneficiary_details", message)
    return wanted


def _beneficiary_filter(call: Call) -> Callable[[BeneficiaryEntry], bool]:
    shown = {name: value for name in ("status", "type", "country") if (value := call.text(name)) is not None}
    hidden = {name: value for name in ("created_via", "source_batch_id") if (value := call.text(name)) is not None}
    search = (call.text("search") or "").casefold()

    def keep(entry: BeneficiaryEntry) -> bool:
        beneficiary = entry.shown
        return (
            all(getattr(beneficiary, name) == value for name, value in shown.items())
            and all(getattr(entry, name) == value for name, value in hidden.items())
            and any(search in text.casefold() for text in (beneficiary.display_name, beneficiary.external_ref or ""))
        )

    return keep
