"""Makes `payroll.csv` and `payees.json`: one month's payroll of a company that pays around the world.

Run it again and it writes the same bytes. The file has 1,000 rows; twelve of them are wrong in ways real files are.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

ROWS = 1000
PAYEES_A_CORRIDOR = 14

_HERE = Path(__file__).parent
_COLUMNS: tuple[str, ...] = (
    "row_id", "beneficiary_id", "instrument_id", "source_amount", "source_currency", "dest_amount", "dest_currency",
    "method", "purpose", "reference", "metadata.department", "metadata.period",
)  # fmt: skip
_BALANCES = {
    "USD": "25000000.00", "EUR": "5000000.00", "GBP": "5000000.00", "CAD": "2000000.00", "AUD": "2000000.00",
    "JPY": "500000000", "USDC": "1000000.000000",
}  # fmt: skip
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

Row = dict[str, str]


@dataclass(frozen=True)
class Corridor:
    """A country that is paid, and how.

    Attributes:
        source: currency of the balance that pays.
        per_dollar: units of `currency` for one US dollar, where the dollar balance pays.
        low: smallest usual amount, in `currency`.
        high: largest usual amount.
        weight: how often it is paid, beside the others.
    """

    country: str
    instrument: str
    currency: str
    method: str
    source: str
    per_dollar: Decimal
    low: int
    high: int
    weight: int
    people: list[str]
    firms: list[str]

    @classmethod
    def parse(cls, line: str) -> Corridor:
        """Read one line of the table."""
        facts, firms = line.split("; ")
        country, instrument, currency, method, source, rate, low, high, weight, people = facts.split(maxsplit=9)
        return cls(
            country, instrument, currency, method, source, Decimal(rate), int(low), int(high), int(weight),
            people.split(", "), firms.split(", "),
        )  # fmt: skip


_CORRIDORS = """
US us_bank      USD  ach            USD     1   1800   9500 9  Maya Coleman, Owen Brandt; Harbor Point LLC, Juniper Inc.
US us_bank      USD  wire           USD     1   9000  60000 2  Theodore Lin; Bluestem Logistics Corp.
DE iban         EUR  sepa           EUR     1   1900   7200 7  Anke Vogel, Jonas Reuter, Selin Aydin; Kranich GmbH
FR iban         EUR  sepa           EUR     1   1700   6400 5  Camille Roussel, Hugo Lemaire; Atelier Brume SARL
ES iban         EUR  sepa           USD  0.92   1400   5200 4  Lucía Ferrer, Iker Zabala; Olivar Digital SL
IE iban         EUR  sepa           EUR     1   2100   6800 3  Aoife Byrne, Cillian Nolan; Liffey Works Ltd
GB uk_bank      GBP  faster_payment GBP     1   1600   6900 8  Priya Nair, Callum Reid, Esther Okafor; Millbrook Ltd
JP jp_bank      JPY  swift          JPY     1 240000 980000 3  佐藤 美咲, Kenji Mori; Hoshino Kikaku KK
CA ca_bank      CAD  bank_transfer  CAD     1   2000   8200 4  Noah Tremblay, Ava Singh; Maple Ridge Co.
AU au_bank      AUD  bank_transfer  AUD     1   2200   8800 4  Ruby Walsh, Lachlan Pham; Coolabah Pty Ltd
MX clabe        MXN  bank_transfer  USD  18.2  14000  62000 4  Ximena Robles, Diego Luna; Nopal Labs SA
IN in_bank      INR  bank_transfer  USD  83.5  55000 310000 6  Ananya Iyer, Rohan Deshmukh; Banyan Softworks Pvt Ltd
PH ph_bank      PHP  bank_transfer  USD    58  28000 120000 4  Maricel Santos, Jomar Cruz; Tala BPO Inc.
BR pix          BRL  bank_transfer  USD  5.45   3500  18000 4  Beatriz Moura, João Pires; Ipê Dados Ltda
KE mobile_money KES  mobile_money   USD   129  38000 190000 4  Wanjiru Kamau, Otieno Ouma; Acacia Field Services
GH mobile_money GHS  mobile_money   USD  15.1   4200  21000 2  Ama Mensah, Kofi Boateng; Volta Survey
ZA za_bank      ZAR  bank_transfer  USD  18.6  16000  78000 3  Lerato Dlamini, Pieter Botha; Fynbos Media
SG swift        SGD  swift          USD  1.35   2800  11000 2  Wei Ling Tan; Straits Analytics Pte Ltd
PL iban         PLN  swift          USD  3.95   7000  27000 4  Zofia Wrona, Marek Lis; Wisła Kod sp. z o.o.
AR crypto       USDC stablecoin     USDC    1    900   5200 3  Julieta Paz, Tomás Vidal; Pampa Onchain SRL
"""
"""Country, instrument, currency, method, balance, rate, lowest, highest, weight; people; firms."""

_SCALES = {"JPY": 0}
_PURPOSES = {"individual": ("salary", "contractor_payment"), "business": ("supplier_payment", "contractor_payment")}
_DEPARTMENTS = ("engineering", "support", "operations", "design", "field, logistics", "finance")
_PREFIXES = {"salary": "SAL", "contractor_payment": "INV", "supplier_payment": "PO"}


@dataclass(frozen=True)
class Payee:
    """A beneficiary with its one instrument."""

    corridor: Corridor
    kind: str
    beneficiary_id: str
    instrument_id: str


class Company:
    """Everything the two files hold; the dice are loaded, so that they always fall the same."""

    def __init__(self) -> None:
        self._dice = random.Random("payroll 2026-11")  # noqa: S311 - an example, no secret
        self.beneficiaries: list[dict[str, str]] = []
        self.instruments: list[dict[str, str]] = []
        corridors = [Corridor.parse(line) for line in _CORRIDORS.strip().splitlines()]
        self.payees = [self.hire(corridor) for corridor in corridors for _ in range(PAYEES_A_CORRIDOR)]
        self.archived = self.hire(corridors[6], status="archived")
        self.disabled = self.hire(corridors[2], instrument_status="disabled")

    def hire(self, corridor: Corridor, *, status: str = "active", instrument_status: str = "active") -> Payee:
        """Add a beneficiary with an instrument."""
        kind = "business" if self._dice.random() < 0.25 else "individual"
        name = self._dice.choice(corridor.firms if kind == "business" else corridor.people)
        payee = Payee(corridor, kind, self.new_id("ben"), self.new_id("ins"))
        last4 = f"{self._dice.randrange(10000):04d}"
        self.beneficiaries.append(
            {
                "id": payee.beneficiary_id,
                "type": kind,
                "status": status,
                "display_name": name,
                "country": corridor.country,
                "external_ref": f"payee-{len(self.beneficiaries) + 1:04d}",
            }
        )
        self.instruments.append(
            {
                "id": payee.instrument_id,
                "beneficiary_id": payee.beneficiary_id,
                "method": corridor.instrument,
                "currency": corridor.currency,
                "country": corridor.country,
                "status": instrument_status,
                "display_last4": last4,
                "masked_account": f"****{last4}",
            }
        )
        return payee

    def new_id(self, prefix: str) -> str:
        """Return an id in the documented form."""
        return f"{prefix}_01" + "".join(self._dice.choices(_ALPHABET, k=24))

    def row(self, number: int, payee: Payee) -> Row:
        """Return a row that is right."""
        corridor = payee.corridor
        step = Decimal(1).scaleb(-_SCALES.get(corridor.currency, 2))
        amount = (Decimal(corridor.low) + (corridor.high - corridor.low) * Decimal(self._dice.random())).quantize(step)
        source_step = Decimal(1).scaleb(-_SCALES.get(corridor.source, 2))
        purpose = self._dice.choice(_PURPOSES[payee.kind])
        return {
            "row_id": f"PAY-2026-11-{number:04d}",
            "beneficiary_id": payee.beneficiary_id,
            "instrument_id": payee.instrument_id,
            "source_amount": str((amount / corridor.per_dollar).quantize(source_step)),
            "source_currency": corridor.source,
            "dest_amount": str(amount),
            "dest_currency": corridor.currency,
            "method": corridor.method,
            "purpose": purpose,
            "reference": f"{_PREFIXES[purpose]}-2026-11-{number:04d}",
            "metadata.department": self._dice.choice(_DEPARTMENTS),
            "metadata.period": "2026-11",
        }

    def payroll(self) -> list[Row]:
        """Return all rows, the wrong ones among them."""
        weights = [payee.corridor.weight for payee in self.payees]
        chosen = self._dice.choices(self.payees, weights, k=ROWS)
        rows = [self.row(number, payee) for number, payee in enumerate(chosen, 1)]
        for number, spoil in self._mistakes().items():
            spoil(rows[number - 1])
        rows[957] = {**rows[402], "reference": "INV-2026-11-0958"}  # copied down and only half mended
        return rows

    def _mistakes(self) -> dict[int, Callable[[Row], None]]:
        def set_to(**fields: str) -> Callable[[Row], None]:
            return lambda row: row.update(fields)

        def names(payee: Payee) -> Callable[[Row], None]:
            instead = self.row(0, payee)
            kept = ("row_id", "reference")
            return lambda row: row.update({name: text for name, text in instead.items() if name not in kept})

        dollars = next(payee for payee in self.payees if payee.corridor.method == "ach")
        return {
            38: set_to(source_amount="1,250.00", dest_amount="1,250.00"),  # a spreadsheet's idea of a number
            117: set_to(dest_amount="-480.00", source_amount="-480.00"),  # a correction, booked as a payout
            204: set_to(instrument_id=""),  # forgotten
            286: set_to(instrument_id=self.new_id("ins")),  # from the test system
            351: names(self.archived),
            440: names(self.disabled),
            529: set_to(source_amount="2.4E+3", dest_amount="2.4E+3"),  # a spreadsheet's idea of a short number
            613: set_to(dest_currency="usd", source_currency="USD"),
            688: lambda row: row.update({**self.row(0, dollars), "row_id": row["row_id"], "dest_currency": "EUR"}),
            765: set_to(method="sepa_instant"),  # the bank's word, not the API's
            871: set_to(reference="Invoice for services in November 2026, see the mail of 3 November and its" * 2),
        }


def main() -> None:
    """Write both files."""
    company = Company()
    rows = company.payroll()
    with (_HERE / "payroll.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    seed = {"balances": _BALANCES, "beneficiaries": company.beneficiaries, "instruments": company.instruments}
    lines = json.dumps(seed, ensure_ascii=False).replace("}, {", "},\n  {").replace("[{", "[\n  {")
    (_HERE / "payees.json").write_text(f"{lines}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
