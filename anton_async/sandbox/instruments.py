"""Instruments: create for a beneficiary, list, retrieve, change, delete.

Credentials are checked and masked on arrival, then dropped.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping

import msgspec

from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.errors import NO_CONTENT, Answer, Refusal
from anton_async.sandbox.merchant import InstrumentEntry, Merchant
from anton_async.sandbox.methods import METHODS
from anton_async.sandbox.presenter import Presenter
from anton_async.sandbox.records import Instrument, new_id

_FINGERPRINT_ENCODER = msgspec.json.Encoder(order="deterministic")
_ACCOUNT_FIELDS = ("iban", "account_number", "wallet_address", "pan")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_ROUTING_NUMBER = re.compile(r"[0-9]{9}")
_SORT_CODE = re.compile(r"[0-9]{6}")


class NewInstrument(msgspec.Struct, kw_only=True):
    """The body of createInstrumentForBeneficiary."""

    method: str
    currency: str | None = None
    country: str | None = None
    label: str | None = None
    credentials: dict[str, object] = {}
    is_default: bool = False


class Instruments:
    """The handlers of `/v1/instruments` and of a beneficiary's instruments."""

    def __init__(self, merchant: Merchant, presenter: Presenter) -> None:
        self._merchant = merchant
        self._presenter = presenter

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation id."""
        return {
            "createInstrumentForBeneficiary": self.create,
            "listInstruments": self.list_all,
            "listInstrumentsForBeneficiary": self.list_of_beneficiary,
            "getInstrument": self.retrieve,
            "updateInstrument": self.update,
            "deleteInstrument": self.delete,
        }

    def create(self, call: Call) -> Answer:
        """Attach an instrument to a beneficiary."""
        self._merchant.beneficiary(call.id)
        return self._presenter.one(self.add(call.id, call.body).shown, 201)

    def add(self, beneficiary_id: str, body: Mapping[str, object]) -> InstrumentEntry:
        """Make an instrument from the body of createInstrumentForBeneficiary.

        Raises:
            Refusal: 422 for credentials that cannot be right, a method the country does not have, or a duplicate.
        """
        new = msgspec.convert(body, NewInstrument)
        check_instrument(new)
        print_ = self.fingerprint(beneficiary_id, new)
        if print_ in self._merchant.fingerprints:
            raise Refusal(422, "duplicate_instrument", "the beneficiary has this instrument already; use that one")
        if new.is_default:
            self._unset_default(beneficiary_id)
        at = self._merchant.now()
        account = _account(new.credentials)
        network = new.credentials.get("network")
        instrument = Instrument(
            id=new_id("ins"),
            beneficiary_id=beneficiary_id,
            merchant_id=self._merchant.id,
            method=new.method,
            currency=new.currency,
            country=new.country,
            label=new.label,
            display_last4=account[-4:] or None,
            display_network=network if isinstance(network, str) else None,
            masked_account=_masked(account),
            status="active",
            is_default=new.is_default,
            created_at=at,
            updated_at=at,
        )
        entry = InstrumentEntry(shown=instrument, fingerprint=print_)
        self._merchant.instruments.add(entry)
        if print_ is not None:
            self._merchant.fingerprints.add(print_)
        self._tell("created", instrument)
        return entry

    def list_all(self, call: Call) -> Answer:
        """List the instruments of all beneficiaries, newest first."""
        entries, cursor = self._merchant.instruments.page(
            limit=call.limit, cursor=call.text("cursor"), keep=_instrument_filter(call)
        )
        return self._presenter.page([entry.shown for entry in entries], cursor)

    def list_of_beneficiary(self, call: Call) -> Answer:
        """List the instruments of one beneficiary, newest first."""
        self._merchant.beneficiary(call.id)
        entries, cursor = self._merchant.instruments.page(
            limit=call.limit,
            cursor=call.text("cursor"),
            keep=lambda entry: not entry.deleted and entry.shown.beneficiary_id == call.id,
        )
        return self._presenter.page([entry.shown for entry in entries], cursor)

    def retrieve(self, call: Call) -> Answer:
        """Show one instrument."""
        return self._presenter.one(self._merchant.instrument(call.id).shown)

    def update(self, call: Call) -> Answer:
        """Change label, default flag or status; credentials never change."""
        instrument = self._merchant.instrument(call.id).shown
        if call.body.get("is_default") is True:
            self._unset_default(instrument.beneficiary_id)
        for name in ("label", "is_default", "status"):
            if name in call.body:
                setattr(instrument, name, call.body[name])
        instrument.updated_at = self._merchant.now()
        self._tell("updated", instrument)
        return self._presenter.one(instrument)

    def delete(self, call: Call) -> Answer:
        """Delete an instrument; its payouts stay."""
        entry = self._merchant.instrument(call.id)
        entry.deleted = True
        if entry.fingerprint is not None:
            self._merchant.fingerprints.discard(entry.fingerprint)
        self._merchant.events.record("instrument.deleted", {"id": entry.id})
        return NO_CONTENT

    @staticmethod
    def fingerprint(beneficiary_id: str, new: NewInstrument) -> bytes | None:
        """Return what two requests for the same instrument share, None for one without credentials."""
        if not new.credentials:
            return None
        identity = ["instrument", beneficiary_id, new.method, new.credentials]
        return hashlib.sha256(_FINGERPRINT_ENCODER.encode(identity)).digest()

    def _tell(self, what: str, instrument: Instrument) -> None:
        told = msgspec.structs.asdict(instrument)
        payload = {name: value for name, value in told.items() if value is not None}
        self._merchant.events.record(f"instrument.{what}", payload)

    def _unset_default(self, beneficiary_id: str) -> None:
        for entry in self._merchant.instruments:
            if entry.shown.beneficiary_id == beneficiary_id:
                entry.shown.is_default = False


def _account(credentials: Mapping[str, object]) -> str:
    texts = (credentials.get(name) for name in _ACCOUNT_FIELDS)
    return next((text.replace(" ", "") for text in texts if isinstance(text, str)), "")


def _masked(account: str) -> str | None:
    if not account:
        return None
    prefix = account[:4] if _IBAN.fullmatch(account) else ""
    return f"{prefix}****{account[-4:]}"


def check_instrument(new: NewInstrument) -> None:
    """Check what can be checked without a bank: method and country, and the check digits that the API names.

    Raises:
        Refusal: 422 when the country does not have the method, or a credential cannot be right.
    """
    if new.country is not None and new.country not in METHODS[new.method].countries:
        raise Refusal(422, "method_not_supported", f"method {new.method} is not available in {new.country}")
    for name, holds in _CREDENTIAL_RULES.get(new.method, {}).items():
        value = new.credentials.get(name)
        if value is not None and not (isinstance(value, str) and holds(value)):
            raise Refusal(422, "invalid_credentials", f"credentials.{name} is not valid for method {new.method}")


def _is_iban(text: str) -> bool:
    iban = text.replace(" ", "")
    if not _IBAN.fullmatch(iban):
        return False
    # ISO 13616: letters become numbers from 10 on, and the rearranged number leaves 1 when divided by 97.
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1


def _is_routing_number(text: str) -> bool:
    if not _ROUTING_NUMBER.fullmatch(text):
        return False
    return sum(weight * int(digit) for weight, digit in zip((3, 7, 1) * 3, text, strict=True)) % 10 == 0


_CREDENTIAL_RULES: dict[str, dict[str, Callable[[str], bool]]] = {
    "iban": {"iban": _is_iban},
    "us_bank": {"routing_number": _is_routing_number},
    "uk_bank": {"sort_code": lambda text: _SORT_CODE.fullmatch(text.replace("-", "")) is not None},
}


def _instrument_filter(call: Call) -> Callable[[InstrumentEntry], bool]:
    names = ("beneficiary_id", "method", "currency", "country", "status")
    wanted = {name: value for name in names if (value := call.text(name)) is not None}
    search = (call.text("search") or "").casefold()

    def keep(entry: InstrumentEntry) -> bool:
        instrument = entry.shown
        texts = (instrument.label, instrument.masked_account, instrument.display_bank)
        return (
            not entry.deleted
            and all(getattr(instrument, name) == value for name, value in wanted.items())
            and any(search in (text or "").casefold() for text in texts)
        )

    return keep
