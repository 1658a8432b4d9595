"""`python -m benchmarks [section ...]`: calls, width, memory, decode, stalls, imports, bulk; all of them by default."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

from benchmarks import imports
from benchmarks.responder import responding
from benchmarks.run import PEERS_PYTHON, ROOT, Subject, measure_in_turns, medians, ratio, table, verdict

PEERS = [
    Subject(f"{sdk}-{http}", "peers", 300, foreign=True)
    for sdk in ("stripe", "increase", "modern_treasury")
    for http in ("aiohttp", "default")
]
BARS = {
    "floor": 1.25,
    "stripe-aiohttp": 0.7,
    "increase-aiohttp": 0.35,
    "stripe-default": 0.12,
    "increase-default": 0.12,
}


def calls(url: str) -> None:
    """CPU per call, one at a time and many at once, and create's ratio to each subject."""
    for at_once in (1, 100):
        compare(url, at_once)


def compare(url: str, at_once: int) -> None:
    """CPU per call with `at_once` calls under way."""
    subjects = [Subject("floor", "floor", 1000), Subject("create", "anton", 1000), Subject("list", "anton", 300)]
    subjects += PEERS if PEERS_PYTHON.exists() else []
    subjects = [replace(subject, width=at_once) for subject in subjects]
    figures = measure_in_turns(subjects, url)
    rows: list[list[str]] = []
    for subject, rounds in zip(subjects, figures, strict=True):
        found, times = medians(rounds), ratio(figures[1], rounds)
        judged = verdict(times, BARS[subject.name]) if subject.name in BARS else f"{times:.2f}"
        rows.append([subject.name, f"{found['cpu']:.0f}", f"{found['rate']:.0f}", f"{found['peak']:.0f}", judged])
    table(
        f"Calls, {at_once} at once", ["", "CPU us a call", "calls a second", "peak MiB", "create is x times that"], rows
    )


def width(url: str) -> None:
    """CPU per call with 1 to 1,000 calls under way at once."""
    subjects = [Subject("create", "anton", 4000, width) for width in (10, 1, 100, 1000)]
    subjects += [Subject(name, module, 4000, 1000) for name, module in (("create-wide", "anton"), ("floor", "floor"))]
    subjects.append(Subject("floor", "floor", 4000, 10))
    figures = measure_in_turns(subjects, url)
    tens = {"create": figures[0], "create-wide": figures[0], "floor": figures[-1]}
    rows: list[list[str]] = []
    for subject, rounds in zip(subjects, figures, strict=True):
        times = ratio(rounds, tens[subject.name])
        judged = verdict(times, 1.2) if (subject.name, subject.width) == ("create", 1000) else f"{times:.2f}"
        rows.append([subject.name, str(subject.width), f"{medians(rounds)['cpu']:.0f}", judged])
    table("Calls at once", ["", "at once", "CPU us a call", "x times that of 10"], rows)


def memory(url: str) -> None:
    """What 10,000 calls leave behind."""
    found = medians(measure_in_turns([Subject("create", "anton", 10_000, 10)], url, rounds=1)[0])
    table("10,000 calls", ["grown by MiB", "peak MiB"], [[f"{found['grown']:.1f}", f"{found['peak']:.0f}"]])


def decode(url: str) -> None:
    """Reading a page of 100 payouts."""
    found = medians(measure_in_turns([Subject("decode", "decode", 1)], url)[0])
    bare = found["msgspec"]
    rows = [
        [name, f"{cpu:.0f}", verdict(cpu / bare, 1.1) if name == "anton" else f"{cpu / bare:.2f}"]
        for name, cpu in found.items()
    ]
    table("A page of 100 payouts", ["read by", "CPU us", "x times bare msgspec"], rows)


def stalls(url: str) -> None:
    """How long the event loop is held up."""
    found = medians(measure_in_turns([Subject("stalls", "stalls", 1)], url)[0])
    table("The event loop is held up, in ms", list(found), [[f"{value:.1f}" for value in found.values()]])


def main() -> None:
    """Run the sections that were asked for."""
    sections = {"calls": calls, "width": width, "memory": memory, "decode": decode, "stalls": stalls}
    wanted = sys.argv[1:] or [*sections, "imports", "bulk"]
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine}, load {os.getloadavg()[0]:.1f}")
    with responding() as url:
        for name in wanted:
            if name in sections:
                sections[name](url)
    if "imports" in wanted:
        imports.main()
    if "bulk" in wanted:
        print("\nRows of a payout job\n", flush=True)
        subprocess.run([sys.executable, "-m", "benchmarks.bulk_overhead"], check=True, cwd=ROOT)


if __name__ == "__main__":
    main()
