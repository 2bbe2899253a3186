"""Runs benchmarks one after the other, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence


def run_in_turn(benchmarks: Sequence[str]) -> None:
    """Run these modules of `tests.benchmarks`; the first that fails ends it."""
    for benchmark in benchmarks:
        print(f"== {benchmark}", flush=True)
        subprocess.run([sys.executable, "-m", f"tests.benchmarks.{benchmark}"], check=True)
