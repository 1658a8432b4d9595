"""Webhook events, and the set of error codes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from codegen.__main__ import main
from codegen.errors import CodegenError
from codegen.pipeline import PACKAGE, compile_document
from tests.codegen.documents import TEXT, Node, body, document, operation, overlay, write

BASE: Node = {"type": "object", "required": ["id", "type"], "properties": {"id": TEXT, "type": TEXT}}


def noticing(**schemas: Node) -> Node:
    """A document whose events `thing.made`, `thing.gone` and so on have these schemas."""
    root = document({"/v1/things": {"get": operation("getThing")}}, Event=BASE, **schemas)
    root["webhooks"] = {
        re.sub(r"(?<=[a-z])(?=[A-Z])", ".", name).lower(): hook({"$ref": f"#/components/schemas/{name}"})
        for name in schemas
    }
    return root


def hook(schema: Node) -> Node:
    return {"post": {"requestBody": body(schema), "responses": {"200": {"description": "Taken."}}}}


def envelope(**properties: Node) -> Node:
    return {"type": "object", "required": ["id", "type"], "properties": {"id": TEXT, "type": TEXT, **properties}}


DERIVED: Node = {"allOf": [{"$ref": "#/components/schemas/Event"}, {"type": "object", "properties": {"note": TEXT}}]}

DECODE = """
import sys
import msgspec
sys.path.insert(0, sys.argv[1])
from things_api.models.events import EVENTS
for name, kind in EVENTS.items():
    event = msgspec.json.decode(msgspec.json.encode({"id": "e", "type": name, "new": 1}), type=kind)
    print(name, event.type)
    try:
        msgspec.json.decode(b'{"id": "e", "type": "other"}', type=kind)
    except msgspec.ValidationError:
        continue
    print("another type was taken")
"""


@pytest.mark.parametrize("schema", [envelope(), DERIVED], ids=["plain", "derived"])
def test_each_event_has_a_struct_of_its_own_whose_type_is_closed(schema: Node, tmp_path: Path) -> None:
    spec = write(tmp_path, noticing(ThingMade=schema, ThingGone=schema))
    laid = write(tmp_path, overlay(), "overlay.yaml")
    assert main(["--spec", str(spec), "--overlay", str(laid), "--out", str(tmp_path / "things_api")]) == 0

    used = subprocess.run(
        [sys.executable, "-c", DECODE, str(tmp_path)], cwd=PACKAGE.parent, capture_output=True, text=True, check=False
    )

    assert (used.stderr, used.stdout) == ("", "thing.made thing.made\nthing.gone thing.gone\n")
    source = (tmp_path / "things_api" / "models" / "events.py").read_text("utf-8")
    assert "KnownEvent: TypeAlias = ThingMade | ThingGone" in source


def test_a_document_without_events_has_no_module_for_them(tmp_path: Path) -> None:
    files = compile_document(write(tmp_path, document({"/v1/things": {"get": operation("getThing")}})), None)

    assert "models/events.py" not in files


def shared() -> Node:
    root = noticing(ThingMade=envelope())
    root["webhooks"]["thing.gone"] = root["webhooks"]["thing.made"]
    return root


def inline() -> Node:
    root = noticing(ThingMade=envelope())
    root["webhooks"]["thing.made"] = hook(envelope())
    return root


@pytest.mark.parametrize(
    ("root", "sentence"),
    [
        (inline(), r"The event `thing\.made` has no named schema. Give its `post` a JSON body"),
        (shared(), r"The events `thing\.made` and `thing\.gone` share the schema ThingMade"),
        (
            noticing(ThingMade={"type": "object", "properties": {"id": TEXT}}),
            r"ThingMade, the schema of the event `thing\.made`, has no field `type`",
        ),
    ],
)
def test_an_event_that_cannot_be_told_apart_is_refused(root: Node, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(CodegenError, match=sentence):
        compile_document(write(tmp_path, root), None)


def failing(*codes: str, **schemas: Node) -> Node:
    responses: Node = {
        "200": {
            "description": "",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
        },
        "409": {"description": "taken", "x-error-codes": list(codes)},
        "404": {"description": "absent", "x-error-codes": ["absent"]},
    }
    return document({"/v1/things": {"get": operation("getThing", responses=responses)}}, **schemas)


def test_all_documented_error_codes_are_one_sorted_set(tmp_path: Path) -> None:
    files = compile_document(write(tmp_path, failing("taken", "busy", "taken")), None)

    assert 'ErrorCode: TypeAlias = Literal["absent", "busy", "taken"]' in files["models/enums.py"]
    assert '"ErrorCode",' in files["models/__init__.py"]


def test_a_schema_called_error_code_is_refused(tmp_path: Path) -> None:
    root = failing("taken", ErrorCode={"type": "object", "properties": {"a": TEXT}})
    root["components"]["schemas"]["Thing"]["properties"]["code"] = {"$ref": "#/components/schemas/ErrorCode"}

    with pytest.raises(CodegenError, match="A schema is called `ErrorCode`, as the set of all error codes is"):
        compile_document(write(tmp_path, root), None)
