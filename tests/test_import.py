"""Importing the package is cheap: what a name needs is imported when the name is asked for."""

from __future__ import annotations

import subprocess
import sys

import anton_async


def test_importing_the_package_imports_no_dependency() -> None:
    program = "import sys, anton_async; print(sorted({'aiohttp', 'msgspec', 'joserfc', 'tenacity'} & set(sys.modules)))"

    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert found.stdout == "[]\n"


def test_importing_the_client_does_not_import_the_cryptography() -> None:
    program = "import sys; from anton_async import AntonClient; print({'cryptography', 'joserfc'} & set(sys.modules))"

    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert found.stdout == "set()\n"


def test_what_is_ready_imports_nothing_on_first_use() -> None:
    program = """
import sys
from anton_async import AntonClient, ApiKeyCredentials
from anton_async.readiness import get_ready
get_ready()
import anton_async.settlement, anton_async.batch_run
before = set(sys.modules)
anton = AntonClient(ApiKeyCredentials("ak_test_ready"))
anton.payouts, anton.batches, anton.balances, anton.webhooks, anton.reviews
print(sorted(name for name in set(sys.modules) - before if name.startswith("anton_async.resources")))
"""

    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert found.stdout == "[]\n"


def test_the_package_lists_its_names_before_they_are_imported() -> None:
    assert set(anton_async.__all__) <= set(dir(anton_async))


def test_a_name_that_is_none_of_ours_is_an_attribute_error() -> None:
    assert not hasattr(anton_async, "AntonKlient")
