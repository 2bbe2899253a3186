"""What the repository costs: an all-zero heap, memory, and reading everything again.

Usage: python -m tests.benchmarks.repository_numbers [MEGABYTES]. Each part runs in a process of its own; the network in
another. Budgets: an all-zero 1 GiB heap stores at most 1 MB; backing up 1 GiB takes at most 256 MB of memory at its
peak; `check --read-data` reads at least 300 MB/s of logical bytes.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from quri_console.effects.runner import runner_environment
from quri_console.repository.check import check_repository
from quri_console.repository.check_data import DataOptions
from quri_console.repository.local import LocalBackend
from quri_console.repository.store import Repository, create_repository
from tests.benchmarks.backup_against_icp import our_run
from tests.benchmarks.state_server import SNAPSHOTS, ServerFacts, StateServer, install_empty_module

GIB_MEGABYTES = 1074


def back_up(pipe: Connection, server: ServerFacts, folder: Path) -> None:
    """Back the server's snapshot up; seconds, bytes stored and peak memory in bytes through the pipe."""
    create_repository(LocalBackend(folder / "repository"))
    run, stored = asyncio.run(our_run(server, folder / "repository", SNAPSHOTS[0], folder))
    pipe.send((run.wall, stored, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


def backed_up(kind: str, megabytes: int, folder: Path) -> tuple[float, int, int, int]:
    """Seconds, bytes stored, peak memory, and size of the state, of one backup in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with StateServer(megabytes, 0, kind) as server:
        asyncio.run(install_empty_module(server))
        here, there = context.Pipe()
        process = context.Process(target=back_up, args=(there, server.facts(), folder))
        process.start()
        seconds, stored, peak = here.recv()
        process.join()
        return seconds, stored, peak, server.size


def check(folder: Path) -> tuple[float, int]:
    """Seconds and logical bytes of one check of all data."""
    repository = Repository.open(folder / "repository")
    started = time.perf_counter()
    report = check_repository(repository, DataOptions())
    assert report.ok, report.damages
    return time.perf_counter() - started, sum(found.logical_bytes for found in report.sets)


def main() -> None:
    # the processes started below are to be as a runner is
    os.environ.update(runner_environment())
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else GIB_MEGABYTES
    with tempfile.TemporaryDirectory() as name:
        seconds, stored, _, size = backed_up("zero", megabytes, Path(name))
        print(f"all-zero heap of {size / 1e6:.0f} MB: {stored / 1e6:.3f} MB stored (budget 1), {seconds:.1f} s")
    with tempfile.TemporaryDirectory() as name:
        seconds, stored, peak, size = backed_up("single", megabytes, Path(name))
        print(
            f"backup of {size / 1e6:.0f} MB: peak memory {peak / 1e6:.0f} MB (budget 256), {seconds:.1f} s, "
            f"{stored / 1e6:.0f} MB stored"
        )
        times = [check(Path(name)) for _ in range(3)]
        best, logical = sorted(times)[len(times) // 2]
        print(
            f"check --read-data: {logical / best / 1e6:.0f} MB/s of logical bytes (budget 300), "
            f"load {os.getloadavg()[0]:.1f}"
        )


if __name__ == "__main__":
    main()
