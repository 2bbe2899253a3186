"""A backup against `icp canister snapshot download`, on the same local network, in turn: ratios of wall time.

Usage: python -m tests.benchmarks.backup_against_icp [MEGABYTES] [ROUNDS]. Both read the same on-chain snapshot; ours
also verifies, deduplicates, compresses and commits, with the environment of a runner. The state is an image of nodes
of 4 KiB with small sorted records, as ic-stable-structures keep them. Budgets: first backup 1.4 at 0 ms and 1.05 at
200 ms; the next one, after 0.1 % of the records changed, 0.9 and 0.85, with at most 5 % of its bytes new.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from quri_console.backup.backup_set import BackupRequest
from quri_console.backup.capture import back_up
from quri_console.backup.target import BackupTarget
from quri_console.clock import SystemClock
from quri_console.effects.gate import Permit
from quri_console.effects.journal import Journal
from quri_console.effects.perform import Effects
from quri_console.effects.runner import runner_environment
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import identity_from_pem
from quri_console.progress import NoProgress
from quri_console.repository.local import LocalBackend
from quri_console.repository.store import Repository, create_repository
from tests.benchmarks.state_server import SNAPSHOTS, ServerFacts, StateServer, install_empty_module
from tests.support.icp import Icp

LATENCIES_MS = (0, 200)
BUDGETS = {("first", 0): 1.4, ("first", 200): 1.05, ("repeat", 0): 0.9, ("repeat", 200): 0.85}


@dataclass(frozen=True)
class Run:
    """Seconds of one run: on the wall, and of the processors of client and network."""

    wall: float
    client: float
    network: float


def own_cpu(who: int) -> float:
    """Processor seconds so far."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


async def icp_run(server: StateServer, icp: Icp, snapshot: bytes, folder: Path) -> Run:
    """One download by the official client."""
    target = folder / "icp"
    before, network, started = own_cpu(resource.RUSAGE_CHILDREN), server.cpu(), time.perf_counter()
    await icp(
        "canister", "snapshot", "download", Principal(server.canister).to_str(), snapshot.hex(), "--output", str(target)
    )
    wall = time.perf_counter() - started
    run = Run(wall, own_cpu(resource.RUSAGE_CHILDREN) - before, server.cpu() - network)
    shutil.rmtree(target)
    return run


async def our_run(
    server: StateServer | ServerFacts, repository: Path, snapshot: bytes, folder: Path
) -> tuple[Run, int]:
    """One backup of the same snapshot; its run, and the bytes that it added to the repository."""
    canister = Principal(server.canister)
    journal = Journal(folder / f"journal-{time.time_ns()}.jsonl")
    async with Agent(server.url, root_key=server.root_key, identity=identity_from_pem(server.pem)) as agent:
        effects = Effects(agent, journal, Permit("backup", server.root_key_hash))
        before, network, started = own_cpu(resource.RUSAGE_SELF), server.cpu(), time.perf_counter()
        request = BackupRequest(
            network="local",
            repository=Repository.open(repository),
            targets=(BackupTarget(canister, "big", reuse=snapshot),),
            mode="reuse",
            operation="benchmark",
        )
        result = await back_up(request, effects, clock=SystemClock(), progress=NoProgress())
        wall = time.perf_counter() - started
        await effects.aclose()
    journal.close()
    return Run(wall, own_cpu(resource.RUSAGE_SELF) - before, server.cpu() - network), result.stored_bytes


async def measure(megabytes: int, rounds: int, folder: Path) -> None:
    """Print the figures of every latency."""
    home = folder / "home"
    home.mkdir()
    client = await Icp.install(home)
    for latency in LATENCIES_MS:
        with StateServer(megabytes, latency) as server:
            icp = client.on(server.url, server.root_key)
            (home / "key.pem").write_bytes(server.pem)
            name = f"me{latency}"
            imported = ("identity", "import", name, "--from-pem", str(home / "key.pem"), "--storage", "plaintext")
            await icp(*imported, everywhere=False)
            await icp("identity", "default", name, everywhere=False)
            await install_empty_module(server)
            await _latency(server, icp, latency, rounds, folder)


async def _latency(server: StateServer, icp: Icp, latency: int, rounds: int, folder: Path) -> None:
    runs: dict[str, list[Run]] = {"icp": [], "first": [], "repeat": []}
    stored: dict[str, int] = {}
    for number in range(rounds):
        repository = folder / f"repository-{latency}-{number}"
        create_repository(LocalBackend(repository))
        runs["icp"].append(await icp_run(server, icp, SNAPSHOTS[0], folder))
        first, stored["first"] = await our_run(server, repository, SNAPSHOTS[0], folder)
        runs["icp"].append(await icp_run(server, icp, SNAPSHOTS[1], folder))
        repeat, stored["repeat"] = await our_run(server, repository, SNAPSHOTS[1], folder)
        runs["first"].append(first)
        runs["repeat"].append(repeat)
        shutil.rmtree(repository)
    medians = {name: _median(found) for name, found in runs.items()}
    print(f"latency {latency} ms, {server.size / 1e6:.0f} MB, load {os.getloadavg()[0]:.1f}")
    for name, run in medians.items():
        ratio = run.wall / medians["icp"].wall
        budget = "" if name == "icp" else f"  ratio {ratio:.2f} (budget {BUDGETS[name, latency]})"
        print(f"  {name:7} {run.wall:6.2f} s  CPU client {run.client:5.2f} s, network {run.network:5.2f} s{budget}")
    share = stored["repeat"] / server.size
    print(f"  stored: first {stored['first'] / 1e6:.1f} MB, repeat {stored['repeat'] / 1e6:.2f} MB = {share:.2%} of it")


def _median(runs: list[Run]) -> Run:
    return Run(
        *(statistics.median(getattr(run, name) for run in runs) for name in ("wall", "client", "network")),
    )


def as_a_runner(module: str) -> None:
    """Start again with a runner's environment; the official client does not inherit it."""
    own = {name: value for name, value in runner_environment().items() if name.startswith("MALLOC_")}
    if all(os.environ.get(name) == value for name, value in own.items()):
        for name in own:
            del os.environ[name]  # the C library has read it
    else:
        os.execve(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]], runner_environment())


def main() -> None:
    as_a_runner("tests.benchmarks.backup_against_icp")
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(megabytes, rounds, Path(folder)))


if __name__ == "__main__":
    main()
