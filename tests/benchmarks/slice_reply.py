"""Prints how fast a slice of 2,000,000 bytes comes out of a certified reply, step by step.

python -m tests.benchmarks.slice_reply
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

from quri_console.ic.agent import Agent
from quri_console.ic.encoding import cbor
from quri_console.ic.encoding.candid import Types, encode
from quri_console.ic.encoding.hash_tree import Found, build, from_cbor, lookup, to_cbor
from quri_console.ic.encoding.principal import Principal
from quri_console.ic.identity import identity_from_pem
from quri_console.ic.management import change, read
from quri_console.ic.management.snapshot_reply import decode_slice
from quri_console.ic.management.types import MAX_SLICE_BYTES, SnapshotMetadata
from quri_console.localnet.small_canister import small_module
from tests.support.networks import local_network

ROUNDS = 50
REPLY_PATH = (b"request_status", bytes(32), b"reply")
ANY_ID = Principal(bytes.fromhex("80000000001000000101"))


def report(what: str, seconds: float, rounds: int) -> None:
    per_round = seconds / rounds
    print(f"{what:<62} {per_round * 1e3:8.3f} ms {MAX_SLICE_BYTES / per_round / 1e6:12,.0f} MB/s")


def timed(what: str, work: Callable[[], object]) -> None:
    work()
    start = time.perf_counter()
    for _ in range(ROUNDS):
        work()
    report(what, time.perf_counter() - start, ROUNDS)


def slice_in(tree: bytes) -> memoryview:
    """What the agent does with a certificate, but for the signature (3 ms, whatever the size)."""
    match lookup(from_cbor(cbor.decode(tree)), REPLY_PATH):
        case Found(reply):
            return decode_slice(reply)
    raise AssertionError("the tree holds a reply")


async def through_the_agent(data: bytes) -> None:
    """Slices up to a local network and down again, one after the other and eight side by side."""
    async with (
        local_network() as net,
        Agent(net.url, root_key=net.root_key, identity=identity_from_pem(net.controller.pem)) as agent,
    ):
        canister = await change.perform(agent, change.provisional_create_canister_with_cycles(ANY_ID, amount=10**15))
        await change.perform(agent, change.install_code(canister, "install", small_module()))
        heap = 1024 * 65536
        metadata = SnapshotMetadata(None, 0, len(small_module()), (), heap, 0, (), 0, b"")
        snapshot = await change.perform(agent, change.upload_snapshot_metadata(canister, metadata))
        start = time.perf_counter()
        for number in range(10):
            offset = number * MAX_SLICE_BYTES
            await change.perform(agent, change.upload_snapshot_slice(canister, snapshot, "wasm_memory", offset, data))
        report("localnet: upload, one after the other", time.perf_counter() - start, 10)
        for width in (1, 8):
            start = time.perf_counter()
            for _ in range(16 // width):
                await asyncio.gather(
                    *(
                        read.read_snapshot_slice(agent, canister, snapshot, "wasm_memory", 0, MAX_SLICE_BYTES)
                        for _ in range(width)
                    )
                )
            report(f"localnet in the same process: download, {width} at a time", time.perf_counter() - start, 16)


def main() -> None:
    """Print the table."""
    data = os.urandom(MAX_SLICE_BYTES)
    reply = encode([Types.Record({"chunk": Types.Vec(Types.Nat8)})], [{"chunk": data}])
    tree = cbor.encode(to_cbor(build({b"request_status": {bytes(32): {b"reply": reply, b"status": b"replied"}}})))
    timed("Candid: reply to slice, without a Candid library", lambda: decode_slice(reply))
    timed("certificate: CBOR of the tree", lambda: cbor.decode(tree))
    decoded = cbor.decode(tree)
    timed("certificate: tree and its digest (SHA-256 of the slice)", lambda: from_cbor(decoded))
    hashed = from_cbor(decoded)
    timed("certificate: lookup of the reply", lambda: lookup(hashed, REPLY_PATH))
    timed("CBOR, tree, lookup and Candid together", lambda: slice_in(tree))
    timed(
        "upload: Candid argument of a slice",
        lambda: change.upload_snapshot_slice(ANY_ID, bytes(18), "wasm_memory", 0, data),
    )
    asyncio.run(through_the_agent(data))


if __name__ == "__main__":
    main()
