"""Payment methods: the credential formats of instruments, where each works and what it asks for."""

from __future__ import annotations

from dataclasses import dataclass

from anton_async.sandbox.countries import COUNTRIES

_IBAN_COUNTRIES = tuple(
    country
    for country in COUNTRIES
    if country in "AD AE AT BE BG BH CH CY CZ DE DK EE ES FI FR GB GE GI GR HR HU IE IL IS IT JO KW LI LT LU LV "
    "MC MD ME MK MT NL NO PL PT QA RO RS SA SE SI SK SM TN TR XK"
)
_MOBILE_COUNTRIES = ("CI", "CM", "GH", "KE", "RW", "SN", "TZ", "UG", "ZM")


@dataclass(frozen=True, slots=True)
class Field:
    """One credential field."""

    name: str
    label: str
    pattern: str
    required: bool = True
    choices: tuple[str, ...] = ()

    def shown(self) -> dict[str, object]:
        """Return the field as the API shows it."""
        shown: dict[str, object] = {"name": self.name, "label": self.label, "required": self.required}
        if self.choices:
            return {**shown, "type": "enum", "enum": list(self.choices)}
        return {**shown, "type": "string", "pattern": self.pattern}


@dataclass(frozen=True, slots=True)
class Method:
    """One credential format."""

    code: str
    name: str
    countries: tuple[str, ...]
    fields: tuple[Field, ...]
    rail_type: str = "fiat"
    currency: str | None = None  # where it is not the country's own

    def shown(self) -> dict[str, object]:
        """Return the method as the catalogue shows it."""
        return {
            "code": self.code,
            "name": self.name,
            "rail_type": self.rail_type,
            "supported_countries": list(self.countries),
        }

    def form(self, country: str) -> dict[str, object]:
        """Return what a form for this method has to ask for in one country."""
        return {
            "code": self.code,
            "country": country,
            "currency": self.currency or COUNTRIES[country].currency,
            "label": f"{self.name} ({COUNTRIES[country].name})",
            "fields": [field.shown() for field in self.fields],
        }


_BIC = Field("bic", "BIC", "^[A-Z0-9]{8}([A-Z0-9]{3})?$")
_ACCOUNT = Field("account_number", "Account number", "^[0-9A-Za-z]{4,34}$")
_PHONE = Field("phone", "Phone number", r"^\+[1-9][0-9]{6,14}$")


def _bank(code: str, country: str, name: str, *fields: Field) -> Method:
    return Method(code, name, (country,), (_ACCOUNT, *fields))


def _proxy(code: str, country: str, name: str, field: Field) -> Method:
    return Method(code, name, (country,), (field,))


METHODS = {
    method.code: method
    for method in (
        Method(
            "iban",
            "IBAN",
            _IBAN_COUNTRIES,
            (
                Field("iban", "IBAN", "^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$"),
                Field(_BIC.name, _BIC.label, _BIC.pattern, required=False),
            ),
        ),
        _bank("uk_bank", "GB", "UK Bank Account", Field("sort_code", "Sort code", "^[0-9]{6}$")),
        _bank(
            "us_bank",
            "US",
            "US Bank Account",
            Field("routing_number", "Routing number", "^[0-9]{9}$"),
            Field("account_type", "Account type", "", required=False, choices=("checking", "savings")),
        ),
        _bank(
            "ca_bank",
            "CA",
            "Canadian Bank Account",
            Field("institution_number", "Institution number", "^[0-9]{3}$"),
            Field("transit_number", "Transit number", "^[0-9]{5}$"),
        ),
        _bank("au_bank", "AU", "Australian Bank Account", Field("bsb", "BSB", "^[0-9]{6}$")),
        _bank("nz_bank", "NZ", "New Zealand Bank Account"),
        _bank(
            "jp_bank",
            "JP",
            "Japanese Bank Account",
            Field("bank_code", "Bank code", "^[0-9]{4}$"),
            Field("branch_code", "Branch code", "^[0-9]{3}$"),
        ),
        _bank("in_bank", "IN", "Indian Bank Account", Field("ifsc", "IFSC", "^[A-Z]{4}0[A-Z0-9]{6}$")),
        _bank("za_bank", "ZA", "South African Bank Account", Field("branch_code", "Branch code", "^[0-9]{6}$")),
        _bank("ng_bank", "NG", "Nigerian Bank Account", Field("bank_code", "Bank code", "^[0-9]{3,6}$")),
        _bank("ph_bank", "PH", "Philippine Bank Account", Field("bank_code", "Bank code", "^[A-Z0-9]{3,11}$")),
        _bank("cl_bank", "CL", "Chilean Bank Account", Field("bank_code", "Bank code", "^[0-9]{3}$")),
        _bank("co_bank", "CO", "Colombian Bank Account", Field("bank_code", "Bank code", "^[0-9]{2,4}$")),
        Method("swift", "SWIFT Transfer", tuple(COUNTRIES), (_ACCOUNT, _BIC)),
        _proxy("clabe", "MX", "CLABE", Field("clabe", "CLABE", "^[0-9]{18}$")),
        _proxy("cbu", "AR", "CBU", Field("cbu", "CBU", "^[0-9]{22}$")),
        _proxy("cci", "PE", "CCI", Field("cci", "CCI", "^[0-9]{20}$")),
        _proxy("pix", "BR", "Pix", Field("pix_key", "Pix key", "^.{1,77}$")),
        _proxy("upi", "IN", "UPI", Field("upi_id", "UPI ID", "^[^@]+@[^@]+$")),
        _proxy("interac", "CA", "Interac e-Transfer", Field("email", "Email", "^[^@]+@[^@]+$")),
        _proxy("paynow", "SG", "PayNow", Field("proxy", "PayNow proxy", "^.{4,20}$")),
        _proxy("fps_hk", "HK", "FPS", Field("proxy", "FPS proxy", "^.{4,50}$")),
        _proxy("promptpay", "TH", "PromptPay", Field("proxy", "PromptPay proxy", "^[0-9]{10,15}$")),
        Method(
            "card",
            "Card",
            ("CA", "DE", "ES", "FR", "GB", "IT", "US"),
            (
                Field("pan", "Card number", "^[0-9]{12,19}$"),
                Field("expiry_month", "Expiry month", "^[0-9]{1,2}$"),
                Field("expiry_year", "Expiry year", "^[0-9]{4}$"),
            ),
        ),
        Method(
            "crypto",
            "Crypto Wallet",
            tuple(COUNTRIES),
            (
                Field("wallet_address", "Wallet address", "^[0-9A-Za-z:.]{20,128}$"),
                Field("network", "Network", "^[a-z]+$"),
                Field("token_symbol", "Token", "^[A-Z]{3,5}$", required=False),
            ),
            rail_type="crypto",
            currency="USDC",
        ),
        Method(
            "mobile_money",
            "Mobile Money",
            _MOBILE_COUNTRIES,
            (_PHONE, Field("provider", "Provider", "^.{2,40}$", required=False)),
        ),
    )
}
