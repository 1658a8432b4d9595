from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from anton_async import AntonClient, RequestValidationError
from anton_async._resource import Resource
from anton_async.models import Batch
from anton_async.operation import Rule
from anton_async.resources import operations
from anton_async.transport.rules import check_rules
from tests.support.examples import BATCH
from tests.support.raw_server import RawServer, answer

ADDRESS = {"street_line_1": "1 Main St", "city": "London", "postal_code": "N1", "country": "GB"}
PERSON = {
    "first_name": "Ada",
    "last_name": "Byron",
    "email": "ada@example.com",
    "phone": "+441",
    "date_of_birth": "1815-12-10",
    "nationality": "GB",
    "address": ADDRESS,
}
COMPANY = {
    "legal_name": "Engines Ltd",
    "registration_number": "1",
    "email": "a@example.com",
    "phone": "+441",
    "address": ADDRESS,
}


class Inner(msgspec.Struct):
    code: str | msgspec.UnsetType | None = msgspec.UNSET
    from_: str | msgspec.UnsetType = msgspec.field(name="from", default=msgspec.UNSET)
    labels: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


class Body(msgspec.Struct):
    kind: str = "a"
    urgent: bool | msgspec.UnsetType = msgspec.UNSET
    one: str | msgspec.UnsetType | None = msgspec.UNSET
    two: int | msgspec.UnsetType = msgspec.UNSET
    inner: Inner | msgspec.UnsetType = msgspec.UNSET


BOTH = ("one", "two")
NESTED = ("inner.code", "inner.from")

BROKEN = [
    (Rule(kind="require", fields=BOTH), Body(one="x"), "two", "is required"),
    (Rule(kind="require", fields=BOTH), Body(one=None, two=0), "one", "is required"),
    (Rule(kind="forbid", fields=BOTH), Body(two=0), "two", "must be left out"),
    (Rule(kind="exactly_one", fields=BOTH), Body(), "one, two", "give exactly one of these"),
    (Rule(kind="exactly_one", fields=BOTH), Body(one="", two=0), "one, two", "give exactly one of these"),
    (Rule(kind="at_least_one", fields=BOTH), Body(one=None), "one, two", "give at least one of these"),
    (Rule(kind="at_most_one", fields=BOTH), Body(one="x", two=1), "one, two", "give at most one of these"),
    (Rule(kind="require", fields=NESTED), Body(inner=Inner(code="x")), "inner.from", "is required"),
    (Rule(kind="require", fields=NESTED), Body(inner=Inner(from_="y")), "inner.code", "is required"),
    (
        Rule(kind="require", fields=("inner.labels.a",)),
        Body(inner=Inner(labels={"b": ""})),
        "inner.labels.a",
        "is required",
    ),
    (
        Rule(kind="require", fields=("one",), when=(("kind", ("a", "b")), ("two", "present"))),
        Body(two=1),
        "one",
        "is required when kind is a or b and two is present",
    ),
    (
        Rule(kind="forbid", fields=("one",), when=(("urgent", (True,)), ("inner.code", "absent"))),
        Body(one="x", urgent=True),
        "one",
        "must be left out when urgent is true and inner.code is absent",
    ),
]

KEPT = [
    (Rule(kind="require", fields=BOTH), Body(one="", two=0)),
    (Rule(kind="forbid", fields=BOTH), Body(one=None)),
    (Rule(kind="exactly_one", fields=BOTH), Body(two=0)),
    (Rule(kind="at_least_one", fields=BOTH), Body(one="", two=0)),
    (Rule(kind="at_most_one", fields=BOTH), Body()),
    (Rule(kind="require", fields=NESTED), Body(inner=Inner(code="x", from_="y"))),
    (Rule(kind="require", fields=("one",), when=(("kind", ("b",)),)), Body()),
    (Rule(kind="require", fields=("one",), when=(("kind", ("a",)), ("two", "present"))), Body()),
    (Rule(kind="require", fields=("one",), when=(("urgent", (True,)),)), Body(urgent=False)),
]


@pytest.mark.parametrize(("rule", "body", "field", "problem"), BROKEN)
def test_a_broken_rule_is_told_with_its_fields_and_its_condition(
    rule: Rule, body: Body, field: str, problem: str
) -> None:
    with pytest.raises(RequestValidationError) as caught:
        check_rules([rule], body)

    assert (caught.value.field, str(caught.value)) == (field, f"{field}: {problem}")


def test_all_broken_rules_are_told_at_once() -> None:
    rules = [Rule(kind="require", fields=NESTED), Rule(kind="forbid", fields=BOTH), Rule(kind="forbid", fields=NESTED)]

    with pytest.raises(RequestValidationError) as caught:
        check_rules(rules, Body(one="x", two=1))

    assert caught.value.field_errors == {
        "inner.code": ["is required"],
        "inner.from": ["is required"],
        "one": ["must be left out"],
        "two": ["must be left out"],
    }


@pytest.mark.parametrize(("rule", "body"), KEPT)
def test_a_kept_rule_says_nothing(rule: Rule, body: Body) -> None:
    check_rules([rule], body)


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({"type": "individual"}, "individual, business", "give exactly one of these"),
        ({"type": "individual", "individual": PERSON, "business": COMPANY}, "individual, business", "exactly one"),
        ({"type": "business", "individual": PERSON}, "business", "is required when type is business"),
    ],
)
async def test_a_beneficiary_is_a_person_or_a_company(
    anton: AntonClient, server: RawServer, fields: Any, field: str, problem: str
) -> None:
    with pytest.raises(RequestValidationError, match=problem) as caught:
        await anton.beneficiaries.create(country="GB", **fields)

    assert (caught.value.field, server.requests) == (field, [])
    assert "Ada" not in str(caught.value)


async def test_a_nested_field_is_named_by_its_path(anton: AntonClient, server: RawServer) -> None:
    credentials: Any = {"account_number": "12345678"}

    with pytest.raises(RequestValidationError) as caught:
        await anton.instruments.create("ben_1", method="uk_bank", country="GB", currency="GBP", credentials=credentials)

    assert (caught.value.field, server.requests) == ("credentials.sort_code", [])
    assert "is required when method is uk_bank" in str(caught.value)


class HashedUploads(Resource):
    """Uploads of a future document, in which the hash is a condition."""

    async def upload(self, **texts: object) -> Batch:
        rule = Rule(kind="require", fields=("file_hash",))
        operation = replace(operations.UPLOAD_BATCH, rules=(rule,))
        return await self._upload(operation, {}, file=b"x", file_name="x.csv", body=texts)


async def test_the_texts_of_a_form_keep_the_rules_too(anton: AntonClient, server: RawServer) -> None:
    server.script(answer(201, {"data": BATCH}))
    uploads = HashedUploads(anton.transport)

    with pytest.raises(RequestValidationError, match="file_hash: is required"):
        await uploads.upload(file_hash=None)
    await uploads.upload(file_hash="abc")

    assert len(server.requests) == 1
