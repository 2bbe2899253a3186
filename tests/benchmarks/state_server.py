"""A local network in a process of its own, with one canister and snapshots of a large, realistic state."""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import random
import resource
import struct
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType

from quri_console.ic.agent import Agent
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import identity_from_pem
from quri_console.ic.management import change
from quri_console.ic.prepared import perform
from quri_console.localnet.configuration import Controller
from quri_console.localnet.snapshot_store import StoredSnapshot
from quri_console.units import WASM_PAGE_BYTES
from tests.support.networks import local_network

SNAPSHOTS = (bytes(8) + b"benchmark one", bytes(8) + b"benchmark two")
EMPTY_MODULE = b"\x00asm\x01\x00\x00\x00"
MEMORY_MODULE = EMPTY_MODULE + b"\x05\x03\x01\x00\x01" + b"\x07\x0a\x01\x06memory\x02\x00"
"""A module with a memory of at least one page, so that a heap can be loaded into it."""
NODE_BYTES = 4096
RECORD_BYTES = 100
CHANGED_SHARE = 0.001


def image(size: int, seed: int = 1) -> bytearray:
    """Nodes of 4 KiB with records of 100 bytes: a sorted key, a name, an amount, and noise that does not compress."""
    randomness = random.Random(seed)
    noise = randomness.randbytes(1 << 20)
    memory = bytearray(size)
    key = 0
    for start in range(0, size, NODE_BYTES):
        struct.pack_into("<IHH", memory, start, 0xB7EE, 11, start // NODE_BYTES & 0xFFFF)
        for number in range(36):
            key += 1 + (key * 7919 & 3)
            offset = start + 16 + number * RECORD_BYTES
            place = key * 2654435761 & 0xFFFC0
            name = b"holder-%08x" % (key & 0xFFFF)
            record = struct.pack(">Q", key) + name + struct.pack("<Q", key * 31) + noise[place : place + 36]
            memory[offset : offset + len(record)] = record
    return memory


def changed(memory: bytearray, seed: int = 2) -> bytearray:
    """The image after 0.1 % of its records got another amount."""
    randomness = random.Random(seed)
    result = bytearray(memory)
    nodes = len(memory) // NODE_BYTES
    for _ in range(round(nodes * 36 * CHANGED_SHARE)):
        offset = randomness.randrange(nodes) * NODE_BYTES + 16 + randomness.randrange(36) * RECORD_BYTES + 23
        result[offset : offset + 8] = randomness.randbytes(8)
    return result


def snapshots(megabytes: int, kind: str) -> tuple[StoredSnapshot, ...]:
    """Two snapshots of a state of this size, a quarter of it heap; of one, `zero` all-zero, `half` half zero."""
    pages = megabytes * 1_000_000 // WASM_PAGE_BYTES
    if kind == "zero":
        return (_snapshot(SNAPSHOTS[0], bytearray(pages * WASM_PAGE_BYTES), bytearray()),)
    if kind == "half":
        stable = image(pages // 4 * WASM_PAGE_BYTES)
        stable.extend(bytes(pages // 2 * WASM_PAGE_BYTES))
        return (_snapshot(SNAPSHOTS[0], image(pages // 4 * WASM_PAGE_BYTES, 3), stable, MEMORY_MODULE),)
    heap, stable = image(pages // 4 * WASM_PAGE_BYTES, 3), image((pages - pages // 4) * WASM_PAGE_BYTES)
    first = _snapshot(SNAPSHOTS[0], heap, stable)
    return (first,) if kind == "single" else (first, _snapshot(SNAPSHOTS[1], changed(heap, 4), changed(stable)))


def _snapshot(identifier: bytes, heap: bytearray, stable: bytearray, module: bytes = EMPTY_MODULE) -> StoredSnapshot:
    return StoredSnapshot(
        id=identifier,
        taken_at_ns=time.time_ns(),
        canister_version=1,
        is_uploaded=False,
        wasm_module=module,
        wasm_memory=heap,
        stable_memory=stable,
        globals=(),
    )


def serve(pipe: Connection, megabytes: int, latency_ms: int, kind: str, pem: bytes, principal: bytes) -> None:
    """The network's process, until the pipe says stop."""
    asyncio.run(_serve(pipe, megabytes, latency_ms, kind, Controller(pem, principal)))


async def _serve(pipe: Connection, megabytes: int, latency_ms: int, kind: str, controller: Controller) -> None:
    async with local_network(controller=controller, latency_seconds=latency_ms / 1000) as net:
        identifier = net.network.create_canister(controllers=[controller.principal], cycles=10**16)
        canister = net.network.subnet.canisters[identifier]
        size = 0
        for snapshot in snapshots(megabytes, kind):
            canister.snapshots[snapshot.id] = snapshot
            size = len(snapshot.wasm_memory) + len(snapshot.stable_memory)
        pipe.send((net.url, net.root_key, identifier, size))
        while await asyncio.to_thread(pipe.recv) == "cpu":
            used = resource.getrusage(resource.RUSAGE_SELF)
            pipe.send(used.ru_utime + used.ru_stime)


@dataclass(frozen=True)
class ServerFacts:
    """A running server as another process sees it; its processor time cannot be asked for there."""

    url: str
    root_key: bytes
    canister: bytes
    size: int
    pem: bytes

    @property
    def root_key_hash(self) -> bytes:
        """SHA-256 of the root key."""
        return hashlib.sha256(self.root_key).digest()

    def cpu(self) -> float:
        """Not known here."""
        return 0.0


async def install_empty_module(server: StateServer, module: bytes = EMPTY_MODULE) -> None:
    """A canister without code is refused: there is nothing to back up."""
    async with Agent(server.url, root_key=server.root_key, identity=identity_from_pem(server.pem)) as agent:
        await perform(agent, change.install_code(Principal(server.canister), "install", module))


class StateServer:
    """The process, from the parent's side."""

    def __init__(self, megabytes: int, latency_ms: int = 0, kind: str = "pair") -> None:
        controller = Controller.make()
        self.pem = controller.pem
        context = multiprocessing.get_context("spawn")
        self._pipe, there = context.Pipe()
        arguments = (there, megabytes, latency_ms, kind, controller.pem, controller.principal)
        self._process = context.Process(target=serve, args=arguments)

    def __enter__(self) -> StateServer:
        self._process.start()
        self.url, self.root_key, self.canister, self.size = self._pipe.recv()
        self.root_key_hash = hashlib.sha256(self.root_key).digest()
        return self

    def facts(self) -> ServerFacts:
        """What another process needs to reach it."""
        return ServerFacts(self.url, self.root_key, self.canister, self.size, self.pem)

    def cpu(self) -> float:
        """Processor seconds that the network has used."""
        self._pipe.send("cpu")
        return float(self._pipe.recv())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pipe.send("stop")
        self._process.join(10)
