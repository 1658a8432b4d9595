"""Corridors: where the sandbox delivers to, one bank route a country and one a chain for each digital asset."""

from __future__ import annotations

import functools

from anton_async.sandbox.call import Call, Handler
from anton_async.sandbox.countries import COUNTRIES
from anton_async.sandbox.errors import Answer
from anton_async.sandbox.presenter import Presenter
from anton_async.sandbox.pricing import currencies
from anton_async.sandbox.reference import kind_of

_WORLDWIDE = "XX"
_SCHEMES = {"US": "ach", "GB": "fps"}
_CHAINS = {"BTC": ("bitcoin",), "ETH": ("ethereum",), "USDC": ("ethereum", "polygon"), "USDT": ("ethereum", "tron")}


class Corridors:
    """The handler of `/v1/corridors`."""

    def __init__(self, presenter: Presenter) -> None:
        self._presenter = presenter

    def handlers(self) -> dict[str, Handler]:
        """Return the handlers by operation id."""
        return {"listCorridors": self.list_all}

    def list_all(self, call: Call) -> Answer:
        """List the open corridors."""
        names = ("rail_type", "currency", "country")
        wanted = {name: value for name in names if (value := call.text(name)) is not None}
        return self._presenter.rows(
            [corridor for corridor in _corridors() if all(corridor[name] == value for name, value in wanted.items())]
        )


@functools.cache
def _corridors() -> tuple[dict[str, object], ...]:
    traded = currencies()
    banks = [
        _bank_route(country.iso2, country.currency) for country in COUNTRIES.values() if country.currency in traded
    ]
    chains = [_chain_route(currency, chain) for currency in traded for chain in _CHAINS.get(currency, ())]
    return (*banks, *chains)


def _bank_route(country: str, currency: str) -> dict[str, object]:
    return {
        "id": f"cor_{country}{currency}",
        "rail_type": "fiat",
        "currency": currency,
        "country": country,
        "network": _SCHEMES.get(country, "sepa" if currency == "EUR" else "swift"),
        "method": "bank_transfer",
        "active": True,
        "priority": 1,
        "cutoff_time": "16:00",
        "settlement_days": 0 if country in _SCHEMES or currency == "EUR" else 1,
    }


def _chain_route(currency: str, chain: str) -> dict[str, object]:
    return {
        "id": f"cor_{_WORLDWIDE}{currency}{chain}",
        "rail_type": kind_of(currency),
        "currency": currency,
        "country": _WORLDWIDE,
        "network": chain,
        "method": kind_of(currency),
        "active": True,
        "priority": 1,
        "settlement_mins": 5,
        "required_confirms": 12,
    }
