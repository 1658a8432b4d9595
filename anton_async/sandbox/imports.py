"""Imports of beneficiaries from CSV: template, preview, confirm.

A preview checks every row as createBeneficiary would and creates nothing; it can be confirmed once within 24 hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from anton_async.sandbox.beneficiaries import Beneficiaries
from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.document import load_document
from anton_async.sandbox.errors import Answer, Refusal, not_found
from anton_async.sandbox.forms import too_large
from anton_async.sandbox.merchant import ImportEntry, Merchant
from anton_async.sandbox.presenter import wrapped
from anton_async.sandbox.records import new_id
from anton_async.sandbox.tables import Table, TableError, read_table, write_csv

_LIFE = timedelta(hours=24)
_MAX_FILE_BYTES = 8 * 1024 * 1024

ADDRESS_COLUMNS = ("street_line_1", "street_line_2", "city", "state", "postal_code")
IDENTITY_COLUMNS: dict[str, tuple[str, ...]] = {
    "individual": (
        "first_name", "middle_name", "last_name", "email", "phone", "date_of_birth", "nationality", "tax_id",
    ),
    "business": (
        "legal_name", "trading_name", "registration_number", "tax_id", "entity_type", "incorporation_country",
        "incorporation_date", "email", "phone", "website",
    ),
}  # fmt: skip
_COLUMNS = {kind: ("external_ref", *names, *ADDRESS_COLUMNS, "country") for kind, names in IDENTITY_COLUMNS.items()}
_SAMPLES = {
    "individual": {
        "external_ref": "contractor-0001", "first_name": "Jane", "last_name": "Smith", "email": "jane@example.com",
        "phone": "+442079460000", "date_of_birth": "1988-05-12", "nationality": "GB",
        "street_line_1": "10 Example Street", "city": "London", "postal_code": "SW1A 1AA", "country": "GB",
    },
    "business": {
        "external_ref": "supplier-0001", "legal_name": "Example GmbH", "registration_number": "HRB12345",
        "email": "ap@example.de", "phone": "+493012345678", "street_line_1": "Beispielweg 1", "city": "Berlin",
        "postal_code": "10115", "country": "DE",
    },
}  # fmt: skip


class Imports:
    """The handlers of `/v1/beneficiaries/import`."""

    def __init__(self, merchant: Merchant, beneficiaries: Beneficiaries) -> None:
        self._merchant = merchant
        self._beneficiaries = beneficiaries

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation id."""
        return {
            "downloadBeneficiaryImportTemplate": self.download_template,
            "previewBeneficiaryImport": self.preview,
            "confirmBeneficiaryImport": self.confirm,
        }

    def download_template(self, call: Call) -> Answer:
        """Hand out the layout of one type, with a sample row."""
        kind = call.text("type") or "individual"
        columns = _COLUMNS[kind]
        content = write_csv([columns, [_SAMPLES[kind].get(column, "") for column in columns]])
        headers = {"Content-Disposition": f'attachment; filename="beneficiaries-{kind}.csv"'}
        return Answer(200, content, headers, content_type="text/csv")

    def preview(self, call: Call) -> Answer:
        """Check a file row by row."""
        file = call.form.file()
        if not (file.file_name or "").lower().endswith(".csv"):
            raise Refusal(400, "invalid_file_format", "the file must be a .csv file")
        if len(file.content) > _MAX_FILE_BYTES:
            raise too_large(_MAX_FILE_BYTES)
        try:
            table = read_table(file.content, "csv")
        except TableError as error:
            raise Refusal(400, "invalid_csv", str(error)) from None
        kind = _kind_of(table)
        rows: list[dict[str, object]] = []
        valid: dict[int, dict[str, object]] = {}
        for number, (_, cells) in enumerate(table.rows, 1):
            body = beneficiary_body(kind, cells)
            problems = beneficiary_problems(body)
            row: dict[str, object] = {"row_number": number, "type": kind, "valid": not problems, kind: body[kind]}
            if problems:
                row["errors"] = [" ".join(problem) for problem in problems]
            else:
                valid[number] = body
            rows.append(row)
        entry = ImportEntry(
            id=new_id("imp"),
            kind=kind,
            rows=valid,
            invalid=len(rows) - len(valid),
            expires_at=self._merchant.now() + _LIFE,
        )
        self._merchant.imports[entry.id] = entry
        summary = {"total": len(rows), "valid": len(valid), "invalid": entry.invalid}
        return wrapped({"import_id": entry.id, "summary": summary, "rows": rows}, 201)

    def confirm(self, call: Call) -> Answer:
        """Create a beneficiary for every row that passed the preview."""
        entry = self._merchant.imports.get(call.path["importID"])
        if entry is None:
            raise not_found("import")
        if entry.confirmed:
            raise Refusal(409, "import_already_confirmed", "the import was confirmed before")
        if entry.expires_at <= self._merchant.now():
            raise Refusal(409, "import_expired", "the preview is older than 24 hours; upload the file again")
        entry.confirmed = True
        created: list[str] = []
        errors: list[dict[str, object]] = []
        for number, body in entry.rows.items():
            try:
                created.append(self._beneficiaries.add(body).id)
            except Refusal as refusal:
                errors.append({"row_number": number, "error": refusal.message})
        summary = {"created": len(created), "skipped": entry.invalid, "failed": len(errors)}
        return wrapped({"import_id": entry.id, "summary": summary, "created_ids": created, "errors": errors})


def beneficiary_body(kind: str, cells: Mapping[str, str]) -> dict[str, object]:
    """Return the body of createBeneficiary that a row stands for."""
    address = {name: cells[name] for name in ADDRESS_COLUMNS if name in cells}
    if "country" in cells:
        address["country"] = cells["country"]
    details: dict[str, object] = {name: cells[name] for name in IDENTITY_COLUMNS[kind] if name in cells}
    details["address"] = address
    body: dict[str, object] = {"type": kind, kind: details}
    return body | {name: cells[name] for name in ("country", "external_ref") if name in cells}


def beneficiary_problems(body: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return what createBeneficiary would find wrong, by column."""
    rules = load_document().operations["createBeneficiary"].body
    if rules is None:
        raise RuntimeError("The document has no rules for createBeneficiary.")
    try:
        rules.check_body(dict(body))
    except Refusal as refusal:
        problems = refusal.details or (("", refusal.message),)
        # The address repeats the row's country.
        return list(dict.fromkeys((field.rpartition(".")[2], problem) for field, problem in problems))
    return []


def _kind_of(table: Table) -> str:
    columns = frozenset(table.header)
    for kind, known in _COLUMNS.items():
        if columns <= frozenset(known) and columns & frozenset({"first_name", "legal_name"}):
            return kind
    raise Refusal(400, "invalid_csv", "the header row fits neither template")
