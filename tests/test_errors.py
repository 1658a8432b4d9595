from __future__ import annotations

import copy
import inspect
import pickle
import re
from typing import Any, assert_type, get_args

import pytest

import anton_async
from anton_async import AntonError, ApiError, Outcome, ResponseDecodeError, errors
from anton_async.models import ErrorCode
from tests.conftest import ClientMaker
from tests.support.raw_server import LOST, RawServer, answer, failure


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


def api_error(status: int, code: str | None = None, details: Any = None) -> ApiError:
    return errors.api_error_class(status)("no", status=status, code=code, details=details)


@pytest.mark.fault("D07", "D08")
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequestError),
        (401, errors.AuthenticationError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (409, errors.ConflictError),
        (410, errors.GoneError),
        (422, errors.UnprocessableEntityError),
        (429, errors.RateLimitError),
        (500, errors.ServerError),
        (599, errors.ServerError),
        (302, ApiError),
        (402, ApiError),
        (418, ApiError),
        (499, ApiError),
    ],
)
def test_every_status_has_its_class(status: int, kind: type[ApiError]) -> None:
    assert type(api_error(status)) is kind


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        *[(api_error(status), True) for status in (408, 429, 500, 502, 503, 504)],
        *[(api_error(status), False) for status in (302, 400, 401, 403, 404, 410, 413, 418, 422, 501, 599)],
        *[(api_error(409, code), True) for code in (None, "409")],
        (api_error(409, "a_newer_code"), False),
        (api_error(409, "idempotency_in_flight"), True),
        (api_error(409, "idempotency_conflict"), False),
        (errors.ConnectionError("x"), True),
        (errors.ResponseLostError("x"), True),
        (errors.ReadTimeoutError("x"), True),
        (errors.DeadlineExceededError("x"), True),
        (errors.TLSError("x"), False),
        (errors.ProxyError("x"), False),
        (errors.ConfigurationError("x"), False),
        (errors.RequestValidationError("x"), False),
        (errors.PaginationError("x"), False),
        (errors.WebhookSignatureError("x"), False),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_error_says_whether_its_cause_may_pass(error: AntonError, passes: bool) -> None:
    assert error.is_retryable is passes
    assert pickle.loads(pickle.dumps(error)).is_retryable is passes  # noqa: S301 - our own bytes


PROBLEMS: list[tuple[Any, dict[str, list[str]]]] = [
    (None, {}),
    ([], {}),
    ({"field": "a", "message": "b"}, {}),
    (["a", None, 7, [], {}], {}),
    ([{"field": "a"}, {"message": "b"}], {}),
    ([{"field": "a.b", "message": "x", "more": 1}], {"a.b": ["x"]}),
    (
        [{"field": "b", "message": "1"}, {"field": "a", "message": "2"}, {"field": "b", "message": "3"}],
        {"b": ["1", "3"], "a": ["2"]},
    ),
    ([{"field": None, "message": 5}], {"None": ["5"]}),
    ([{"field": "a\x1b[2J", "message": "b\r\n\u202e"}], {"a\\x1b[2J": ["b\\x0d\\x0a\\x202e"]}),
    ([{"field": "f" * 1000, "message": "m" * 1000}], {"f" * 100: ["m" * 200]}),
]


@pytest.mark.parametrize(("details", "found"), PROBLEMS)
@pytest.mark.fault("D07", "D10")
def test_what_the_api_found_wrong_is_told_by_field(details: Any, found: dict[str, list[str]]) -> None:
    error = api_error(422, "validation_error", details)

    assert error.field_errors == found
    assert error.field == next(iter(found), None)
    assert all(f"{field}: {texts[0]}" in str(error) for field, texts in found.items())
    assert str(error).isprintable()


def test_of_many_problems_five_are_told_and_all_are_kept() -> None:
    details = [{"field": f"f{number}", "message": "x"} for number in range(10_000)]

    error = api_error(422, "validation_error", details)

    assert str(error).count("; f") == 5
    assert len(error.field_errors) == 10_000


def test_a_code_is_typed_and_may_be_newer_than_the_sdk() -> None:
    known, newer = api_error(422, "insufficient_balance"), api_error(422, "made_tomorrow")

    assert_type(known.code, ErrorCode | str | None)
    assert known.code in get_args(ErrorCode)
    assert newer.code == "made_tomorrow"
    assert str(newer) == "422 made_tomorrow: no"


@pytest.mark.fault("I11")
async def test_an_error_tells_the_path_template_and_neither_ids_nor_query(
    make_client: ClientMaker, server: RawServer
) -> None:
    server.script(failure(404, "x"), LOST, answer(200, []), answer(302, headers={"Location": "https://x/?secret=1"}))

    async with make_client(max_retries=0) as anton:
        for _ in range(4):
            with pytest.raises(AntonError) as caught:
                await anton.accounts.list_transactions("QQQ", cursor="cur50r")
            assert "/v1/accounts/{currency}/transactions" in str(caught.value)
            assert not {"QQQ", "cur50r", "secret"} & set(re.findall(r"\w+", str(caught.value)))
