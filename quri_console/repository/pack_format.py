"""Packs: a header, then frames of compressed chunks, each with a header that tells what it holds.

```
pack    "QURIPACK" version:u8 flags:u8 0:u16 salt:16 [wrapped data key:76] check:8
frame   "QFRM" codec:u8 0:u8 chunks:u16 stored:u32 raw:u32 (id:32 length:u32)* check:8 payload
```
Integers are big-endian; `check` is the beginning of the SHA-256 of the header before it. A pack is named by the
SHA-256 of all its bytes. The index can be rebuilt from the headers alone, without a key.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from quri_console.repository.errors import ChunkDamaged, NewerFormat
from quri_console.repository.vault import SALT_BYTES, WRAPPED_BYTES, PackCipher
from quri_console.units import MIB

PACK_BYTES = 16 * MIB
FRAME_BYTES = MIB
_PACK_MAGIC = b"QURIPACK"
_FRAME_MAGIC = b"QFRM"
_VERSION = 1
_ENCRYPTED = 1
_CHECK_BYTES = 8
_USUAL_FRAME_HEADER = 4096
_PACK_FIXED = struct.Struct(f">8sBBH{SALT_BYTES}s")
_FRAME_FIXED = struct.Struct(">4sBBHII")
_CHUNK = struct.Struct(">32sI")
LONGEST_PACK_HEADER = _PACK_FIXED.size + WRAPPED_BYTES + _CHECK_BYTES
RAW, ZSTD = 0, 1
# A frame holds at most one chunk more than FRAME_BYTES; far more than that is not ours.
_LARGEST_FRAME = 64 * MIB


@dataclass(frozen=True, slots=True)
class ChunkPlace:
    """One chunk in the payload of a frame."""

    id: bytes
    length: int


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """What a frame says of itself; sizes in bytes. `stored_bytes` is the payload as it lies there."""

    codec: int
    stored_bytes: int
    raw_bytes: int
    chunks: tuple[ChunkPlace, ...]

    @property
    def size(self) -> int:
        """Length of the header itself."""
        return frame_header_bytes(len(self.chunks))


@dataclass(frozen=True, slots=True)
class PackHeader:
    """The beginning of a pack."""

    salt: bytes
    wrapped_key: bytes

    @property
    def size(self) -> int:
        """Length of the header itself."""
        return _PACK_FIXED.size + len(self.wrapped_key) + _CHECK_BYTES


@dataclass(frozen=True, slots=True)
class FoundFrame:
    """A frame met while walking through a pack; `offset` is that of its header."""

    number: int
    offset: int
    header: FrameHeader

    @property
    def size(self) -> int:
        """Length of header and payload."""
        return self.header.size + self.header.stored_bytes


def frame_header_bytes(chunks: int) -> int:
    """Length of a frame header that names this many chunks."""
    return _FRAME_FIXED.size + _CHUNK.size * chunks + _CHECK_BYTES


def _checked(header: bytes) -> bytes:
    return header + hashlib.sha256(header).digest()[:_CHECK_BYTES]


def encode_pack_header(cipher: PackCipher) -> bytes:
    """The first bytes of a pack."""
    flags = _ENCRYPTED if cipher.wrapped_key else 0
    return _checked(_PACK_FIXED.pack(_PACK_MAGIC, _VERSION, flags, 0, cipher.salt) + cipher.wrapped_key)


def decode_pack_header(data: bytes, name: str) -> PackHeader:
    """The header at the beginning of `data`. Raises ChunkDamaged naming the pack, NewerFormat."""
    try:
        magic, version, flags, _, salt = _PACK_FIXED.unpack_from(data)
    except struct.error as error:
        raise _damaged(name, "it is too short") from error
    size = _PACK_FIXED.size + (WRAPPED_BYTES if flags & _ENCRYPTED else 0)
    if magic != _PACK_MAGIC or data[size : size + _CHECK_BYTES] != hashlib.sha256(data[:size]).digest()[:_CHECK_BYTES]:
        raise _damaged(name, "its header is not what was written")
    if version != _VERSION:
        raise NewerFormat(f"{name} has format {version}", next_step="Use the version of quri-console that wrote it.")
    return PackHeader(salt, data[_PACK_FIXED.size : size])


def encode_frame(
    cipher: PackCipher, number: int, codec: int, raw_bytes: int, chunks: Sequence[ChunkPlace], payload: bytes
) -> bytes:
    """A whole frame; `payload` is compressed as `codec` says and not sealed yet."""
    overhead = 16 if cipher.wrapped_key else 0
    header = encode_frame_header(FrameHeader(codec, len(payload) + overhead, raw_bytes, tuple(chunks)))
    return header + cipher.seal(number, header, payload)


def encode_frame_header(header: FrameHeader) -> bytes:
    """The bytes of a frame header."""
    fixed = _FRAME_FIXED.pack(_FRAME_MAGIC, header.codec, 0, len(header.chunks), header.stored_bytes, header.raw_bytes)
    return _checked(fixed + b"".join(_CHUNK.pack(chunk.id, chunk.length) for chunk in header.chunks))


def decode_frame_header(data: bytes | memoryview, name: str) -> FrameHeader:
    """The frame header at the beginning of `data`. Raises ChunkDamaged naming the pack."""
    try:
        magic, codec, _, count, stored, raw = _FRAME_FIXED.unpack_from(data)
    except struct.error as error:
        raise _damaged(name, "a frame is cut off") from error
    size = _FRAME_FIXED.size + _CHUNK.size * count
    body = bytes(data[:size])
    if magic != _FRAME_MAGIC or bytes(data[size : size + _CHECK_BYTES]) != hashlib.sha256(body).digest()[:_CHECK_BYTES]:
        raise _damaged(name, "a frame's header is not what was written")
    chunks = tuple(ChunkPlace(*pair) for pair in _CHUNK.iter_unpack(body[_FRAME_FIXED.size :]))
    if sum(chunk.length for chunk in chunks) != raw or raw > _LARGEST_FRAME or codec not in (RAW, ZSTD):
        raise _damaged(name, "a frame's header contradicts itself")
    return FrameHeader(codec, stored, raw, chunks)


def walk_frames(pack: bytes | bytearray, name: str) -> Iterator[FoundFrame]:
    """Every frame of a whole pack in its order. Raises ChunkDamaged where the pack stops making sense."""
    return walk_headers(lambda offset, size: bytes(pack[offset : offset + size]), len(pack), name)


def walk_headers(read: Callable[[int, int], bytes], size: int, name: str) -> Iterator[FoundFrame]:
    """Every frame of a pack of `size` bytes in its order, of which only headers are read: `read(offset, size)`.

    Raises ChunkDamaged where the pack stops making sense.
    """
    offset, number = decode_pack_header(read(0, LONGEST_PACK_HEADER), name).size, 0
    while offset < size:
        beginning = read(offset, _USUAL_FRAME_HEADER)
        longest = _frame_header_length(beginning, name)
        header = decode_frame_header(beginning if longest <= len(beginning) else read(offset, longest), name)
        end = offset + header.size + header.stored_bytes
        if end > size:
            raise _damaged(name, "a frame is cut off")
        yield FoundFrame(number, offset, header)
        offset, number = end, number + 1


def _frame_header_length(beginning: bytes, name: str) -> int:
    if len(beginning) < _FRAME_FIXED.size:
        raise _damaged(name, "a frame is cut off")
    _, _, _, count, _, _ = _FRAME_FIXED.unpack_from(beginning)
    return frame_header_bytes(count)


def salvage_frames(pack: bytes, name: str) -> Iterator[FoundFrame]:
    """Every frame of a damaged pack whose header is whole; what lies between is passed over. Frames may overlap.

    Frames are numbered as they stand, so one that follows a lost header may get a wrong number; its payload
    then fails to open or to match its chunks, which is found where it is read.
    """
    offset, number, view = pack.find(_FRAME_MAGIC), 0, memoryview(pack)
    while offset >= 0:
        try:
            header = decode_frame_header(view[offset:], name)
        except ChunkDamaged:
            offset = pack.find(_FRAME_MAGIC, offset + 1)
            continue
        end = offset + header.size + header.stored_bytes
        if end > len(pack):
            offset = pack.find(_FRAME_MAGIC, offset + 1)
            continue
        yield FoundFrame(number, offset, header)
        # within its payload, too: where bytes are missing, the next frame begins before this one should end
        offset, number = pack.find(_FRAME_MAGIC, offset + header.size), number + 1


def _damaged(name: str, why: str) -> ChunkDamaged:
    return ChunkDamaged(
        f"{name} is damaged", why=why, next_step="`quri-console check --read-data` tells which backups need it."
    )
