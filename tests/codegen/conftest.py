"""One mark of our own, for the tests that ask a package registry."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "registry: fetches a pinned package from a registry, or is skipped")
