"""The numbers of the repository, one after the other on this machine.

Usage: python -m tests.benchmarks.repository
"""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = (
    "tests.benchmarks.backup_against_icp",
    "tests.benchmarks.repository_numbers",
    "tests.benchmarks.listing",
)


def main() -> None:
    for benchmark in BENCHMARKS:
        print(f"== {benchmark}", flush=True)
        subprocess.run([sys.executable, "-m", benchmark], check=True)


if __name__ == "__main__":
    main()
