"""The chunk store of a canister: modules too large for one message are uploaded in parts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from quri_console.localnet import management_types as types
from quri_console.localnet import words
from quri_console.localnet.canister import Use
from quri_console.localnet.charges import CHUNK_UPLOAD_INSTRUCTIONS
from quri_console.localnet.management import EMPTY_REPLY, Invocation, reply
from quri_console.localnet.messages import Reply
from quri_console.units import MIB

MAX_CHUNK_BYTES = MIB
MAX_CHUNKS = 100


def store_chunk(store: dict[bytes, bytes], chunk: bytes) -> bytes:
    """Keep a chunk under its SHA-256; raises IC0504 when it is too large or the store is full."""
    if len(chunk) > MAX_CHUNK_BYTES:
        raise words.chunk_store_error(f"Wasm chunk size {len(chunk)} exceeds the maximum of {MAX_CHUNK_BYTES}")
    digest = hashlib.sha256(chunk).digest()
    if digest not in store and len(store) >= MAX_CHUNKS:
        raise words.chunk_store_error(f"Wasm chunk store has already reached maximum capacity of {MAX_CHUNKS} chunks")
    store[digest] = chunk
    return digest


async def upload_chunk(call: Invocation) -> Reply:
    """upload_chunk: at most 1 MiB each, at most 100."""
    canister = call.canister
    call.subnet.accounts.charge(canister, CHUNK_UPLOAD_INSTRUCTIONS, Use.INSTRUCTIONS, "Wasm chunk upload")
    digest = store_chunk(canister.chunk_store, call.record["chunk"])
    return reply(types.CHUNK_HASH, {"hash": digest})


async def stored_chunks(call: Invocation) -> Reply:
    """stored_chunks: the hashes, sorted."""
    return reply(types.STORED_CHUNKS_RESULT, [{"hash": digest} for digest in sorted(call.canister.chunk_store)])


async def clear_chunk_store(call: Invocation) -> Reply:
    """clear_chunk_store."""
    call.canister.chunk_store.clear()
    return EMPTY_REPLY


def assembled_module(store: Mapping[bytes, bytes], hashes: list[bytes], module_hash: bytes) -> bytes:
    """The module whose chunks are listed; raises IC0504 when one is missing or the whole has another hash."""
    missing = [digest.hex() for digest in hashes if digest not in store]
    if missing:
        raise words.chunk_store_error(f"Chunk hash {missing[0]} was not found")
    module = b"".join(store[digest] for digest in hashes)
    actual = hashlib.sha256(module).digest()
    if actual != module_hash:
        raise words.chunk_store_error(f"Wasm module hash {actual.hex()} does not match given hash {module_hash.hex()}")
    return module
