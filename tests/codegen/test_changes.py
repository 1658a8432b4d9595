"""`python -m codegen diff`: what changed for a user, and whether it breaks."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codegen.__main__ import main
from codegen.changes import compare_documents
from codegen.pipeline import PACKAGE
from tests.codegen.documents import TEXT, Node, answer, body, document, operation, overlay, write
from tests.codegen.editions import KEY, add, argument, base, create, event, field, listing, move, ref, request, schema

OPENAPI = PACKAGE.parent / "openapi"
Case = tuple[Callable[[Node], Any], str]
GET = {"type": "string", "pattern": "^thi_[a-z]+$"}

BREAKING: dict[str, Case] = {
    "a method is gone": (
        lambda root: root["paths"].pop("/v1/things/{id}"),
        "things.retrieve: the method is gone (GET /v1/things/{id})",
    ),
    "a method is called differently": (
        lambda root: create(root).update({"x-anton-method": "make"}),
        "things.create: it is called `things.make` now",
    ),
    "a path is another": (
        lambda root: move(root, "/v1/things/{id}", "/v1/thing/{id}"),
        "things.retrieve: it calls GET /v1/thing/{id} now, not GET /v1/things/{id}",
    ),
    "an HTTP method is another": (
        lambda root: add(root, "/v1/things", "put", root["paths"]["/v1/things"].pop("post")),
        "things.create: it calls PUT /v1/things now, not POST /v1/things",
    ),
    "an argument is gone": (
        lambda root: request(root)["properties"].pop("reference"),
        "things.create: the argument `reference` is gone",
    ),
    "a query argument is gone": (
        lambda root: listing(root)["parameters"].pop(),
        "things.list: the argument `color` is gone",
    ),
    "an argument has another name in Python": (
        lambda root: argument(root, "reference").update({"x-anton-name": "memo"}),
        "things.create: the argument `reference` is called `memo` now",
    ),
    "an argument is added and required": (
        lambda root: (request(root)["properties"].update(why=TEXT), request(root)["required"].append("why")),
        "things.create: a new required argument `why`",
    ),
    "an argument becomes required": (
        lambda root: request(root)["required"].append("reference"),
        "things.create: the argument `reference` is required now",
    ),
    "an argument has another type": (
        lambda root: argument(root, "reference").update(type="integer"),
        "things.create: the argument `reference` takes a whole number now, not text",
    ),
    "an argument takes certain values only": (
        lambda root: argument(root, "reference").update(enum=["a", "b"]),
        "things.create: the argument `reference` takes one of `ThingReference` now, not text",
    ),
    "an argument may not be null any more": (
        lambda root: argument(root, "owner").update(type="string"),
        "things.create: the argument `owner` may not be null any more",
    ),
    "a minimum rises": (
        lambda root: argument(root, "price").update(minimum=2),
        "things.create: the argument `price` must be at least 2, not at least 1",
    ),
    "a text gets shorter": (
        lambda root: argument(root, "reference").update(maxLength=30),
        "things.create: the argument `reference` must be at most 30 characters, not at most 35 characters",
    ),
    "a bound is new": (
        lambda root: argument(root, "reference").update(minLength=2),
        "things.create: the argument `reference` must be at least 2 characters",
    ),
    "a pattern is another": (
        lambda root: argument(root, "currency").update(pattern="^[A-Z]{4}$"),
        (
            r"things.create: the argument `currency` must be text that matches `^[A-Z]{4}\Z`, "
            r"not text that matches `^[A-Z]{3}\Z`"
        ),
    ),
    "a value of a request is gone": (
        lambda root: argument(root, "kind")["enum"].remove("b"),
        "ThingKind: `b` is no value of it any more",
    ),
    "all values of a request but one are gone": (
        lambda root: argument(root, "kind").update(enum=["a"]),
        "things.create: the argument `kind` has other values: `b`, `c` are no value of it any more",
    ),
    "a set of values has another name": (
        lambda root: argument(root, "kind").update({"x-anton-type": "Kind"}),
        "things.create: the argument `kind` has the type `Kind` now, not `ThingKind`",
    ),
    "a field inside an argument is gone": (
        lambda root: schema(root, "Box")["properties"].pop("depth"),
        "Box: the field `depth` is gone",
    ),
    "a field inside an argument is added and required": (
        lambda root: (
            schema(root, "Box")["properties"].update(top=TEXT),
            schema(root, "Box")["required"].append("top"),
        ),
        "Box: a new required field `top`",
    ),
    "an id has another pattern": (
        lambda root: root["paths"]["/v1/things/{id}"]["get"]["parameters"][0].update(schema=GET),
        "things.retrieve: the id `id` must match `thi_[a-z]+` now, not `[A-Za-z0-9_-]+`",
    ),
    "a field of an answer is gone": (lambda root: field(root, "").pop("note"), "Thing: the field `note` is gone"),
    "a field of an answer has another type": (
        lambda root: field(root, "size").update(type="string"),
        "Thing: the field `size` is text now, not a whole number",
    ),
    "a field of an answer becomes optional": (
        lambda root: schema(root, "Thing")["required"].remove("state"),
        "Thing: the field `state` is optional now",
    ),
    "a field of an answer may be null": (
        lambda root: field(root, "").update(id={"type": ["string", "null"]}),
        "Thing: the field `id` may be null now",
    ),
    "a page becomes a list": (
        lambda root: listing(root)["responses"]["200"]["content"]["application/json"]["schema"]["properties"].pop(
            "has_more"
        ),
        "things.list: it answers a list now, not a page",
    ),
    "an answer is another object": (
        lambda root: create(root)["responses"].update(answer(ref("Box"), "201")),
        "things.create: its answer is `Box` now, not `Thing`",
    ),
    "an idempotency key is not taken any more": (
        lambda root: create(root)["parameters"].clear(),
        "things.create: it takes no idempotency key any more",
    ),
    "a condition is new": (
        lambda root: create(root).update({"x-anton-rules": [{"at_most_one": ["owner", "reference"]}]}),
        "things.create: a new condition: Give at most one of `owner`, `reference`.",
    ),
    "an event is gone": (lambda root: root["webhooks"].pop("thing.gone"), "thing.gone: the webhook event is gone"),
    "an operation cannot be compiled any more": (
        lambda root: create(root).update(requestBody=body(TEXT, "text/plain")),
        (
            "things.create: it cannot be compiled any more. createThing: a request body of type text/plain is not "
            "supported, only application/json and multipart/form-data. Describe it as one of these, or remove the "
            "operation in the overlay with `remove: true`."
        ),
    ),
}

OTHER: dict[str, Case] = {
    "a method is new": (
        lambda root: add(root, "/v1/others", "get", operation("getOther", method="other")),
        "things.other: a new method (GET /v1/others)",
    ),
    "an operationId is another": (
        lambda root: create(root).update(operationId="makeThing"),
        "things.create: its operationId is `makeThing` now, not `createThing`",
    ),
    "an argument is added and optional": (
        lambda root: request(root)["properties"].update(why=TEXT),
        "things.create: a new optional argument `why`",
    ),
    "an argument becomes optional": (
        lambda root: request(root)["required"].remove("price"),
        "things.create: the argument `price` is optional now",
    ),
    "an argument takes more types": (
        lambda root: argument(root, "reference").update(type=["string", "integer"]),
        "things.create: the argument `reference` takes text or a whole number now, not text",
    ),
    "an argument takes any text": (
        lambda root: argument(root, "kind").pop("enum"),
        "things.create: the argument `kind` takes text now, not one of `ThingKind`",
    ),
    "a field of an answer has fewer values": (
        lambda root: field(root, "").update(note={"type": "string", "enum": ["a", "b"]}),
        "Thing: the field `note` is one of `ThingNote` now, not text",
    ),
    "an argument may be null": (
        lambda root: argument(root, "reference").update(type=["string", "null"]),
        "things.create: the argument `reference` may be null now",
    ),
    "a maximum rises": (
        lambda root: argument(root, "price").update(maximum=10),
        "things.create: the argument `price` must be at most 10, not at most 9",
    ),
    "a bound is gone": (
        lambda root: argument(root, "reference").pop("maxLength"),
        "things.create: the argument `reference` need not be at most 35 characters any more",
    ),
    "a default is another": (
        lambda root: argument(root, "limit").update(default=5),
        "things.create: the argument `limit` is `5` when left out, not `3`",
    ),
    "a value of an answer is new": (
        lambda root: schema(root, "State")["enum"].append("lost"),
        "State: `lost` is a new value of it; answers may have it",
    ),
    "a value of an answer is gone": (
        lambda root: schema(root, "State")["enum"].remove("done"),
        "State: `done` is no value of it any more",
    ),
    "a value of a request is new": (
        lambda root: argument(root, "kind")["enum"].append("d"),
        "ThingKind: `d` is a new value of it",
    ),
    "a field of an answer is new": (lambda root: field(root, "").update(when=TEXT), "Thing: a new field `when`"),
    "a field of an answer is always there": (
        lambda root: schema(root, "Thing")["required"].append("note"),
        "Thing: the field `note` is required now",
    ),
    "an error code is new": (
        lambda root: create(root)["responses"]["409"]["x-error-codes"].append("thing_gone"),
        "things.create: it may answer 409 `thing_gone` now",
    ),
    "an error is gone": (
        lambda root: create(root)["responses"].pop("409"),
        "things.create: it answers 409 `thing_exists` no more",
    ),
    "an idempotency key is taken": (
        lambda root: listing(root)["parameters"].append(KEY),
        "things.list: it takes an idempotency key now",
    ),
    "an event is new": (
        lambda root: (
            root["webhooks"].update({"thing.seen": event("ThingSeen")}),
            root["components"]["schemas"].update(ThingSeen={"type": "object", "properties": {"type": TEXT}}),
        ),
        "thing.seen: a new webhook event",
    ),
    "an operation is deprecated": (
        lambda root: create(root).update(deprecated=True),
        "things.create: it is deprecated now",
    ),
}


def compared(directory: Path, change: Callable[[Node], Any]) -> tuple[list[str], bool]:
    """The printed lines, and whether something breaks."""
    after = copy.deepcopy(base())
    change(after)
    old, new = write(directory, base(), "old.yaml"), write(directory, after, "new.yaml")
    text, breaks = compare_documents(old, new, None)
    return text.splitlines(), breaks


@pytest.mark.parametrize(("change", "line"), BREAKING.values(), ids=BREAKING)
def test_a_breaking_change_is_told_first(change: Callable[[Node], Any], line: str, tmp_path: Path) -> None:
    lines, breaks = compared(tmp_path, change)

    assert lines[0].startswith("Breaking changes (")
    end = lines.index("") if "" in lines else len(lines)
    assert f"  {line}" in lines[1:end]
    assert breaks


@pytest.mark.parametrize(("change", "line"), OTHER.values(), ids=OTHER)
def test_a_change_that_breaks_nothing_is_told(change: Callable[[Node], Any], line: str, tmp_path: Path) -> None:
    lines, breaks = compared(tmp_path, change)

    assert lines == ["Other changes (1):", f"  {line}"] or f"  {line}" in lines
    assert lines[0].startswith("Other changes (")
    assert not breaks


def test_prose_changes_nothing_for_a_user(tmp_path: Path) -> None:
    lines, breaks = compared(tmp_path, lambda root: create(root).update(summary="other words", description="more"))

    assert (lines, breaks) == ([], False)


def test_a_change_of_a_shared_type_is_told_once(tmp_path: Path) -> None:
    lines, _ = compared(tmp_path, lambda root: field(root, "").pop("note"))

    assert len([line for line in lines if "note" in line]) == 1


@pytest.mark.parametrize("document", ["anton.yaml", "base"])
def test_a_document_compared_with_itself_is_silent(
    document: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = OPENAPI / document if document.endswith(".yaml") else write(tmp_path, base())

    assert main(["diff", str(path), str(path)]) == 0

    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_a_breaking_change_of_the_real_document_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (OPENAPI / "anton.yaml").read_text("utf-8").replace("/v1/payouts/{id}/cancel:", "/v1/payouts/{id}/abort:")
    new = tmp_path / "new.yaml"
    new.write_text(text, encoding="utf-8")

    status = main(["diff", str(OPENAPI / "anton.yaml"), str(new)])

    printed = capsys.readouterr().out
    assert status == 1
    assert "payouts.cancel: it calls POST /v1/payouts/{id}/abort now, not POST /v1/payouts/{id}/cancel" in printed
    assert "What of the overlay fits anton.yaml alone" in printed
    assert "($.paths['/v1/payouts/{id}/cancel'].post): the target matches nothing" in printed


def test_an_operation_without_a_place_comes_with_yaml_that_gives_it_one(tmp_path: Path) -> None:
    lines, breaks = compared(
        tmp_path, lambda root: add(root, "/v1/others", "get", operation("listOthers", mapped=None))
    )

    assert not breaks
    assert "  others.list: a new method (GET /v1/others)" in lines
    assert "  - target: $.paths['/v1/others'].get" in lines
    assert "      x-anton-resource: others" in lines


def test_an_overlay_that_fits_one_edition_in_part_is_applied_as_far_as_it_goes(tmp_path: Path) -> None:
    plain = document({"/v1/things": {"get": operation("getThing", mapped=None)}})
    moved = document({"/v2/things": {"get": operation("getThing", mapped=None)}})
    place = {"x-anton-resource": "things", "x-anton-method": "retrieve"}
    laid = overlay(
        {"target": "$.paths['/v1/things', '/v2/things'].get", "update": place},
        {"target": "$.components.schemas.Absent", "update": {"type": "string"}},
    )
    paths = [write(tmp_path, root, name) for root, name in ((plain, "a.yaml"), (moved, "b.yaml"), (laid, "o.yaml"))]

    text, breaks = compare_documents(*paths)

    assert breaks
    assert "things.retrieve: it calls GET /v2/things now, not GET /v1/things" in text
    assert "Absent" not in text
    assert "What of the overlay fits a.yaml alone (1):\n  o.yaml, action 1" in text


def test_documents_that_the_overlay_was_not_made_for_are_compared_by_tags_and_operation_ids(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    thing = {"get": {"operationId": "things/get", "responses": answer(ref("sub-thing"))}}
    old = {**document({"/v1/things/{id}": thing}, **{"sub-thing": {"properties": {"a": TEXT}}}), "openapi": "3.0.3"}
    new = {**document({"/v1/things/{id}": thing}, **{"sub-thing": {"properties": {"b": TEXT}}}), "openapi": "3.0.3"}

    status = main(["diff", str(write(tmp_path, old, "old.yaml")), str(write(tmp_path, new, "new.yaml"))])

    assert capsys.readouterr().out.splitlines() == [
        "Breaking changes (1):",
        "  SubThing: the field `a` is gone",
        "",
        "Other changes (1):",
        "  SubThing: a new field `b`",
    ]
    assert status == 1


@pytest.mark.parametrize("broken", ["", "[]", "openapi: 2.0.0", "openapi: [", "{openapi: 3.1.0, paths: [a]}", None])
def test_a_file_that_cannot_be_compared_exits_with_2(
    broken: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = write(tmp_path, base(), "good.yaml"), tmp_path / "bad.yaml"
    if broken is not None:
        bad.write_text(broken, encoding="utf-8")

    status = main(["diff", str(good), str(bad)])

    printed = capsys.readouterr()
    assert (status, printed.out) == (2, "")
    assert printed.err.startswith("codegen: ")


@pytest.mark.parametrize(("terminal", "hint"), [(["done"], True), (["done", "held"], False), ([], False)])
def test_of_a_new_state_it_is_asked_whether_anything_leaves_it(tmp_path: Path, terminal: list[str], hint: bool) -> None:
    def edition(name: str, *values: str) -> Path:
        state: Node = {
            "type": "string",
            "enum": [*values],
            "x-anton-terminal": [one for one in terminal if one in values],
        }
        thing: Node = {"type": "object", "properties": {"state": {"$ref": "#/components/schemas/State"}}}
        root = document({"/v1/things": {"get": operation("getThing")}}, Thing=thing, State=state)
        return write(tmp_path, root, name)

    text, _ = compare_documents(
        edition("a.yaml", "done"), edition("b.yaml", "done", "held"), write(tmp_path, overlay(), "o.yaml")
    )

    assert "`held` is a new value of it; answers may have it" in text
    assert ("if nothing comes after it, add it to x-anton-terminal" in text) == hint
