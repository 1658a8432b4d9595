"""Without its extras the package works, and the modules say what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"fastapi", "starlette", "pydantic"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NotInstalled())
import anton_async.integrations
from anton_async import AntonClient
from anton_async.webhooks import WebhookRouter
try:
    import anton_async.integrations.fastapi
except ImportError as error:
    print(error)
"""


def test_a_missing_extra_says_its_install_line() -> None:
    found = subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert found.stdout == 'anton_async.integrations.fastapi needs FastAPI: pip install "anton-async[fastapi]"\n'


NO_OPENTELEMETRY = """
import sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "opentelemetry":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NotInstalled())
from anton_async import AntonClient
import anton_async.integrations
try:
    import anton_async.integrations.opentelemetry
except ImportError as error:
    print(error)
"""
NOT_ASKED_FOR = """
import sys
from anton_async import AntonClient
import anton_async.resources.payouts, anton_async.bulk, anton_async.webhooks
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        (
            NO_OPENTELEMETRY,
            'anton_async.integrations.opentelemetry needs its API: pip install "anton-async[otel]"\n',
        ),
        (NOT_ASKED_FOR, "[]\n"),
    ],
)
def test_opentelemetry_is_imported_when_asked_for_only(program: str, printed: str) -> None:
    found = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)

    assert found.stdout == printed
