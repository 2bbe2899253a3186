"""What can still be read of a damaged pack: every chunk that is what it is called, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quri_console.errors import CorruptionError
from quri_console.repository.errors import ChunkDamaged
from quri_console.repository.frames import decompress, split
from quri_console.repository.index import IndexedPack
from quri_console.repository.pack_format import (
    LONGEST_PACK_HEADER,
    RAW,
    FrameHeader,
    decode_pack_header,
    encode_frame_header,
    frame_header_bytes,
    salvage_frames,
)
from quri_console.repository.vault import SALT_BYTES, PackCipher, Vault

_MOST_NUMBERS_TRIED = 256
_PIECE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A frame that may be there: its header as it was sealed, its payload, and the numbers it may have had."""

    header: FrameHeader
    payload: bytes
    numbers: Sequence[int]


def salvaged_chunks(
    vault: Vault, data: bytes, name: str, indexed: IndexedPack | None
) -> Iterator[tuple[bytes, memoryview]]:
    """Every chunk of a damaged pack that is what it is called, each once, with its name.

    `indexed` is what the index says of the pack, which finds frames whose own headers are lost. An encrypted pack
    whose own header is lost holds nothing readable, because its key was there. Raises WrongKey.
    """
    cipher = _cipher(vault, data, name)
    if cipher is None:
        return
    seen: set[bytes] = set()
    for candidate in _candidates(data, name, indexed):
        for chunk, content in split(candidate.header, _content(cipher, candidate, name)):
            if chunk.id not in seen and len(content) == chunk.length and vault.chunk_id(content) == chunk.id:
                seen.add(chunk.id)
                yield chunk.id, content


def _cipher(vault: Vault, data: bytes, name: str) -> PackCipher | None:
    try:
        header = decode_pack_header(data[:LONGEST_PACK_HEADER], name)
        return vault.pack(header.salt, header.wrapped_key)
    except CorruptionError:
        # in the clear the header says nothing that is needed to read what follows
        return None if vault.encrypted else vault.pack(bytes(SALT_BYTES), b"")


def _candidates(data: bytes, name: str, indexed: IndexedPack | None) -> Iterator[_Candidate]:
    """Frames where the index says, then frames that are found by their own headers elsewhere."""
    known: dict[int, FrameHeader] = {}
    for frame in indexed.frames if indexed else ():
        start, end = frame.offset + frame.header.size, frame.offset + frame.size
        known[frame.offset] = frame.header
        yield _Candidate(frame.header, data[start:end], (frame.number,))
    numbers = {frame.header: frame.number for frame in indexed.frames} if indexed else {}
    found_frames = last_end = lost_bytes = 0
    for found in salvage_frames(data, name):
        # every gap may have been frames, so that all that follow have higher numbers than they seem to have
        lost_bytes += max(0, found.offset - last_end)
        lost = min(lost_bytes // frame_header_bytes(0), _MOST_NUMBERS_TRIED)
        guesses = range(found_frames, found_frames + lost + 1)
        found_frames, last_end = found_frames + 1, found.offset + found.size
        if known.get(found.offset) != found.header:
            likely = numbers.get(found.header)
            payload = data[found.offset + found.header.size : last_end]
            yield _Candidate(found.header, payload, guesses if likely is None else (likely,))


def _content(cipher: PackCipher, candidate: _Candidate, name: str) -> bytes:
    """What can be read of a frame, from its beginning; empty when nothing can."""
    header = encode_frame_header(candidate.header)
    for number in candidate.numbers:
        try:
            payload = cipher.open(number, header, candidate.payload)
        except ChunkDamaged:
            continue
        try:
            return decompress(candidate.header.codec, payload, candidate.header.raw_bytes, name)
        except ChunkDamaged:
            return _beginning(candidate.header, bytes(payload))
    return b""


def _beginning(header: FrameHeader, payload: bytes) -> bytes:
    """The part of a frame's content before the damage."""
    import zstandard

    if header.codec == RAW:
        return payload
    stream = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
    content = bytearray()
    try:
        for start in range(0, len(payload), _PIECE_BYTES):
            content += stream.decompress(payload[start : start + _PIECE_BYTES])
            if len(content) >= header.raw_bytes:
                break
    except zstandard.ZstdError:
        pass  # what came before it is tried all the same
    return bytes(content[: header.raw_bytes])
