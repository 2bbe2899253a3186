"""All figures of restores: against the official client, on chain, plans, rehearsals."""

from __future__ import annotations

from tests.benchmarks.in_turn import run_in_turn

BENCHMARKS = ("restore_against_icp", "onchain_restore", "restore_plan_numbers", "rehearsal")

if __name__ == "__main__":
    run_in_turn(BENCHMARKS)
