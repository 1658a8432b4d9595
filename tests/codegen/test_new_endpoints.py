"""A document nobody has seen before becomes working methods, by YAML alone."""

from __future__ import annotations

import datetime as dt
import importlib
import inspect
import sys
import typing
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from anton_async.money import amount
from anton_async.operation import Operation, PathParameter
from anton_async.response import ApiResponse
from anton_async.transport import Transport
from codegen.__main__ import main
from tests.codegen.documents import Node

HERE = Path(__file__).parent


class Recorder:
    """Stands in for the transport: keeps what methods hand over, and answers with an empty page."""

    def __init__(self) -> None:
        self.operation: Operation[Any] | None = None
        self.given: dict[str, object] = {}

    def prepare(self, operation: Operation[Any], options: object, **given: object) -> None:
        self.operation, self.given = operation, {"options": options, **given}

    async def send(self, call: None) -> ApiResponse[object]:
        del call
        return ApiResponse(
            data=SimpleNamespace(data=[], has_more=False, next_cursor=None),
            status=200,
            headers={},
            request_id=None,
            idempotency_key=None,
            idempotent_replayed=False,
            attempts=1,
            body=b"",
        )


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The generated package `resources` of things.yaml."""
    directory = tmp_path_factory.mktemp("compiled")
    spec, overlay, out = HERE / "things.yaml", HERE / "things_overlay.yaml", directory / "things_api"
    assert main(["--spec", str(spec), "--overlay", str(overlay), "--out", str(out)]) == 0
    sys.path.insert(0, str(directory))
    yield importlib.import_module("things_api.resources")
    sys.path.remove(str(directory))
    for name in [name for name in sys.modules if name.startswith("things_api")]:
        del sys.modules[name]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def things(resources: ModuleType, recorder: Recorder) -> Any:
    return resources.Resources(cast("Transport", recorder)).things


def table(resources: ModuleType) -> dict[str, Operation[Any]]:
    return cast("dict[str, Operation[Any]]", importlib.import_module(f"{resources.__name__}.operations").OPERATIONS)


def model(resources: ModuleType, name: str) -> Any:
    return getattr(importlib.import_module(resources.__name__.replace("resources", "models")), name)


async def test_a_method_hands_its_arguments_over_by_their_names_on_the_wire(things: Any, recorder: Recorder) -> None:
    await things.create(price="1.50", class_="a", patience=3, idempotency_key="k", max_retries=0)

    assert recorder.operation is not None
    assert recorder.operation.name == "things.create"
    assert recorder.given["options"] == {"idempotency_key": "k", "max_retries": 0}
    given = cast("dict[str, object]", recorder.given["body"])
    assert {key: value for key, value in given.items() if value is not None} == {
        "price": "1.50",
        "class": "a",
        "timeout": 3,
        "note": msgspec.UNSET,
    }


async def test_ids_and_query_parameters_are_handed_over(things: Any, recorder: Recorder) -> None:
    page = await things.list(limit=2, state=["new"])
    assert page.data == []
    assert recorder.given["query"] == {"limit": 2, "state": ["new"]}

    await things.screws.list("thi_a", "p1")
    assert recorder.given["path"] == ("thi_a", "p1")


def test_signatures_put_ids_first_and_everything_else_by_name(things: Any) -> None:
    assert str(inspect.signature(things.screws.list)).startswith("(id: 'str', part_id: 'str', /, **options")
    parameters = inspect.signature(things.create).parameters
    assert [*parameters][:3] == ["price", "class_", "patience"]
    kinds = {parameter.kind for name, parameter in parameters.items() if name != "options"}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}


def test_annotations_are_closed_sets_exact_money_and_aware_times(things: Any) -> None:
    hints = {name: parameter.annotation for name, parameter in inspect.signature(things.create).parameters.items()}

    assert hints["price"] == "MoneyInput"
    assert hints["class_"] == "ThingClass"
    assert hints["note"] == "str | None | UnsetType"
    assert hints["day"] == "date | None"
    assert hints["made_at"] == "datetime | None"
    assert hints["size"] == "SizeInput | Mapping[str, object] | None"
    assert hints["tags"] == "Mapping[str, str] | None"


def test_every_shape_of_answer_is_told_apart(resources: ModuleType) -> None:
    shapes = {name: operation.shape for name, operation in table(resources).items()}

    assert shapes == {
        "listThings": "page",
        "createThing": "object",
        "getThing": "object",
        "deleteThing": "none",
        "listPartScrews": "list",
        "createToken": "object",
    }


def test_the_table_says_what_the_overlay_decided(resources: ModuleType) -> None:
    operations = table(resources)

    assert operations["getThing"].earlier_path == "/v0/things/{id}"
    thing = PathParameter("id", "thi_[a-z]+", words="text that matches thi_[a-z]+", argument="id")
    any_id = {"pattern": "[A-Za-z0-9_-]+", "words": "text of letters, digits, _ and -"}
    assert operations["getThing"].path_parameters == (thing,)
    assert operations["deleteThing"].path_parameters == (thing,)
    assert operations["listPartScrews"].path_parameters == (
        PathParameter("id", argument="id", **any_id),
        PathParameter("partID", argument="part_id", **any_id),
    )
    assert operations["createThing"].errors == ((409, ("thing_exists",)),)
    assert operations["createToken"].name == "auth.create_token"
    assert operations["createToken"].sensitive == ("secret",)
    assert not operations["createToken"].authenticated
    assert {name: operation.retry for name, operation in operations.items()} == {
        "listThings": "safe",
        "createThing": "keyed",
        "getThing": "safe",
        "deleteThing": "keyed",
        "listPartScrews": "safe",
        "createToken": "never",
    }
    keyed = [name for name, operation in operations.items() if operation.idempotency_key]
    assert keyed == ["createThing", "deleteThing"]


def test_what_the_sdk_calls_itself_gets_no_public_method(resources: ModuleType, recorder: Recorder) -> None:
    bound: Any = resources.Resources(cast("Transport", recorder))

    assert [name for name in dir(bound) if not name.startswith("_")] == ["things"]


def test_the_answer_to_a_creation_is_the_object_and_more(resources: ModuleType) -> None:
    assert issubclass(model(resources, "CreatedThing"), model(resources, "Thing"))
    assert table(resources)["createThing"].response is model(resources, "CreatedThing")


def test_answers_are_open_and_ignore_what_they_do_not_know(resources: ModuleType) -> None:
    text = (
        b'{"id":"1","state":"odd","class":"z","price":"0.10","size":{"width":0},"new":1,'
        b'"made_at":"2026-04-15T14:30:00.123456789Z"}'
    )

    thing = msgspec.json.decode(text, type=model(resources, "Thing"))

    assert (thing.state, thing.class_, thing.price, thing.size.width) == ("odd", "z", Decimal("0.10"), 0)
    assert thing.made_at == dt.datetime(2026, 4, 15, 14, 30, 0, 123457, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"class": "c"}, "Invalid enum value"),
        ({"timeout": 0}, "Expected `int` >= 1"),
        ({"note": "123456"}, "Expected `str` of length <= 5"),
        ({"made_at": "2026-04-15T14:30:00"}, "timezone"),
        ({"size": {"width": 0}}, "Expected `int` >= 1"),
        ({"size": {"width": 1, "depth": 1}}, "unknown field `depth`"),
        ({"colour": "red"}, "unknown field `colour`"),
    ],
)
def test_requests_are_closed_and_bounded(resources: ModuleType, change: Node, problem: str) -> None:
    fields = {"price": Decimal(1), "class": "a", **change}

    with pytest.raises(msgspec.ValidationError, match=problem):
        msgspec.convert(fields, model(resources, "ThingCreateRequest"), dec_hook=lambda _, value: amount(value))


def test_null_can_be_sent_where_the_document_allows_it(resources: ModuleType) -> None:
    fields = {"price": Decimal(1), "class": "a", "note": None}

    request = msgspec.convert(fields, model(resources, "ThingCreateRequest"), dec_hook=lambda _, value: amount(value))

    assert (request.note, request.timeout) == (None, msgspec.UNSET)


def test_a_waiting_helper_knows_the_terminal_states(things: Any, resources: ModuleType) -> None:
    assert str(inspect.signature(things.wait)) == "(id: 'str', /, *, timeout: 'float' = 300.0) -> 'Thing'"
    assert model(resources, "STATE_TERMINAL") == frozenset({"done"})


def test_with_response_mirrors_the_methods_and_the_nested_resources(things: Any) -> None:
    whole = things.with_response

    assert {*vars(whole)} == {"list", "create", "retrieve", "delete", "screws"}
    assert [*vars(whole.screws)] == ["list"]


def test_annotations_can_be_evaluated(things: Any) -> None:
    for method in (things.list, things.create, things.retrieve, things.wait, things.delete, things.screws.list):
        assert "return" in typing.get_type_hints(method)
