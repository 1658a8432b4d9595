"""Downloads that are awaited: the whole file, its name, and errors."""

# ruff: noqa: ASYNC240 - small files of a test's own

from __future__ import annotations

from pathlib import Path

import pytest

from anton_async import AntonClient, NotFoundError, ResponseLostError
from tests.conftest import ClientMaker
from tests.download.files import CONTENT, NAMED, file
from tests.support.raw_server import RawServer, failure


async def test_awaiting_gives_the_whole_file(anton: AntonClient, server: RawServer) -> None:
    server.script(NAMED)

    found = await anton.batches.download_template(format="csv")

    assert (found.content, found.media_type, found.file_name) == (CONTENT, "text/csv", "template.csv")
    assert server.requests[0].target == "/v1/batches/template?format=csv"
    assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_the_whole_response_has_the_file_as_its_data(anton: AntonClient, server: RawServer) -> None:
    server.script(file(headers="X-Request-ID: r1\r\n"))

    response = await anton.batches.with_response.download_template()

    assert (response.data.content, response.data.file_name, response.request_id) == (CONTENT, None, "r1")


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\temp\\\\x.csv"', "x.csv"),
        ("attachment; filename*=UTF-8''M%C3%A4rz.csv", "März.csv"),
        ('attachment; filename=".."', None),
        ('attachment; filename="a\u202e.csv"', None),
        ("attachment; filename=", None),
        ("=;=", None),
    ],
)
async def test_a_file_name_never_leads_out_of_a_folder(
    anton: AntonClient, server: RawServer, header: str, name: str | None
) -> None:
    server.script(file(headers=f"Content-Disposition: {header}\r\n"))

    assert (await anton.batches.download_template()).file_name == name


async def test_an_error_answer_is_an_api_error_in_every_use(
    anton: AntonClient, server: RawServer, target: Path
) -> None:
    server.script(*[failure(404, "template_not_found")] * 4)

    with pytest.raises(NotFoundError, match="template_not_found"):
        await anton.batches.download_template()
    with pytest.raises(NotFoundError):
        await anton.batches.with_response.download_template()
    with pytest.raises(NotFoundError):
        await anton.batches.download_template().save(target)
    with pytest.raises(NotFoundError):
        async with anton.batches.download_template():
            pytest.fail("there is no stream")

    assert not target.exists()


async def test_what_is_larger_than_an_answer_may_be_is_saved_and_streamed_but_not_awaited(
    make_client: ClientMaker, server: RawServer, target: Path
) -> None:
    server.script(NAMED, NAMED, NAMED)

    async with make_client(max_retries=0, max_response_bytes=1000) as anton:
        await anton.batches.download_template().save(target)
        async with anton.batches.download_template() as stream:
            streamed = b"".join([chunk async for chunk in stream])
        with pytest.raises(ResponseLostError, match="max_response_bytes"):
            await anton.batches.download_template()

    assert (target.read_bytes(), streamed) == (CONTENT, CONTENT)
