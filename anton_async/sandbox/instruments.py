"""Instruments: create for a beneficiary, list, retrieve.

Credentials are checked and masked on arrival, then dropped.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping

import msgspec

from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.errors import Answer, Refusal, not_found
from anton_async.sandbox.merchant import InstrumentEntry, Merchant
from anton_async.sandbox.presenter import Presenter
from anton_async.sandbox.records import Instrument, new_id

_FINGERPRINT_ENCODER = msgspec.json.Encoder(order="deterministic")
_ACCOUNT_FIELDS = ("iban", "account_number", "wallet_address", "pan")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_ROUTING_NUMBER = re.compile(r"[0-9]{9}")
_SORT_CODE = re.compile(r"[0-9]{6}")


class _NewInstrument(msgspec.Struct, kw_only=True):
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
            "getInstrument": self.retrieve,
        }

    def create(self, call: Call) -> Answer:
        """Attach an instrument to a beneficiary."""
        if self._merchant.beneficiaries.get(call.id) is None:
            raise not_found("beneficiary")
        new = msgspec.convert(call.body, _NewInstrument)
        _check_credentials(new.method, new.credentials)
        self._refuse_duplicate(call.id, new)
        if new.is_default:
            self._unset_default(call.id)
        at = self._merchant.now()
        account = _account(new.credentials)
        network = new.credentials.get("network")
        instrument = Instrument(
            id=new_id("ins"),
            beneficiary_id=call.id,
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
        self._merchant.instruments.add(InstrumentEntry(shown=instrument))
        return self._presenter.one(instrument, 201)

    def list_all(self, call: Call) -> Answer:
        """List the instruments of all beneficiaries, newest first."""
        entries, cursor = self._merchant.instruments.page(
            limit=call.limit, cursor=call.text("cursor"), keep=_instrument_filter(call)
        )
        return self._presenter.page([entry.shown for entry in entries], cursor)

    def retrieve(self, call: Call) -> Answer:
        """Show one instrument."""
        entry = self._merchant.instruments.get(call.id)
        if entry is None:
            raise not_found("instrument")
        return self._presenter.one(entry.shown)

    def _refuse_duplicate(self, beneficiary_id: str, new: _NewInstrument) -> None:
        if not new.credentials:
            return
        identity = ["instrument", beneficiary_id, new.method, new.credentials]
        fingerprint = hashlib.sha256(_FINGERPRINT_ENCODER.encode(identity)).digest()
        if fingerprint in self._merchant.fingerprints:
            raise Refusal(422, "duplicate_instrument", "the beneficiary has this instrument already; use that one")
        self._merchant.fingerprints.add(fingerprint)

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


def _check_credentials(method: str, credentials: Mapping[str, object]) -> None:
    """Check what can be checked without a bank: the forms and check digits that the API names.

    Raises:
        Refusal: 422 when a credential cannot be right.
    """
    for name, holds in _CREDENTIAL_RULES.get(method, {}).items():
        value = credentials.get(name)
        if value is not None and not (isinstance(value, str) and holds(value)):
            raise Refusal(422, "invalid_credentials", f"credentials.{name} is not valid for method {method}")


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
        return all(getattr(instrument, name) == value for name, value in wanted.items()) and any(
            search in (text or "").casefold() for text in texts
        )

    return keep
