"""Slices from a local network to disk, verified and fsynced: MB/s (budget: at least 60).

Usage: python -m tests.benchmarks.backup_throughput [MEGABYTES] [FOLDER]. The network runs in a process of its
own, as it does for an operator; heap bytes are random, so that no slice is skipped as zeros.
"""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from quri_console.backup.download import SnapshotSource, download_snapshot
from quri_console.clock import SystemClock
from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import identity_from_pem
from quri_console.localnet.configuration import Controller
from quri_console.localnet.snapshot_store import StoredSnapshot
from quri_console.units import WASM_PAGE_BYTES
from tests.support.networks import local_network

SNAPSHOT_ID = bytes(8) + b"benchmark"


def serve(pipe: Connection, megabytes: int, pem: bytes, principal: bytes) -> None:
    """The network's process: one canister with one large snapshot, until the pipe says stop."""
    asyncio.run(_serve(pipe, megabytes, Controller(pem, principal)))


async def _serve(pipe: Connection, megabytes: int, controller: Controller) -> None:
    async with local_network(controller=controller) as net:
        identifier = net.network.create_canister(controllers=[controller.principal], cycles=10**15)
        net.network.subnet.canisters[identifier].snapshots[SNAPSHOT_ID] = _snapshot(megabytes)
        pipe.send((net.url, net.root_key, identifier))
        await asyncio.to_thread(pipe.recv)
        used = resource.getrusage(resource.RUSAGE_SELF)
        pipe.send(used.ru_utime + used.ru_stime)


def _snapshot(megabytes: int) -> StoredSnapshot:
    pages = megabytes * 1_000_000 // WASM_PAGE_BYTES
    return StoredSnapshot(
        id=SNAPSHOT_ID,
        taken_at_ns=time.time_ns(),
        canister_version=1,
        is_uploaded=False,
        wasm_module=b"\x00asm\x01\x00\x00\x00",
        wasm_memory=random.Random(1).randbytes(WASM_PAGE_BYTES) * pages,
        stable_memory=b"",
        globals=(),
    )


async def measure(url: str, root_key: bytes, canister: bytes, pem: bytes, folder: Path) -> tuple[int, float]:
    """Bytes written and seconds they took."""
    async with Agent(url, root_key=root_key, identity=identity_from_pem(pem)) as agent:
        source = SnapshotSource(agent, Principal(canister), SNAPSHOT_ID, SystemClock())
        started = time.perf_counter()
        metadata = await source.metadata()
        download = await download_snapshot(source, folder / "snapshot", metadata, lambda _: None)
        seconds = time.perf_counter() - started
    heap = next(file for file in download.files if file.path == "wasm_memory.bin")
    with (folder / "snapshot" / "wasm_memory.bin").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").digest() == heap.sha256
    return sum(file.size for file in download.files), seconds


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    parent = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    controller = Controller.make()
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(there, megabytes, controller.pem, controller.principal)
    )
    process.start()
    try:
        url, root_key, canister = here.recv()
        with tempfile.TemporaryDirectory(dir=parent) as folder:
            size, seconds = asyncio.run(measure(url, root_key, canister, controller.pem, Path(folder)))
        here.send("stop")
        server_cpu = here.recv()
    finally:
        process.join(10)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"backup throughput: {size / seconds / 1e6:.0f} MB/s (budget at least 60), {size / 1e6:.0f} MB in "
        f"{seconds:.2f} s; CPU client {used.ru_utime + used.ru_stime:.1f} s, network {server_cpu:.1f} s; "
        f"client peak {used.ru_maxrss / 1024:.0f} MiB on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
