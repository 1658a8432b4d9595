"""Answers that have moved on since this version: the models take what is new, and refuse what is no money."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal
from itertools import product
from typing import Any, cast

import msgspec
import pytest

from anton_async import AntonClient, ResponseDecodeError
from tests.conformance.calls import CALLABLE, differences, first_call
from tests.conformance.changes import NEW, NO_MONEY, VALUE, add, changed, decoded_at, is_enum, is_model, put
from tests.conformance.document import (
    ENDPOINTS,
    Answer,
    Path,
    Place,
    filled,
    is_money,
    is_nullable,
    places,
)
from tests.conformance.server import DocumentServer, Reply


def complete(answer: Answer) -> Answer:
    return replace(answer, example=filled(answer.schema, answer.example))


ANSWERS = [
    pytest.param(name, complete(answer), id=f"{name}-{answer.status}-{answer.name}")
    for name in CALLABLE
    for answer in ENDPOINTS[name].successes
    if answer.shape not in {"none", "file"}
]


def inside(answer: Answer) -> list[Place]:
    return list(places(answer.schema, answer.example))


def content(answer: Answer, result: Any) -> Any:
    """Return what was decoded: of a page, its items."""
    return result.data if answer.shape == "page" else result


def at(answer: Answer, result: Any, path: Path) -> Any:
    """Return what was decoded from the value at a path of the example, which may stand in an envelope."""
    enveloped = answer.enveloped or answer.shape in {"page", "list"}
    return decoded_at(content(answer, result), path[1:] if enveloped else path)


async def fetched(anton: AntonClient, api: DocumentServer, name: str, answer: Answer, body: object) -> Any:
    api.prepare(Reply.like(answer, body))
    return await first_call(name)(anton)


@pytest.mark.parametrize(("name", "answer"), ANSWERS)
async def test_everything_that_the_document_allows_is_read(
    anton: AntonClient, api: DocumentServer, name: str, answer: Answer
) -> None:
    result = await fetched(anton, api, name, answer, answer.example)

    schema, example = answer.content
    assert list(differences(schema, example, content(answer, result))) == []


@pytest.mark.fault("D04")
@pytest.mark.parametrize(("name", "answer"), ANSWERS)
async def test_a_field_that_is_new_is_passed_over(
    anton: AntonClient, api: DocumentServer, name: str, answer: Answer
) -> None:
    body = changed(answer.example, add(NEW), [place.path for place in inside(answer) if is_model(place)])

    usual = await fetched(anton, api, name, answer, answer.example)
    moved_on = await fetched(anton, api, name, answer, body)

    assert "added" in body
    assert msgspec.to_builtins(content(answer, moved_on)) == msgspec.to_builtins(content(answer, usual))


@pytest.mark.fault("D04")
@pytest.mark.parametrize(("name", "answer"), ANSWERS)
async def test_a_value_that_is_new_is_kept_as_text(
    anton: AntonClient, api: DocumentServer, name: str, answer: Answer
) -> None:
    paths = [place.path for place in inside(answer) if is_enum(place)]

    result = await fetched(anton, api, name, answer, changed(answer.example, put(VALUE), paths))

    assert {at(answer, result, path) for path in paths} <= {VALUE}


@pytest.mark.fault("D04")
@pytest.mark.parametrize(("name", "answer"), ANSWERS)
async def test_null_is_nothing_where_a_field_may_be_missing(
    anton: AntonClient, api: DocumentServer, name: str, answer: Answer
) -> None:
    envelope = 1 if answer.enveloped or answer.shape in {"page", "list"} else 0
    found = [place for place in inside(answer) if place.optional or is_nullable(place.flat)]
    paths = [place.path for place in found if len(place.path) > envelope]
    for depth in {len(path) for path in paths}:
        level = [path for path in paths if len(path) == depth]

        result = await fetched(anton, api, name, answer, changed(answer.example, put(None), level))

        assert {at(answer, result, path) for path in level} == {None}


def of_money(answer: Answer) -> list[Place]:
    """Return one place for each field that holds money, whichever item of a list shows it first."""
    found = {place.pointer: place for place in reversed(inside(answer)) if is_money(place.flat)}
    return list(found.values())


WITH_MONEY = [case for case in ANSWERS if of_money(cast("Answer", case.values[1]))]


@pytest.mark.fault("D04")
@pytest.mark.parametrize(
    ("name", "answer"), [case for case in ANSWERS if cast("Answer", case.values[1]).shape == "object"]
)
async def test_a_broken_envelope_is_no_empty_object(
    anton: AntonClient, api: DocumentServer, name: str, answer: Answer
) -> None:
    for broken in ([1], "text", 7, True, None):
        with pytest.raises(ResponseDecodeError):
            await fetched(anton, api, name, answer, {"data": broken})


@pytest.mark.fault("D04", "D05")
@pytest.mark.parametrize(("name", "answer"), WITH_MONEY)
async def test_what_is_no_money_is_refused_with_its_place(
    anton: AntonClient, api: DocumentServer, name: str, answer: Answer
) -> None:
    for place, wrong in product(of_money(answer), NO_MONEY):
        with pytest.raises(ResponseDecodeError, match=re.escape(place.ending)) as caught:
            await fetched(anton, api, name, answer, changed(answer.example, put(wrong), [place.path]))

        assert not isinstance(wrong, str) or not wrong or wrong not in str(caught.value)


@pytest.mark.fault("D05")
@pytest.mark.parametrize(("name", "answer"), WITH_MONEY)
async def test_money_as_a_number_is_exact(anton: AntonClient, api: DocumentServer, name: str, answer: Answer) -> None:
    paths = [place.path for place in of_money(answer)]
    body = json.dumps(changed(answer.example, put("@"), paths)).replace('"@"', "10.10")
    api.prepare(Reply(answer.status, body.encode(), answer.media_type))

    result = await first_call(name)(anton)

    found = [at(answer, result, path) for path in paths]
    assert [(type(money), str(money)) for money in found] == [(Decimal, "10.10")] * len(paths)
