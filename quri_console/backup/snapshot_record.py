"""`snapshot.toml`: a snapshot's metadata in the repository; and where each chunk of the chunk store lies."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from quri_console.backup.plain import NotARecord, from_plain, to_plain
from quri_console.errors import CorruptionError
from quri_console.repository.chunking import CHUNK_CLASSES
from quri_console.repository.sealed import seal, unseal

if TYPE_CHECKING:
    from quri_console.ic.management.types import SnapshotMetadata

SNAPSHOT_RECORD = "snapshot.toml"
CHUNK_STORE_BLOB = "chunk_store"
CHUNK_STORE_ALIGNMENT = CHUNK_CLASSES[0][1]
_FLOATS = {"f32": "<f", "f64": "<d"}


def encode_snapshot_record(metadata: SnapshotMetadata, chunk_sizes: tuple[int, ...]) -> bytes:
    """The sealed TOML text; `chunk_sizes` are those of the chunk store's chunks, in the metadata's order."""
    table = to_plain(replace(metadata, globals=()))
    table["globals"] = [_global(item) for item in metadata.globals]
    return seal({"snapshot": table, "chunk_sizes": list(chunk_sizes)})


def _global(item: Any) -> dict[str, str]:
    if item is None:
        return {"kind": "unknown", "value": ""}
    if item.kind in _FLOATS:
        # the bits: TOML would turn every NaN into one
        return {"kind": item.kind, "value": struct.pack(_FLOATS[item.kind], item.value).hex()}
    return {"kind": item.kind, "value": str(item.value)}


def decode_snapshot_record(data: bytes, origin: str) -> tuple[SnapshotMetadata, tuple[int, ...]]:
    """Metadata and chunk sizes; CorruptionError naming `origin` when it is damaged."""
    from quri_console.ic.management.types import SnapshotMetadata

    document = unseal(data, origin)
    try:
        table = dict(document["snapshot"])
        values = table.pop("globals")
        metadata = from_plain(SnapshotMetadata, {**table, "globals": []})
        metadata = replace(metadata, globals=tuple(_decoded(value) for value in values))
        sizes = tuple(int(size) for size in document["chunk_sizes"])
    except (KeyError, TypeError, ValueError, struct.error, NotARecord) as error:
        raise CorruptionError(f"{origin} is not snapshot metadata", why=str(error)) from error
    if len(sizes) != len(metadata.wasm_chunk_store) or min(sizes, default=1) < 1:
        raise CorruptionError(f"{origin} names {len(sizes)} sizes of {len(metadata.wasm_chunk_store)} chunks")
    return metadata, sizes


def _decoded(value: dict[str, str]) -> Any:
    from quri_console.ic.management.types import Global

    kind, text = value["kind"], value["value"]
    if kind == "unknown":
        return None
    if kind in _FLOATS:
        return Global(kind, struct.unpack(_FLOATS[kind], bytes.fromhex(text))[0])  # type: ignore[arg-type]
    if kind not in ("i32", "i64", "v128"):
        raise ValueError(f"a global of kind {kind!r}")
    return Global(kind, int(text))  # type: ignore[arg-type]


def padded(size: int) -> int:
    """The room that a chunk of the chunk store takes in its blob: each begins at a boundary, so that dedup finds it."""
    return -(-size // CHUNK_STORE_ALIGNMENT) * CHUNK_STORE_ALIGNMENT


def chunk_span(sizes: tuple[int, ...], position: int) -> tuple[int, int]:
    """Offset and size of a chunk in the blob of the chunk store."""
    return sum(padded(size) for size in sizes[:position]), sizes[position]
