"""Importing the package is cheap: what a name needs is imported when the name is asked for."""

from __future__ import annotations

import subprocess
import sys

import anton_async


def test_importing_the_package_imports_no_dependency() -> None:
    program = "import sys, anton_async; print(sorted({'aiohttp', 'msgspec', 'joserfc', 'tenacity'} & set(sys.modules)))"

    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert found.stdout == "[]\n"


def test_the_package_lists_its_names_before_they_are_imported() -> None:
    assert set(anton_async.__all__) <= set(dir(anton_async))


def test_a_name_that_is_none_of_ours_is_an_attribute_error() -> None:
    assert not hasattr(anton_async, "AntonKlient")
