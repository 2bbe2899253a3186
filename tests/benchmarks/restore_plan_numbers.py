"""How long a restore's plan takes: 256 MB from a verified backup, its pages compared with the previous one.

Usage: python -m tests.benchmarks.restore_plan_numbers [MEGABYTES] [ROUNDS]. Every byte of the restore point is read and
compared, as by the command; the pages are compared by the names of their chunks. Budget: 3 s.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from quri_console.clock import SystemClock
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import identity_from_pem
from quri_console.progress import NoProgress
from quri_console.repository.local import LocalBackend
from quri_console.repository.store import Repository, create_repository
from quri_console.restore.plan import RestorePlan
from quri_console.restore.planning import RestoreWish, plan_restore
from tests.benchmarks.backup_against_icp import as_a_runner, our_run
from tests.benchmarks.state_server import SNAPSHOTS, StateServer, install_empty_module

BUDGET_SECONDS = 3.0
MEGABYTES, ROUNDS = 256, 5


async def planned(server: StateServer, folder: Path, source: str) -> tuple[float, RestorePlan]:
    """Seconds of one plan, with the repository opened anew."""
    async with Agent(server.url, root_key=server.root_key, identity=identity_from_pem(server.pem)) as agent:
        started = time.perf_counter()
        wish = RestoreWish("local", False, Principal(server.canister), "big", source, 60)
        plan = await plan_restore(
            agent,
            wish,
            repository=Repository.open(folder / "repository"),
            locks=folder / "locks",
            clock=SystemClock(),
            progress=NoProgress(),
        )
        return time.perf_counter() - started, plan


async def measure(megabytes: int, rounds: int, folder: Path) -> None:
    """Print the figures."""
    create_repository(LocalBackend(folder / "repository"))
    with StateServer(megabytes, 0) as server:
        await install_empty_module(server)
        for snapshot in SNAPSHOTS[:2]:
            await our_run(server, folder / "repository", snapshot, folder)
        first = Repository.open(folder / "repository").set_names()[0]
        runs = [await planned(server, folder, first) for _ in range(rounds)]
    seconds = statistics.median(taken for taken, _ in runs)
    plan = runs[-1][1]
    assert plan.newest_copy is not None
    print(
        f"plan of {server.size / 1e6:.0f} MB: {seconds:.2f} s (budget {BUDGET_SECONDS}), load {os.getloadavg()[0]:.1f}"
    )
    print(f"  {'; '.join(plan.newest_copy.changes)}")


def main() -> None:
    as_a_runner("tests.benchmarks.restore_plan_numbers")
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else MEGABYTES
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(measure(megabytes, rounds, Path(name)))


if __name__ == "__main__":
    main()
