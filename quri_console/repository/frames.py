"""Compressing chunks into frames, and getting them out again, each compared with its name."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from quri_console.repository.backend import Backend
from quri_console.repository.errors import ChunkDamaged
from quri_console.repository.index import IndexedPack, Location
from quri_console.repository.pack_format import (
    LONGEST_PACK_HEADER,
    RAW,
    ZSTD,
    ChunkPlace,
    FoundFrame,
    FrameHeader,
    PackHeader,
    decode_frame_header,
    decode_pack_header,
)
from quri_console.repository.vault import PackCipher, Vault

if TYPE_CHECKING:
    import zstandard

WORTHWHILE_SHARE = 0.97
"""A frame that does not shrink below this is stored as it is."""
CACHED_FRAMES = 48
_threads = threading.local()


def compress(raw: bytes, level: int) -> tuple[int, bytes]:
    """Codec and payload of a frame: zstd, or raw where that gains less than 3 %."""
    payload = _compressor(level).compress(raw)
    return (ZSTD, payload) if len(payload) < len(raw) * WORTHWHILE_SHARE else (RAW, raw)


def decompress(codec: int, payload: bytes | memoryview, raw_bytes: int, name: str) -> bytes:
    """The content of a frame, which must have `raw_bytes`. Raises ChunkDamaged naming the pack."""
    import zstandard

    if codec == RAW:
        raw = bytes(payload)
    else:
        try:
            # asked first: the decompressor allocates whatever size a damaged frame claims
            if zstandard.frame_content_size(payload) != raw_bytes:
                raise ChunkDamaged(f"A frame of {name} is not of the size that its header says")
            raw = _decompressor().decompress(payload, max_output_size=raw_bytes)
        except zstandard.ZstdError as error:
            raise ChunkDamaged(f"A frame of {name} cannot be decompressed", why=str(error)) from error
    if len(raw) != raw_bytes:
        raise ChunkDamaged(f"A frame of {name} has {len(raw)} bytes instead of {raw_bytes}")
    return raw


def _compressor(level: int) -> zstandard.ZstdCompressor:
    import zstandard

    found: dict[int, zstandard.ZstdCompressor] = _threads.__dict__.setdefault("compressors", {})
    if level not in found:
        # each thread its own: one compressor must not be used by two at a time
        found[level] = zstandard.ZstdCompressor(level=level, write_content_size=True)
    return found[level]


def _decompressor() -> zstandard.ZstdDecompressor:
    import zstandard

    if not hasattr(_threads, "decompressor"):
        _threads.decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    found: zstandard.ZstdDecompressor = _threads.decompressor
    return found


def opened(cipher: PackCipher, number: int, header: FrameHeader, frame: bytes | memoryview, name: str) -> bytes:
    """The content of a whole frame (header and payload), decrypted and decompressed. Raises ChunkDamaged."""
    payload = cipher.open(number, bytes(frame[: header.size]), memoryview(frame)[header.size :])
    return decompress(header.codec, payload, header.raw_bytes, name)


def split(header: FrameHeader, raw: bytes) -> Iterator[tuple[ChunkPlace, memoryview]]:
    """Every chunk of a frame's content."""
    view, offset = memoryview(raw), 0
    for chunk in header.chunks:
        yield chunk, view[offset : offset + chunk.length]
        offset += chunk.length


def wrong_chunks(vault: Vault, header: FrameHeader, raw: bytes) -> tuple[bytes, ...]:
    """The names of chunks that are not what they are called."""
    return tuple(chunk.id for chunk, data in split(header, raw) if vault.chunk_id(data) != chunk.id)


def checked_content(vault: Vault, cipher: PackCipher, frame: FoundFrame, data: bytes | memoryview, name: str) -> bytes:
    """The content of the frame that `data` should be, every chunk compared with its name.

    Raises ChunkDamaged naming the pack, WrongKey.
    """
    header = decode_frame_header(data, name)
    if header != frame.header:
        raise ChunkDamaged(f"{name} is damaged", why="A frame is not the one that the index names.")
    raw = opened(cipher, frame.number, header, data, name)
    wrong = set(wrong_chunks(vault, header, raw))
    if wrong:
        raise ChunkDamaged(
            f"{name} is damaged",
            why=f"{len(wrong)} chunks of frame {frame.number} are not what they are called.",
            next_step="`quri-console check --read-data` tells which backups need it.",
        )
    return raw


class FrameReader:
    """Reads frames of stored packs; keeps the last few, because neighbours are asked for one after the other."""

    def __init__(self, backend: Backend, vault: Vault, *, cached_frames: int = CACHED_FRAMES) -> None:
        self._backend = backend
        self._vault = vault
        self._limit = cached_frames
        self._lock = threading.Lock()
        self._frames: OrderedDict[tuple[bytes, int], dict[bytes, memoryview]] = OrderedDict()
        self._ciphers: dict[bytes, PackCipher] = {}

    def chunk(self, identifier: bytes, places: Sequence[Location]) -> memoryview:
        """A chunk, compared with its name, from the first of its places that still holds it.

        Raises ChunkDamaged, ObjectMissing when none does.
        """
        failure: Exception | None = None
        for place in places:
            try:
                data = self._content(place)[identifier]
            except (ChunkDamaged, KeyError) as error:
                failure = error
                continue
            return data
        if isinstance(failure, ChunkDamaged):
            raise failure
        raise ChunkDamaged(f"Chunk {identifier.hex()[:16]}… is not where the index says") from failure

    def _content(self, place: Location) -> dict[bytes, memoryview]:
        key = (place.pack.id, place.frame.number)
        with self._lock:
            if key in self._frames:
                self._frames.move_to_end(key)
                return self._frames[key]
        content = self._read(place)
        with self._lock:
            self._frames[key] = content
            while len(self._frames) > self._limit:
                self._frames.popitem(last=False)
        return content

    def _read(self, place: Location) -> dict[bytes, memoryview]:
        pack, frame = place.pack, place.frame
        data = self._backend.get_range(pack.name, frame.offset, frame.size)
        raw = checked_content(self._vault, self._cipher(pack), frame, data, pack.name)
        return {chunk.id: content for chunk, content in split(frame.header, raw)}

    def _cipher(self, pack: IndexedPack) -> PackCipher:
        if pack.id not in self._ciphers:
            header: PackHeader = decode_pack_header(
                self._backend.get_range(pack.name, 0, LONGEST_PACK_HEADER), pack.name
            )
            self._ciphers[pack.id] = self._vault.pack(header.salt, header.wrapped_key)
        return self._ciphers[pack.id]
