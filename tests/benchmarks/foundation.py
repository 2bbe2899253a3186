"""The numbers of the foundation, one after the other on this machine.

Usage: python -m tests.benchmarks.foundation
"""

from tests.benchmarks.in_turn import run_in_turn

BENCHMARKS = (
    "demo_start",
    "certificate_check",
    "query_latency",
    "slice_reply",
)

if __name__ == "__main__":
    run_in_turn(BENCHMARKS)
