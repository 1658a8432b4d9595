"""How long it takes to import the package, beside what importing its four dependencies takes.

Run `python benchmarks/import_time.py`. Every case is a process of its own; the cases take turns, so that a busy machine
slows them all alike, and the medians are compared.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 15
CASES = {
    "the interpreter alone": "",
    "the four dependencies": "import aiohttp, msgspec, joserfc, tenacity",
    "their modules that are used": "import aiohttp, msgspec, joserfc.jwk, joserfc.jws, tenacity",
    "import anton_async": "import anton_async",
    "from anton_async import AntonClient": "from anton_async import AntonClient",
}
BASE = "the four dependencies"


def measure(statement: str) -> float:
    """Return the seconds one process takes to run `statement`."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - started


def main() -> None:
    """Print the medians and their ratios."""
    taken: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):
        for name, statement in CASES.items():
            taken[name].append(measure(statement))
    medians = {name: statistics.median(times) for name, times in taken.items()}
    for name, seconds in medians.items():
        print(f"{name:40} {seconds * 1000:6.0f} ms  {seconds / medians[BASE]:5.2f} x")


if __name__ == "__main__":
    main()
