"""What importing costs, in CPU time and memory: the SDK, the libraries it stands on, other SDKs."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

from benchmarks.run import PEERS_PYTHON, environment, table

ROUNDS = 11
BASE = "import aiohttp, msgspec, joserfc, tenacity"
OURS = {
    "pass": "the interpreter alone",
    BASE: "the four dependencies",
    "import aiohttp, msgspec, joserfc.jwk, joserfc.jws, tenacity": "the modules of them that are used",
    "import anton_async": "import anton_async",
    "from anton_async import AntonClient": "from anton_async import AntonClient",
}
OTHERS = {
    "import stripe": "import stripe",
    "import increase": "import increase",
    "import modern_treasury": "import modern_treasury",
}


def spend(python: str, statement: str) -> tuple[float, float]:
    """Return the milliseconds of CPU and the MiB that a process takes to run `statement`."""
    process = subprocess.Popen([python, "-c", statement], env=environment())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{statement} failed")
    return (usage.ru_utime + usage.ru_stime) * 1000, usage.ru_maxrss / 1024


def main() -> None:
    """Measure each statement in turns, and print the medians."""
    cases = [(sys.executable, statement, name) for statement, name in OURS.items()]
    if PEERS_PYTHON.exists():
        cases += [(str(PEERS_PYTHON), statement, name) for statement, name in OTHERS.items()]
    taken: dict[str, list[tuple[float, float]]] = {name: [] for _, _, name in cases}
    for number in range(ROUNDS + 1):
        for python, statement, name in cases:
            figures = spend(python, statement)
            if number:  # the first writes the byte code
                taken[name].append(figures)
    medians = {name: tuple(statistics.median(column) for column in zip(*taken[name], strict=True)) for name in taken}
    base = medians[OURS[BASE]]
    table(
        "Importing",
        ["", "CPU ms", "ratio", "peak MiB"],
        [[name, f"{cpu:.0f}", f"{cpu / base[0]:.2f}", f"{peak:.0f}"] for name, (cpu, peak) in medians.items()],
    )


if __name__ == "__main__":
    main()
