"""Where operations are put on the client, and what is said when they cannot be."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path

import pytest
import yaml

from anton_async import AntonClient, ApiKeyCredentials
from anton_async.resources import Resources
from codegen import names
from codegen.errors import CodegenError
from codegen.pipeline import compile_document
from codegen.places import CLIENT_NAMES
from codegen.render import TEMPLATES
from tests.codegen.documents import Node, document, operation, overlay, write


def placed(*places: tuple[str, str]) -> Node:
    """A document whose operations, called `op0` and so on, have these resources and methods."""
    return document(
        {
            f"/v1/things/{number}": {"get": operation(f"op{number}", mapped=resource, method=method)}
            for number, (resource, method) in enumerate(places)
        }
    )


REFUSALS: dict[str, tuple[Node, str]] = {
    "two operations for one method": (
        placed(("things", "retrieve"), ("things", "retrieve")),
        "op0 and op1 would both be `things.retrieve`. Give one of them another x-anton-method",
    ),
    "two resources for one module": (
        placed(("webhooks_events", "list"), ("webhooks.events", "list")),
        "`webhooks_events` and `webhooks.events` would share the module `webhooks_events`.*another x-anton-resource",
    ),
    "two resources for one class": (
        placed(("oauth_keys", "list"), ("o_auth_keys", "list")),
        "would share the module .* or the class `OAuthKeys`",
    ),
    "a resource whose class is the other form of another": (
        placed(("things", "list"), ("things_with_response", "list")),
        "`things_with_response` and `things` would share",
    ),
    "a resource whose class a generated module imports": (
        placed(("pager", "list")),
        "The resource `pager` and the SDK itself would share .* the class `Pager`",
    ),
    "a resource with a name of the generated modules": (
        placed(("operations", "list")),
        "op0: `operations` is a name the SDK uses itself. Choose another in the overlay",
    ),
    "a method with the name of the other form": (
        placed(("things", "with_response")),
        "op0: `with_response` is a name the SDK uses itself",
    ),
    "a method with the name of a type": (
        placed(("things", "str")),
        "op0: `str` is a name the SDK uses itself",
    ),
    "a method with the name of a nested resource": (
        placed(("things", "parts"), ("things.parts", "list")),
        "`things.parts` would be both a method of op0 and the resource below `things`. Rename one",
    ),
    "half a place": (
        document({"/v1/things": {"get": {**operation("getThing", mapped=None), "x-anton-resource": "things"}}}),
        "getThing: its place is half told. Give it x-anton-resource and x-anton-method",
    ),
    "a public place and an internal one": (
        document({"/v1/things": {"get": {**operation("getThing"), "x-anton-internal": "auth"}}}),
        "getThing: its place is half told",
    ),
    **{
        f"a resource called {name}": (placed((name, "list")), f"op0: `{name}` is a name the SDK uses itself")
        for name in sorted(CLIENT_NAMES)
    },
    **{
        f"the place {resource!r}, {method!r}": (
            placed((resource, method)),
            f"op0: `{re.escape(name)}` cannot be the name of a resource or method. Write it in the overlay in small",
        )
        for name in (
            "_things",
            "things_",
            "two__words",
            "Things",
            "fxQuotes",
            "class",
            "2fa",
            "fx-quotes",
            "größe",
            "a b",
        )
        for resource, method in ((name, "list"), ("things", name), (f"things.{name}", "list"))
    },
}


@pytest.mark.parametrize(("root", "sentence"), REFUSALS.values(), ids=REFUSALS)
def test_a_place_is_refused(root: Node, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(CodegenError, match=sentence):
        compile_document(write(tmp_path, root), None)


def test_the_names_of_the_client_are_those_that_are_refused() -> None:
    client = AntonClient(ApiKeyCredentials("ak_test_00000000000000000000"))
    public = {name for name in dir(client) if not name.startswith("_")}
    resources = {name for name, value in vars(Resources).items() if isinstance(value, cached_property)}

    assert {*(public - resources), "with_response"} == CLIENT_NAMES


def test_the_names_of_the_generated_modules_are_those_that_are_refused() -> None:
    templates = ("resource.py.jinja2", "resources.py.jinja2", "operations.py.jinja2")
    text = "".join((TEMPLATES / template).read_text(encoding="utf-8") for template in templates)
    lines: list[str] = re.findall(r"^(?:from \S+ )?import ([\w, ]+)$", text, re.MULTILINE)
    imported = {name for line in lines for name in line.split(", ")}

    assert imported - {"annotations"} == names.MODULE_NAMES


PATHS: Node = {
    "/v1/things": {"get": operation("listThings", mapped=None), "post": operation("createThing", mapped=None)},
    "/v1/things/it's/parts": {"get": operation("listParts", mapped=None)},
    "/v1/settings": {"get": operation("getSettings", mapped=None)},
    "/": {"get": operation("getRoot", mapped=None)},
    "/v1/others": {"get": operation("listOthers", mapped="others", method="list")},
}


def test_all_operations_without_a_place_are_named_at_once_in_yaml_that_gives_them_one(tmp_path: Path) -> None:
    spec = write(tmp_path, document(PATHS))

    with pytest.raises(CodegenError, match=r"^5 operations are not mapped. Paste this below `actions:`") as caught:
        compile_document(spec, None)

    pasted = [line for line in str(caught.value).splitlines() if line.startswith("  ")]
    actions = yaml.safe_load("\n".join(pasted))
    assert "  - target: $.paths['/v1/things'].get" in pasted
    files = compile_document(spec, write(tmp_path, overlay(*actions), "overlay.yaml"))
    assert 'name="things.list"' in files["resources/operations.py"]
    assert 'name="things.create"' in files["resources/operations.py"]
    assert 'name="things.list_parts"' in files["resources/operations.py"]


def test_the_suggestion_says_what_else_can_be_done(tmp_path: Path) -> None:
    root = document({"/v1/things": {"get": operation("listThings", mapped=None)}})

    with pytest.raises(CodegenError, match=r"1 operation is not mapped(?s:.*)`remove: true`.*`x-anton-internal: auth`"):
        compile_document(write(tmp_path, root), None)
