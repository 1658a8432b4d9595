"""The seventh step: every generated struct can be decoded.

msgspec finds out only when a Decoder is built that a type cannot be decoded, so each is built here, in a process of its
own: it must see the new modules, and must not need the package's old ones. That process runs this file as its script.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import msgspec


def find_failure(tree: Path, package: Path) -> str | None:
    """Build a Decoder of every struct below `tree`; return why the first that fails does.

    Args:
        tree: a directory with a generated `models` package.
        package: the directory of `anton_async`, for the hand-written modules that structs refer to.
    """
    command = [sys.executable, "-I", "-W", "error", __file__, str(tree), str(package)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return None
    return result.stdout.strip() or result.stderr.strip().splitlines()[-1]


def main(tree: Path, package: Path) -> int:
    """Print the first struct that cannot be decoded; return 1 if there is one."""
    # The package's own __init__ imports generated modules, which may be the broken ones.
    stand_in = ModuleType("anton_async")
    stand_in.__path__ = [str(package)]
    sys.modules["anton_async"] = stand_in
    sys.path.insert(0, str(tree.parent))
    for side in ("responses", "requests"):
        module = importlib.import_module(f"{tree.name}.models.{side}")
        for name, kind in vars(module).items():
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == module.__name__:
                try:
                    msgspec.json.Decoder(kind)
                except (TypeError, ValueError) as error:
                    sys.stdout.write(f"{name}: {error}\n")
                    return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
