"""Running subjects, each in a process of its own and in turns, so that a busy machine slows them all alike."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PEERS_PYTHON = ROOT / ".cache" / "benchmarks" / "bin" / "python"
ROUNDS = 5

Figures = dict[str, float]


@dataclass(frozen=True)
class Subject:
    """A process to measure: `module` is run with the subject's name."""

    name: str
    module: str
    calls: int
    width: int = 1
    foreign: bool = False

    def run(self, url: str) -> Figures:
        """Return what one process of it printed."""
        command = [str(PEERS_PYTHON) if self.foreign else sys.executable, "-m", f"benchmarks.{self.module}", self.name]
        command += ["--url", url, "--calls", str(self.calls), "--width", str(self.width)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment())
        if done.returncode:
            raise RuntimeError(f"{self.name} failed:\n{done.stderr}")
        figures: Figures = json.loads(done.stdout)
        return figures


def environment() -> Mapping[str, str]:
    """Return the environment of subjects: byte code is kept, as it is where a package is installed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(ROOT / ".cache" / "benchmarks-bytecode")}


def measure_in_turns(subjects: Sequence[Subject], url: str, rounds: int = ROUNDS) -> list[list[Figures]]:
    """Return the figures of each subject, one set a round."""
    taken: list[list[Figures]] = [[] for _ in subjects]
    for number in range(rounds):
        for subject, figures in zip(subjects, taken, strict=True):
            if sys.stdout.isatty():
                print(
                    f"round {number + 1} of {rounds}: {subject.name} x {subject.width}".ljust(60), end="\r", flush=True
                )
            figures.append(subject.run(url))
    if sys.stdout.isatty():
        print(" " * 60, end="\r")
    return taken


def medians(figures: Sequence[Figures]) -> Figures:
    """Return the medians of all rounds."""
    return {name: statistics.median(one[name] for one in figures) for name in figures[0]}


def ratio(ours: Sequence[Figures], theirs: Sequence[Figures], name: str = "cpu") -> float:
    """Return the median over the rounds of how many times theirs ours is: what slows a whole round does not count."""
    return statistics.median(one[name] / other[name] for one, other in zip(ours, theirs, strict=True))


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows as a Markdown table."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    print(f"\n{title}\n")
    for row in [head, ["-" * width for width in widths], *rows]:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")


def verdict(value: float, bar: float) -> str:
    """Return a ratio with its bar."""
    return f"{value:.2f} (bar {bar:g}: {'met' if value <= bar else 'NOT met'})"
