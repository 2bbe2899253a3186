"""How long a restore from a snapshot on chain keeps the demo fleet's largest canister down, at 200 ms of latency.

Usage: python -m tests.benchmarks.onchain_restore [ROUNDS]. The installed command against a local network in another
process; the downtime is the one that the outcome tells: from the stop request to the answer of start. Budget: 3 s.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.watch_numbers import COMMAND, localnet

LATENCY_MS = 200
BUDGET_SECONDS = 3.0


def run(config: Path, *arguments: str) -> Any:
    """The JSON that a command prints; its failure ends the benchmark."""
    done = subprocess.run([*COMMAND, "--config", str(config), *arguments, "--json"], capture_output=True, check=False)
    if done.returncode:
        sys.exit(done.stderr.decode())
    return json.loads(done.stdout)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with localnet("--latency", str(LATENCY_MS)) as config:
        fleet = run(config, "status", "--live")["canisters"]
        largest = max(fleet, key=lambda canister: canister["memory_bytes"])
        name = largest["name"]
        run(config, "backup", name)
        downtimes, walls = [], []
        for _ in range(rounds):
            started = time.perf_counter()
            outcome = run(config, "restore", name, "--from", "snapshot:latest", "--confirm", f"local/{name}")
            walls.append(time.perf_counter() - started)
            downtimes.append(outcome["result"]["downtime_seconds"])
    print(
        f"{name}, {largest['memory_bytes'] / 1e6:.0f} MB, restored from its snapshot at {LATENCY_MS} ms: down for "
        f"{statistics.median(downtimes):.2f} s (budget {BUDGET_SECONDS}), {statistics.median(walls):.1f} s in all"
    )


if __name__ == "__main__":
    main()
