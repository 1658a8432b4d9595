"""Without FastAPI the package works, and the module says what to install."""

from __future__ import annotations

import subprocess
import sys

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
