"""Storing chunks: named, deduplicated, compressed, packed, read back, and on disk before the index names them.

Called from worker threads, so that neither hashing nor zstd holds up an event loop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from quri_console.errors import CorruptionError
from quri_console.repository.backend import Backend
from quri_console.repository.chunk_list import ChunkId
from quri_console.repository.chunking import is_zero, zeros
from quri_console.repository.frames import compress, opened, wrong_chunks
from quri_console.repository.index import Index, IndexedPack, indexed_pack, put_fragment
from quri_console.repository.pack_format import (
    FRAME_BYTES,
    PACK_BYTES,
    ChunkPlace,
    encode_frame,
    encode_pack_header,
)
from quri_console.repository.vault import PackCipher, Vault

PACKS_PER_FRAGMENT = 8


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a range of bytes: its chunks' names, and `ticket`, from which on all of them are durable."""

    ids: tuple[ChunkId, ...]
    ticket: int


@dataclass(frozen=True, slots=True)
class WriteTotals:
    """Bytes so far: given, of them zero, of them known already, new, and what the new ones take in packs."""

    given_bytes: int = 0
    zero_bytes: int = 0
    known_bytes: int = 0
    new_bytes: int = 0
    stored_bytes: int = 0
    packs: int = 0


@dataclass(slots=True)
class _OpenFrame:
    number: int
    parts: list[bytes] = field(default_factory=list)
    chunks: list[ChunkPlace] = field(default_factory=list)
    size: int = 0


@dataclass(slots=True)
class _OpenPack:
    cipher: PackCipher
    data: bytearray
    frames: int = 0
    tickets: list[int] = field(default_factory=list)


