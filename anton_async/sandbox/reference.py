"""Reference data: currencies, countries, payment methods, and the short lists behind instrument forms."""

from __future__ import annotations

from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.countries import COUNTRIES, Country
from anton_async.sandbox.errors import Answer, Refusal
from anton_async.sandbox.methods import METHODS
from anton_async.sandbox.presenter import Presenter
from anton_async.sandbox.pricing import currencies, scale_of

STABLECOINS = frozenset({"USDC", "USDT"})
CRYPTO = frozenset({"BTC", "ETH"})
_NAMES = {
    "BTC": "Bitcoin", "ETH": "Ether", "EUR": "Euro", "GBP": "Pound Sterling", "JPY": "Japanese Yen",
    "USD": "US Dollar", "USDC": "USD Coin", "USDT": "Tether",
    "XAF": "Central African CFA Franc", "XOF": "West African CFA Franc",
}  # fmt: skip
_SYMBOLS = {"EUR": "€", "GBP": "£", "JPY": "¥", "USD": "$", "INR": "₹", "BTC": "₿"}


class ReferenceData:
    """The handlers of `/v1/currencies`, `/v1/countries`, `/v1/payment-methods` and the instrument catalogues."""

    def __init__(self, presenter: Presenter) -> None:
        self._presenter = presenter

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation id."""
        return {
            "listCurrencies": self.list_currencies,
            "listCountries": self.list_countries,
            "listPaymentMethods": self.list_methods,
            "listInstrumentCountries": self.list_instrument_countries,
            "listInstrumentMethods": self.list_instrument_methods,
        }

    def list_currencies(self, _: Call) -> Answer:
        """List the currencies that the sandbox trades."""
        return self._presenter.rows([_currency(code) for code in currencies()])

    def list_countries(self, _: Call) -> Answer:
        """List all countries, routable or not."""
        traded = frozenset(currencies())
        return self._presenter.rows([_country(country, traded) for country in COUNTRIES.values()])

    def list_methods(self, _: Call) -> Answer:
        """List the credential formats."""
        return self._presenter.rows([method.shown() for method in METHODS.values()])

    def list_instrument_countries(self, _: Call) -> Answer:
        """List the countries an instrument can be in."""
        return self._presenter.rows([{"iso2": one.iso2, "name": one.name} for one in COUNTRIES.values()])

    def list_instrument_methods(self, call: Call) -> Answer:
        """List the methods of one country, or of all."""
        country = call.text("country")
        if country is not None and country not in COUNTRIES:
            raise Refusal(404, "country_not_supported", "there are no payment methods in this country")
        wanted = list(COUNTRIES) if country is None else [country]
        return self._presenter.rows(
            [method.form(code) for method in METHODS.values() for code in wanted if code in method.countries]
        )


def kind_of(currency: str) -> str:
    """Return the rail family of a currency."""
    return "stablecoin" if currency in STABLECOINS else "crypto" if currency in CRYPTO else "fiat"


def _currency(code: str) -> dict[str, object]:
    shown: dict[str, object] = {
        "code": code,
        "name": _NAMES.get(code, code),
        "decimals": scale_of(code),
        "type": kind_of(code),
        "status": "active",
        "supported_rails": [kind_of(code)],
    }
    symbol = _SYMBOLS.get(code)
    return shown if symbol is None else {**shown, "symbol": symbol}


def _country(country: Country, traded: frozenset[str]) -> dict[str, object]:
    supported = country.currency in traded
    return {
        "iso2": country.iso2,
        "iso3": country.iso3,
        "name": country.name,
        "supported_currencies": [country.currency] if supported else [],
        "payout_supported": supported,
    }
