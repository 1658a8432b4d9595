"""OpenAPI 3.0 read as 3.1."""

from __future__ import annotations

import pytest

from codegen.upgrade import upgrade
from tests.codegen.documents import Node


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": False}, {"type": "string"}),
        (
            {"type": "string", "nullable": True, "enum": ["a"]},
            {"type": ["string", "null"], "enum": ["a", None]},
        ),
        (
            {"$ref": "#/components/schemas/A", "nullable": True},
            {"anyOf": [{"$ref": "#/components/schemas/A"}, {"type": "null"}]},
        ),
        (
            {"allOf": [{"$ref": "#/components/schemas/A"}], "nullable": True, "description": "d"},
            {"anyOf": [{"allOf": [{"$ref": "#/components/schemas/A"}]}, {"type": "null"}], "description": "d"},
        ),
        (
            {"oneOf": [{"type": "string"}], "nullable": True},
            {"oneOf": [{"type": "string"}, {"type": "null"}]},
        ),
        ({"type": "integer", "minimum": 0, "exclusiveMinimum": True}, {"type": "integer", "exclusiveMinimum": 0}),
        ({"type": "integer", "maximum": 9, "exclusiveMaximum": False}, {"type": "integer", "maximum": 9}),
        ({"type": "integer", "exclusiveMaximum": 9}, {"type": "integer", "exclusiveMaximum": 9}),
        ({"type": "string", "example": "a"}, {"type": "string", "examples": ["a"]}),
        (
            {"type": "object", "properties": {"nullable": {"type": "boolean"}, "example": {"type": "string"}}},
            {"type": "object", "properties": {"nullable": {"type": "boolean"}, "example": {"type": "string"}}},
        ),
        (
            {"type": "object", "default": {"nullable": True}, "enum": [{"nullable": True, "type": "string"}]},
            {"type": "object", "default": {"nullable": True}, "enum": [{"nullable": True, "type": "string"}]},
        ),
    ],
)
def test_a_schema_of_3_0_becomes_one_of_3_1(before: Node, after: Node) -> None:
    upgraded = upgrade({"openapi": "3.0.3", "components": {"schemas": {"Thing": before}}})

    assert upgraded == {"openapi": "3.1.0", "components": {"schemas": {"Thing": after}}}


def test_what_is_no_schema_keeps_its_example() -> None:
    parameter = {"name": "limit", "in": "query", "schema": {"type": "integer"}, "example": 3}

    upgraded = upgrade({"openapi": "3.0.3", "paths": {"/things": {"get": {"parameters": [parameter]}}}})

    assert upgraded["paths"]["/things"]["get"]["parameters"] == [parameter]
