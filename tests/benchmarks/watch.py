"""The numbers of the watch, one after the other on this machine.

Usage: python -m tests.benchmarks.watch
"""

from tests.benchmarks.in_turn import run_in_turn

BENCHMARKS = (
    "watch_numbers",
    "history_numbers",
    "burn_estimators",
)

if __name__ == "__main__":
    run_in_turn(BENCHMARKS)
