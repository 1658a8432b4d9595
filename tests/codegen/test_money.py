"""Money in a new document: a float would not hold every amount, so that none comes out of the compiler unnoticed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from codegen.errors import CodegenError
from codegen.pipeline import compile_document, compile_foreign
from tests.codegen.documents import TEXT, Node, answer, body, document, operation, overlay, parameter, write

NUMBER: Node = {"type": "number"}
EXACT: Node = {"type": "string", "format": "decimal"}


def thing(**properties: Node) -> Node:
    schema: Node = {"type": "object", "required": ["id", *properties], "properties": {"id": TEXT, **properties}}
    return document({"/v1/things": {"get": operation("getThing")}}, Thing=schema)


def paying(**properties: Node) -> Node:
    schema: Node = {"type": "object", "required": [*properties], "properties": properties}
    return document({"/v1/things": {"post": operation("createThing", requestBody=body(schema))}})


@pytest.mark.parametrize("name", ["amount", "source_amount", "totalFees", "closing-balance", "unit_price", "VAT_tax"])
def test_money_as_a_number_is_refused_with_the_line_that_mends_it(tmp_path: Path, name: str) -> None:
    spec = write(tmp_path, thing(**{name: NUMBER}))

    with pytest.raises(CodegenError, match="an amount with `type: number` becomes a float") as caught:
        compile_document(spec, None)

    sentence, place, _, *action = str(caught.value).splitlines()
    assert "format: double" in sentence
    assert place.endswith(f"#/components/schemas/Thing/properties/{name}")
    mended = write(tmp_path, overlay(*yaml.safe_load("\n".join(action))), "overlay.yaml")
    assert ": Decimal" in compile_document(spec, mended)["models/responses.py"]


def test_money_in_a_request_is_refused_as_well(tmp_path: Path) -> None:
    spec = write(tmp_path, paying(money={"type": "object", "properties": {"value": NUMBER}}))

    with pytest.raises(CodegenError, match="value: an amount with `type: number`") as caught:
        compile_document(spec, None)

    action = str(caught.value).partition("in the overlay:")[2]
    mended = write(tmp_path, overlay(*yaml.safe_load(action)), "overlay.yaml")
    assert "value: Amount" in compile_document(spec, mended)["models/requests.py"]


def test_money_in_a_parameter_is_refused_without_a_line_since_that_is_no_schema_alone(tmp_path: Path) -> None:
    spec = write(
        tmp_path,
        document({"/v1/things": {"get": operation("getThing", parameters=[parameter("min_amount", schema=NUMBER)])}}),
    )

    with pytest.raises(CodegenError, match="min_amount: an amount with `type: number`") as caught:
        compile_document(spec, None)

    assert "target:" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "schema", "type_"),
    [
        ("amount", {"type": "number", "format": "double"}, "float"),
        ("amount", {"type": "number", "format": "decimal"}, "Decimal"),
        ("amount", {"type": "integer"}, "int"),
        ("pass_rate", NUMBER, "float"),
        ("value", NUMBER, "float"),
    ],
)
def test_what_says_that_it_is_none_or_how_it_is_written_is_taken(
    tmp_path: Path, name: str, schema: Node, type_: str
) -> None:
    files = compile_document(write(tmp_path, thing(**{name: schema})), None)

    assert f"{name}: {type_}" in files["models/responses.py"]


def test_a_foreign_document_is_compiled_and_its_floats_are_named(tmp_path: Path) -> None:
    page = document(
        {
            "/v1/things": {
                "get": {"operationId": "getThing", "responses": answer({"$ref": "#/components/schemas/Thing"})}
            }
        },
        Thing={"type": "object", "properties": {"id": TEXT, "fee": NUMBER}},
    )

    files, left_out = compile_foreign(write(tmp_path, page))

    assert "fee: float" in files["models/responses.py"]
    assert left_out == ["Thing.fee: an amount with `type: number` becomes a float, which cannot hold every amount"]
