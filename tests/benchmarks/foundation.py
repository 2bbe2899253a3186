"""The numbers of the foundation, one after the other on this machine.

Usage: python -m tests.benchmarks.foundation
"""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = (
    "tests.benchmarks.demo_start",
    "tests.benchmarks.certificate_check",
    "tests.benchmarks.query_latency",
    "tests.benchmarks.slice_reply",
)


def main() -> None:
    for benchmark in BENCHMARKS:
        print(f"== {benchmark}", flush=True)
        subprocess.run([sys.executable, "-m", benchmark], check=True)


if __name__ == "__main__":
    main()
