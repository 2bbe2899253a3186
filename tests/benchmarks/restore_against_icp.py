"""A restore by upload against `icp canister snapshot upload` and `restore`, on the same local network, in turn.

Usage: python -m tests.benchmarks.restore_against_icp [MEGABYTES] [ROUNDS]. Half of the state is zero. Ours counts from
the first upload call to the answer of load, without what the official client does not do: stop, safety snapshot,
checks and start are printed apart. Budget of the ratio of wall times: 0.6, at 0 and at 200 ms of latency.
"""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from quri_console.clock import NANOSECONDS_PER_SECOND, SystemClock
from quri_console.effects.gate import Permit
from quri_console.effects.journal import Journal, Record
from quri_console.effects.perform import Effects
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import identity_from_pem
from quri_console.ic.management import change, snapshot_change
from quri_console.ic.prepared import perform
from quri_console.progress import NoProgress
from quri_console.repository.local import LocalBackend
from quri_console.repository.store import Repository, create_repository
from quri_console.restore.execute import execute
from quri_console.restore.planning import RestoreWish, plan_restore
from tests.benchmarks.backup_against_icp import as_a_runner, our_run, own_cpu
from tests.benchmarks.state_server import MEMORY_MODULE, SNAPSHOTS, StateServer, install_empty_module
from tests.support.icp import Icp

LATENCIES_MS = (0, 200)
BUDGET = 0.6


def spans(records: Sequence[Record]) -> dict[str, float]:
    """Seconds from the first intent to the last outcome of the effects of each name."""
    begun: dict[int, Record] = {record.sequence: record for record in records if record.event == "intent"}
    found: dict[str, tuple[int, int]] = {}
    for record in records:
        if record.event == "outcome":
            intent = begun[record.fields["intent"]]
            name = "upload" if intent.fields["effect"].startswith("upload") else intent.fields["effect"]
            start, end = found.get(name, (intent.at_ns, record.at_ns))
            found[name] = (min(start, intent.at_ns), max(end, record.at_ns))
    return {name: (end - start) / NANOSECONDS_PER_SECOND for name, (start, end) in found.items()}


async def our_restore(server: StateServer, repository: Path, folder: Path) -> dict[str, float]:
    """One restore; what its parts took, and `whole` and `cpu`."""
    journal = Journal(folder / f"restore-{time.time_ns()}.jsonl")
    wish = RestoreWish("local", False, Principal(server.canister), "big", "latest", 60)
    async with Agent(server.url, root_key=server.root_key, identity=identity_from_pem(server.pem)) as agent:
        store, locks = Repository.open(repository), folder / "locks"
        tools = {"clock": SystemClock(), "progress": NoProgress()}
        planned = time.perf_counter()
        plan = await plan_restore(agent, wish, repository=store, locks=locks, **tools)
        started, before, network = time.perf_counter(), own_cpu(resource.RUSAGE_SELF), server.cpu()
        effects = Effects(agent, journal, Permit("restore", server.root_key_hash))
        await execute(plan, effects, store, **tools)
        whole, cpu = time.perf_counter() - started, own_cpu(resource.RUSAGE_SELF) - before
        network = server.cpu() - network
        await effects.aclose()
        kept = await agent_snapshots(agent, server)
        for identifier in kept:
            await perform(agent, snapshot_change.delete_canister_snapshot(Principal(server.canister), identifier))
    parts = spans(journal.records)
    journal.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return {**parts, "plan": started - planned, "whole": whole, "cpu": cpu, "network": network, "peak MB": peak}


async def agent_snapshots(agent: Agent, server: StateServer) -> list[bytes]:
    """Snapshots on chain that the benchmark did not make."""
    from quri_console.ic.management.read import list_canister_snapshots

    found = await list_canister_snapshots(agent, Principal(server.canister))
    return [snapshot.id for snapshot in found if snapshot.id not in SNAPSHOTS]


async def icp_restore(server: StateServer, icp: Icp, downloaded: Path) -> dict[str, float]:
    """Upload and restore by the official client, on a canister that is stopped for it."""
    canister = Principal(server.canister)
    async with Agent(server.url, root_key=server.root_key, identity=identity_from_pem(server.pem)) as agent:
        await perform(agent, change.stop_canister(canister))
        before, network, started = own_cpu(resource.RUSAGE_CHILDREN), server.cpu(), time.perf_counter()
        await icp("canister", "snapshot", "upload", canister.to_str(), "--input", str(downloaded))
        uploaded = time.perf_counter()
        (identifier,) = await agent_snapshots(agent, server)
        restoring = time.perf_counter()
        await icp("canister", "snapshot", "restore", canister.to_str(), identifier.hex())
        ended = time.perf_counter()
        cpu, network = own_cpu(resource.RUSAGE_CHILDREN) - before, server.cpu() - network
        await perform(agent, snapshot_change.delete_canister_snapshot(canister, identifier))
        await perform(agent, change.start_canister(canister))
    return {"upload": uploaded - started, "load snapshot": ended - restoring, "cpu": cpu, "network": network}


async def measure(megabytes: int, rounds: int, folder: Path) -> None:
    """Print the figures of every latency."""
    home = folder / "home"
    home.mkdir()
    client = await Icp.install(home)
    for latency in LATENCIES_MS:
        with StateServer(megabytes, latency, "half") as server:
            icp = client.on(server.url, server.root_key)
            (home / "key.pem").write_bytes(server.pem)
            name = f"me{latency}"
            imported = ("identity", "import", name, "--from-pem", str(home / "key.pem"), "--storage", "plaintext")
            await icp(*imported, everywhere=False)
            await icp("identity", "default", name, everywhere=False)
            await install_empty_module(server, MEMORY_MODULE)
            await _latency(server, icp, latency, rounds, folder)


async def _latency(server: StateServer, icp: Icp, latency: int, rounds: int, folder: Path) -> None:
    repository, downloaded = folder / f"repository-{latency}", folder / f"icp-{latency}"
    create_repository(LocalBackend(repository))
    await our_run(server, repository, SNAPSHOTS[0], folder)
    canister = Principal(server.canister).to_str()
    await icp("canister", "snapshot", "download", canister, SNAPSHOTS[0].hex(), "--output", str(downloaded))
    theirs, ours = [], []
    for _ in range(rounds):
        theirs.append(await icp_restore(server, icp, downloaded))
        ours.append(await our_restore(server, repository, folder))
    their, our = _medians(theirs), _medians(ours)
    counted, peer = our["upload"] + our["load snapshot"], their["upload"] + their["load snapshot"]
    print(f"latency {latency} ms, {server.size / 1e6:.0f} MB, half of it zero, load {os.getloadavg()[0]:.1f}")
    for name, run, verdict in (("icp", their, ""), ("ours", our, f"  ratio {counted / peer:.2f} (budget {BUDGET})")):
        print(
            f"  {name:5} upload {run['upload']:.2f} s, load {run['load snapshot']:.2f} s, "
            f"CPU client {run['cpu']:.2f} s, network {run['network']:.2f} s{verdict}"
        )
    apart = {name: seconds for name, seconds in our.items() if name not in their}
    print("  apart: " + ", ".join(f"{name} {seconds:.2f}" for name, seconds in apart.items()))


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def main() -> None:
    as_a_runner("tests.benchmarks.restore_against_icp")
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(megabytes, rounds, Path(folder)))


if __name__ == "__main__":
    main()
