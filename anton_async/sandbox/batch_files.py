"""Batch files: their columns, and what each row orders.

The published columns are `external_ref`, amounts, currency, country, `method`, `reference`, `purpose` and one column
for each credential. The names of the identity columns are the sandbox's own; they are those of an import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from anton_async.sandbox.call import block
from anton_async.sandbox.document import load_document
from anton_async.sandbox.errors import Refusal
from anton_async.sandbox.imports import ADDRESS_COLUMNS, IDENTITY_COLUMNS, beneficiary_body, beneficiary_problems
from anton_async.sandbox.instruments import NewInstrument, check_instrument
from anton_async.sandbox.methods import METHODS
from anton_async.sandbox.pricing import rate_between, written
from anton_async.sandbox.tables import Table, TableError

_DEFAULT_PURPOSE = "contractor_payment"
_ORDER_COLUMNS = (
    "source_amount", "source_currency", "dest_amount", "dest_currency", "dest_country", "method", "reference",
    "purpose",
)  # fmt: skip
_NEEDED_COLUMNS = ("external_ref", "dest_currency", "method", "reference")
_CREDENTIAL_COLUMNS = tuple(
    # A payee's own email and phone are identity columns; as credentials they would be read twice.
    dict.fromkeys(field.name for method in METHODS.values() for field in method.fields if field.name != "email")
)
_IDENTITY = tuple(dict.fromkeys((*IDENTITY_COLUMNS["individual"], *IDENTITY_COLUMNS["business"], *ADDRESS_COLUMNS)))
COLUMNS = tuple(dict.fromkeys(("external_ref", "country", *_IDENTITY, *_ORDER_COLUMNS, *_CREDENTIAL_COLUMNS)))
_SAMPLES: tuple[dict[str, str], ...] = (
    {
        "external_ref": "freelancer-0001", "first_name": "Lena", "last_name": "Fischer", "email": "lena@example.com",
        "phone": "+493012345678", "date_of_birth": "1990-02-03", "nationality": "DE", "country": "DE",
        "street_line_1": "Beispielweg 1", "city": "Berlin", "postal_code": "10115", "dest_amount": "1150.00",
        "dest_currency": "EUR", "dest_country": "DE", "method": "sepa", "reference": "INV-0001",
        "purpose": _DEFAULT_PURPOSE, "iban": "DE89370400440532013000",
    },
)  # fmt: skip

Problem = tuple[str, str]


@dataclass(slots=True, kw_only=True)
class Row:
    """One row that can be paid, if its payee allows it."""

    number: int
    external_ref: str
    fixed_side: str
    amount: Decimal  # on the fixed side
    source_currency: str | None
    dest_currency: str
    method: str
    reference: str
    purpose: str
    payee: dict[str, object] | None  # the body of createBeneficiary; None when the row has no identity columns
    instrument: dict[str, object] | None  # the body of createInstrumentForBeneficiary; None without credentials

    @property
    def name(self) -> str | None:
        """The display name that the identity columns make."""
        if self.payee is None:
            return None
        values = block(self.payee, str(self.payee["type"]))
        names = ("first_name", "middle_name", "last_name", "legal_name")
        return " ".join(str(values[name]) for name in names if name in values)


@dataclass(slots=True)
class Reading:
    """What a file holds."""

    rows: list[Row] = field(default_factory=list[Row])
    errors: list[dict[str, object]] = field(default_factory=list[dict[str, object]])


def template_lines() -> list[list[str]]:
    """Return header and sample rows of the template."""
    return [list(COLUMNS), *([sample.get(column, "") for column in COLUMNS] for sample in _SAMPLES)]


def check_header(table: Table) -> None:
    """Check that the header fits the template; raises TableError when it does not."""
    unknown = [name for name in table.header if name not in COLUMNS]
    if unknown:
        raise TableError(f"unknown column {unknown[0]!r}")
    missing = [name for name in _NEEDED_COLUMNS if name not in table.header]
    if not missing and not {"source_amount", "dest_amount"} & set(table.header):
        missing = ["dest_amount"]
    if missing:
        raise TableError(f"missing column {missing[0]!r}")


def read_rows(table: Table) -> Reading:
    """Check every row as far as it can be checked by itself."""
    reading = Reading()
    for number, cells in table.rows:
        row, problems = _read_row(number, cells)
        if row is not None and not problems:
            reading.rows.append(row)
        for name, message in problems:
            reading.errors.append({"row": number, "field": name, "message": message})
    return reading


def _read_row(number: int, cells: Mapping[str, str]) -> tuple[Row | None, list[Problem]]:
    problems: list[Problem] = [(name, "is required") for name in _NEEDED_COLUMNS if name not in cells]
    side = "dest_amount" if "dest_amount" in cells else "source_amount"
    if side not in cells:
        problems.append(("dest_amount", "is required"))
    problems += _order_problems(cells, side)
    kind = "individual" if "first_name" in cells else "business" if "legal_name" in cells else None
    payee = None if kind is None else beneficiary_body(kind, cells)
    if payee is not None:
        problems += beneficiary_problems(payee)
    instrument = _instrument(cells)
    problems += _instrument_problems(instrument)
    if problems:
        return None, list(dict.fromkeys(problems))
    row = Row(
        number=number,
        external_ref=cells["external_ref"],
        fixed_side="fixed_dest" if side == "dest_amount" else "fixed_source",
        amount=Decimal(cells[side]),
        source_currency=cells.get("source_currency"),
        dest_currency=cells["dest_currency"],
        method=cells["method"],
        reference=cells["reference"],
        purpose=cells.get("purpose", _DEFAULT_PURPOSE),
        payee=payee,
        instrument=instrument,
    )
    return row, []


def _order_problems(cells: Mapping[str, str], side: str) -> list[Problem]:
    """Check a row against the rules of createPayout, with stand-ins for what only the batch will know."""
    rules = load_document().operations["createPayout"].body
    if rules is None:
        raise RuntimeError("The document has no rules for createPayout.")
    amount = cells.get(side, "1")
    names = ("source_currency", "dest_currency", "method", "reference", "purpose")
    body: dict[str, object] = {
        "beneficiary_id": "ben_0",
        "instrument_id": "ins_0",
        "purpose": _DEFAULT_PURPOSE,
        "source_amount": amount,
        "dest_amount": amount,
        **{name: cells[name] for name in names if name in cells},
    }
    problems: list[Problem] = []
    try:
        rules.check_body(body)
    except Refusal as refusal:
        other = "source_amount" if side == "dest_amount" else "dest_amount"
        problems = [pair for pair in refusal.details if pair[0] != other and pair[1] != "is required"]
    if problems or side not in cells or "dest_currency" not in cells:
        return problems
    return _amount_problems(cells, side)


def _amount_problems(cells: Mapping[str, str], side: str) -> list[Problem]:
    try:
        amount = Decimal(cells[side])
    except InvalidOperation:
        return [(side, "must be a decimal number")]
    dest = cells["dest_currency"]
    if rate_between(dest, dest) is None:
        return [("dest_currency", f"unsupported currency: {dest}")]
    if amount <= 0:
        return [(side, "must be greater than zero")]
    currency = dest if side == "dest_amount" else cells.get("source_currency")
    if currency is not None and Decimal(written(amount, currency)) != amount:
        return [(side, f"has too many decimal places for {currency}")]
    return []


def _instrument(cells: Mapping[str, str]) -> dict[str, object] | None:
    """Return the instrument that a row's credential columns describe, None when it has none."""
    given = {name: cells[name] for name in _CREDENTIAL_COLUMNS if name in cells}
    country = cells.get("dest_country") or cells.get("country")
    fitting = [
        method
        for method in METHODS.values()
        if all(one.name in given for one in method.fields if one.required)
        and (country is None or country in method.countries)
        and method.code != "mobile_money"
    ]
    if not fitting:
        alone = {name for name in given if name not in _IDENTITY}
        return {"method": "unknown", "credentials": given} if alone else None
    method = max(fitting, key=lambda one: sum(each.name in given for each in one.fields))
    names = {one.name for one in method.fields}
    body: dict[str, object] = {
        "method": method.code,
        "currency": cells.get("dest_currency"),
        "credentials": {name: value for name, value in given.items() if name in names},
    }
    return body if country is None else {**body, "country": country}


def _instrument_problems(body: Mapping[str, object] | None) -> list[Problem]:
    if body is None:
        return []
    credentials = block(body, "credentials")
    if body["method"] == "unknown":
        return [(next(iter(credentials), ""), "the credentials fit no payment method of this country")]
    country = body.get("country")
    new = NewInstrument(
        method=str(body["method"]),
        country=None if country is None else str(country),
        credentials=credentials,
    )
    try:
        check_instrument(new)
    except Refusal as refusal:
        column = refusal.message.partition(" ")[0].removeprefix("credentials.")
        return [(column if column in COLUMNS else "method", refusal.message)]
    return []
