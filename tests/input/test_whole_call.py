"""What is wrong with a whole call: all of it is told at once, in the names that the caller has typed."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest

from anton_async import AntonClient, ConfigurationError, RequestValidationError
from tests.support.examples import ORDER, changed
from tests.support.raw_server import RawServer


@pytest.mark.fault("H06")
async def test_every_wrong_argument_is_named_with_its_mend(anton: AntonClient, server: RawServer) -> None:
    wrong: dict[str, Any] = changed(
        ORDER,
        beneficiary_id="ins_1",
        dest_currency="usd",
        dest_amount=1.5,
        source_amount="1,000",
        metadata={"a": 1},
        refrence="INV-1",
    )

    with pytest.raises(RequestValidationError) as caught:
        await anton.payouts.create(**wrong, idempotency_key=" ", headers={"Host": "x"})

    assert caught.value.field_errors == {
        "refrence": ["is not a parameter of this call: did you mean reference?"],
        "beneficiary_id": ["must be an id that starts with ben_"],
        "source_amount": ['must be plain digits such as "1234.56", at most 12 before the point'],
        "dest_amount": ['must be a Decimal, an int or a decimal text such as "10.50", not float'],
        "dest_currency": ["must be 3 to 5 capital letters, such as 'EUR'"],
        "metadata[...]": ["must be of type str, not int"],
        "idempotency_key": ["must be 1 to 255 printable ASCII characters, without spaces at the ends"],
        "headers": ["the SDK sets host itself"],
    }
    assert caught.value.field == "refrence"
    assert [f"{caught.value}".count(f"{field}: ") for field in caught.value.field_errors] == [1] * 8
    assert vars(copy.deepcopy(caught.value)) == vars(caught.value)
    assert server.requests == []


@pytest.mark.fault("H06")
async def test_an_error_has_the_names_of_the_method_s_parameters(anton: AntonClient) -> None:
    with pytest.raises(RequestValidationError, match=r"^beneficiary_id: must be an id that starts with ben_") as path:
        await anton.instruments.list_for_beneficiary("ins_1")
    moment: Any = "yesterday"
    with pytest.raises(RequestValidationError) as body:
        await anton.reviews.export_csv(from_=moment, to=moment, status=moment)
    with pytest.raises(RequestValidationError) as both:
        await anton.instruments.create("x", method=moment, country="de")

    assert list(path.value.field_errors) == ["beneficiary_id"]
    assert list(body.value.field_errors) == ["from_", "to", "status"]
    assert list(both.value.field_errors) == ["beneficiary_id", "method", "country"]


@pytest.mark.fault("H06")
@pytest.mark.parametrize("file", [3, None, 1.5, ["x"], object(), io.StringIO("a"), {"name": "x.csv"}], ids=repr)
@pytest.mark.parametrize("file_name", [None, "x.csv"])
async def test_an_upload_of_what_is_no_file_blames_the_file(
    anton: AntonClient, file: Any, file_name: str | None
) -> None:
    with pytest.raises(RequestValidationError, match=r"^file: must be a path, bytes or a file opened in binary mode"):
        await anton.batches.upload(file=file, file_name=file_name)


@pytest.mark.fault("H06")
async def test_an_upload_is_checked_before_its_file_is_read(anton: AntonClient) -> None:
    wrong: Any = 7

    with pytest.raises(RequestValidationError) as caught:
        await anton.batches.upload(file="/no/such/file.csv", file_hash=wrong, idempotency_key=wrong)

    assert list(caught.value.field_errors) == ["file_hash", "idempotency_key"]


@pytest.mark.fault("H06")
async def test_a_wrong_setting_does_not_hide_wrong_arguments(anton: AntonClient) -> None:
    with pytest.raises(RequestValidationError, match=r"^id: must be an id that starts with pay_"):
        await anton.payouts.retrieve("x", timeout=-1)
    with pytest.raises(ConfigurationError, match="timeout"):
        await anton.payouts.retrieve("pay_1", timeout=-1)
