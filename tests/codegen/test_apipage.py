"""`docs/api.md`: every method on one page."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from anton_async import AntonClient, ApiKeyCredentials
from anton_async.resources.operations import OPERATIONS
from codegen.__main__ import main
from codegen.apipage import API
from codegen.pipeline import PACKAGE, compile_document

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def page() -> str:
    """The page of things.yaml."""
    return compile_document(HERE / "things.yaml", HERE / "things_overlay.yaml")[API]


def test_every_public_operation_is_on_the_page_of_the_sdk() -> None:
    page = (PACKAGE / API).read_text("utf-8")

    public = [one for one in OPERATIONS.values() if not one.name.startswith("auth.")]
    missing = [
        one.name for one in public if f"anton.{one.name}(" not in page or f"`{one.method} {one.path}`" not in page
    ]

    assert missing == []
    assert "/oauth/token" not in page


def test_every_method_of_the_client_is_on_the_page_of_the_sdk_and_in_its_index() -> None:
    page = (PACKAGE / API).read_text("utf-8")
    client = AntonClient(ApiKeyCredentials("ak_test_" + "5" * 32), base_url="http://127.0.0.1:1")
    resources = {name.partition(".")[0] for name in (one.name for one in OPERATIONS.values())} - {"auth"}

    missing = [
        f"{resource}.{method}"
        for resource in sorted(resources)
        for method, _ in inspect.getmembers(getattr(client, resource), inspect.ismethod)
        if not method.startswith("_")
        and not (
            f"**`anton.{resource}.{method}(" in page
            and re.search(rf"^- \[{resource}\]\(.*`{method}`", page, re.MULTILINE)
        )
    ]

    assert missing == []
    assert "**`anton.batches.run(path, confirm=, ...)`** → `Batch`<br>\nUploads a file" in page
    assert "**`anton.payouts.settle(error, timeout=None)`** → `Payout`<br>\nFinds out" in page


def test_a_method_is_told_with_its_call_and_what_is_special_about_it(page: str) -> None:
    assert "**`anton.things.create(price=, class_=, ...)`** → `Thing`" not in page
    assert (
        "**`anton.things.create(price=, class_=, ...)`** → `CreatedThing`<br>\n`POST /v1/things`\n\n"
        'Make a "thing". Takes an idempotency key.\n'
    ) in page
    assert (
        "**`anton.things.list(...)`** → `Pager[Thing]`<br>\n`GET /v1/things`\n\n"
        "Pages: `await` it for the first one, `async for` reads all.\n"
    ) in page
    assert "**`anton.things.retrieve(id)`** → `Thing`<br>\n`GET /v1/things/{id}`\n" in page


def test_waiting_helpers_and_nested_resources_are_on_the_page(page: str) -> None:
    assert (
        "**`anton.things.wait(id, timeout=300.0)`** → `Thing`<br>\n"
        "Asks `retrieve` again until `state` is one of `STATE_TERMINAL`.\n"
    ) in page
    assert "\n## things.screws\n" in page
    assert "**`anton.things.screws.list(id, part_id)`**" in page
    assert "- [things.screws](#thingsscrews): `list`\n" in page


def test_the_page_belongs_to_the_package_and_is_not_written_elsewhere(tmp_path: Path) -> None:
    out = tmp_path / "anywhere"

    assert main(["--out", str(out)]) == 0

    assert not (tmp_path / "docs").exists()
    assert main(["--check", "--out", str(out)]) == 0
