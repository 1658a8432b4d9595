from __future__ import annotations

import copy
import inspect
import pickle

import pytest

import anton_async
from anton_async import AntonError, ApiError, Outcome, ResponseDecodeError, errors


def samples() -> list[AntonError]:
    found: list[AntonError] = []
    for _, kind in inspect.getmembers(errors, inspect.isclass):
        if not issubclass(kind, AntonError):
            continue
        if issubclass(kind, ApiError):
            found.append(
                kind("why", status=422, code="c", details=[{"field": "f"}], idempotency_key="k", retry_after=3.0)
            )
        elif issubclass(kind, ResponseDecodeError):
            found.append(kind("why", status=200, request_id="r"))
        else:
            found.append(kind("why"))
    return found


@pytest.mark.fault("I07")
@pytest.mark.parametrize("error", samples(), ids=lambda error: type(error).__name__)
def test_every_error_survives_a_pickle(error: AntonError) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own bytes
        assert type(again) is type(error)
        assert (str(again), vars(again)) == (str(error), vars(error))


def test_what_the_api_found_wrong_is_told() -> None:
    details: list[object] = [{"field": "dest_currency", "message": "is required\n"}, "odd", {"field": "x"}]

    error = errors.UnprocessableEntityError("no", status=422, code="validation_error", details=details)

    assert error.field == "dest_currency"
    assert str(error) == "422 validation_error: no; dest_currency: is required\\x0a"


@pytest.mark.parametrize("error", samples(), ids=lambda error: type(error).__name__)
def test_every_error_says_whether_money_may_have_moved(error: AntonError) -> None:
    assert isinstance(error.outcome, Outcome)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = errors.__doc__ or ""

    for error in samples():
        assert type(error).__name__ in drawn
        assert type(error).__name__ in anton_async.__all__


def test_an_unknown_outcome_is_told_with_its_key() -> None:
    error = errors.ResponseLostError("The connection broke", idempotency_key="inv-1")

    assert "the outcome is unknown: repeat it only with the same arguments" in str(error)
    assert "inv-1" in str(error)