class ChunkWriter:
    """Adds chunks to a repository. Every method may be called from several threads at once."""

    def __init__(
        self,
        backend: Backend,
        vault: Vault,
        index: Index,
        *,
        level: int = 3,
        pack_bytes: int = PACK_BYTES,
        frame_bytes: int = FRAME_BYTES,
        on_durable: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`on_durable` gets the ticket up to which everything is on disk, each time that grows."""
        self._backend = backend
        self._vault = vault
        self._index = index
        self._level = level
        self._pack_bytes = pack_bytes
        self._frame_bytes = frame_bytes
        self._on_durable = on_durable
        self._lock = threading.Lock()
        # one pack at a time is filled or stored, so that a crash costs no more than one
        self._one_pack = threading.Lock()
        # of a chunk on its way: the ticket of its frame
        self._pending: dict[bytes, int] = {}
        self._frame = _OpenFrame(1)
        self._pack: _OpenPack | None = None
        self._waiting: set[int] = set()
        self._unnamed: list[IndexedPack] = []
        self._totals = [0, 0, 0, 0, 0, 0]
        self._durable = 0

    @property
    def totals(self) -> WriteTotals:
        """What was written so far."""
        return WriteTotals(*self._totals)

    def add(self, data: bytes | memoryview, chunk_bytes: int) -> Written:
        """Store bytes that begin at a chunk's boundary. Raises StorageFailed, DiskFull, CorruptionError."""
        size = len(data)
        if is_zero(data):
            with self._lock:
                self._totals[0] += size
                self._totals[1] += size
            return Written((None,) * -(-size // chunk_bytes), 0)
        whole = memoryview(data)
        ids: list[ChunkId] = []
        ticket = 0
        for start in range(0, size, chunk_bytes):
            chunk = bytes(whole[start : start + chunk_bytes])
            identifier = None if chunk == zeros(len(chunk)) else self._vault.chunk_id(chunk)
            ids.append(identifier)
            ticket = max(ticket, self._keep(identifier, chunk))
        return Written(tuple(ids), ticket)

    def _keep(self, identifier: ChunkId, chunk: bytes) -> int:
        """Put a chunk into the open frame unless it is known; the ticket it is durable from."""
        full = None
        with self._lock:
            self._totals[0] += len(chunk)
            if identifier is None:
                self._totals[1] += len(chunk)
                return 0
            if identifier in self._index:
                self._totals[2] += len(chunk)
                return 0
            if identifier in self._pending:
                self._totals[2] += len(chunk)
                return self._pending[identifier]
            frame = self._frame
            frame.parts.append(chunk)
            frame.chunks.append(ChunkPlace(identifier, len(chunk)))
            frame.size += len(chunk)
            self._totals[3] += len(chunk)
            self._pending[identifier] = frame.number
            if frame.size >= self._frame_bytes:
                full = self._next_frame()
        if full is not None:
            self._close_frame(full)
        return frame.number

    def _next_frame(self) -> _OpenFrame:
        full, self._frame = self._frame, _OpenFrame(self._frame.number + 1)
        self._waiting.add(full.number)
        return full

    def _close_frame(self, frame: _OpenFrame) -> None:
        raw = b"".join(frame.parts)
        frame.parts.clear()
        codec, payload = compress(raw, self._level)
        with self._one_pack:
            full = self._append(frame, codec, len(raw), payload)
            if full is not None:
                self._store(full)

    def _append(self, frame: _OpenFrame, codec: int, raw_bytes: int, payload: bytes) -> _OpenPack | None:
        """Put a compressed frame into the open pack; the pack when it is full."""
        with self._lock:
            if self._pack is None:
                cipher = self._vault.new_pack()
                self._pack = _OpenPack(cipher, bytearray(encode_pack_header(cipher)))
            pack = self._pack
            pack.data += encode_frame(pack.cipher, pack.frames, codec, raw_bytes, frame.chunks, payload)
            pack.frames += 1
            pack.tickets.append(frame.number)
            if len(pack.data) < self._pack_bytes:
                return None
            self._pack = None
            return pack

    def _store(self, pack: _OpenPack) -> None:
        """Read the pack back, put it on disk, and only then let the index name it."""
        data = pack.data  # as it is: a copy would hold the pack twice while it is read back and stored
        entry = indexed_pack(data)
        for frame in entry.frames:
            whole = memoryview(data)[frame.offset : frame.offset + frame.header.size + frame.header.stored_bytes]
            raw = opened(pack.cipher, frame.number, frame.header, whole, entry.name)
            if wrong_chunks(self._vault, frame.header, raw):
                raise CorruptionError(
                    "A pack did not read back as it was written, so it was not stored",
                    why="This machine's memory or processor makes mistakes.",
                    next_step="Back up from another machine.",
                )
        self._backend.put_if_absent(entry.name, data)
        named = None
        with self._lock:
            self._index.add(entry)
            for chunk in entry.chunks:
                self._pending.pop(chunk.id, None)
            self._unnamed.append(entry)
            self._totals[4] += len(data)
            self._totals[5] += 1
            self._waiting.difference_update(pack.tickets)
            if len(self._unnamed) >= PACKS_PER_FRAGMENT:
                named, self._unnamed = self._unnamed, []
        if named:
            put_fragment(self._backend, named)
        self._tell_durable()

    def _tell_durable(self) -> None:
        with self._lock:
            durable = min(self._waiting, default=self._frame.number) - 1
            if durable <= self._durable:
                return
            self._durable = durable
        self._on_durable(durable)

    def flush(self) -> int:
        """Put everything on disk and into the index; the ticket up to which all is durable.

        To be called when no `add` is under way. Raises StorageFailed, DiskFull, CorruptionError.
        """
        with self._lock:
            frame = self._next_frame() if self._frame.parts else None
        if frame is not None:
            self._close_frame(frame)
        with self._lock:
            pack, self._pack = self._pack, None
        if pack is not None:
            self._store(pack)
        with self._lock:
            named, self._unnamed = self._unnamed, []
        if named:
            put_fragment(self._backend, named)
        self._tell_durable()
        return self._durable
