"""The numbers of the repository, one after the other on this machine.

Usage: python -m tests.benchmarks.repository
"""

from tests.benchmarks.in_turn import run_in_turn

BENCHMARKS = (
    "backup_against_icp",
    "repository_numbers",
    "listing",
)

if __name__ == "__main__":
    run_in_turn(BENCHMARKS)
