"""Making the index anew from the headers of the packs, which needs no key."""

from __future__ import annotations

import struct

from quri_console.errors import CorruptionError
from quri_console.progress import NoProgress, Progress, ProgressEvent
from quri_console.repository.backend import Backend, ObjectMissing
from quri_console.repository.index import (
    PACKS_FOLDER,
    IndexedPack,
    decode_fragment,
    pack_id,
    pack_name,
)
from quri_console.repository.index_rewrite import PACKS_PER_COMPACTED_FRAGMENT, compact_index, fragment_names
from quri_console.repository.pack_format import walk_headers
from quri_console.repository.repair_report import IndexRepair
from quri_console.repository.store import Repository


def repair_index(repository: Repository, progress: Progress | None = None, *, dry_run: bool = False) -> IndexRepair:
    """Write an index that says what the headers of the packs say, then delete the old one. The exclusive lock is held.

    A pack whose headers are damaged keeps what a readable old fragment says of it, or is named as unreadable. What is
    wrong behind the headers only `check --read-data` finds. Killed anywhere, nothing is lost. Raises NewerFormat,
    StorageFailed, DiskFull.
    """
    progress = progress or NoProgress()
    backend = repository.backend
    fragments = fragment_names(backend)
    old = _readable_entries(backend, fragments)
    sizes = {
        identifier: entry.size
        for entry in backend.list(PACKS_FOLDER)
        if (identifier := pack_id(entry.name)) is not None
    }
    packs: dict[bytes, IndexedPack] = {}
    unreadable = []
    for done, (identifier, size) in enumerate(sizes.items()):
        progress.report(ProgressEvent("read headers", done, len(sizes), "packs"))
        try:
            packs[identifier] = _described(backend, identifier, size)
        except (CorruptionError, ObjectMissing) as error:
            unreadable.append((pack_name(identifier), error.why or error.what))
            if identifier in old:
                packs[identifier] = old[identifier]
    progress.report(ProgressEvent("read headers", len(sizes), len(sizes), "packs"))
    if not dry_run:
        compact_index(backend, packs.values())
        repository.forget_index()
    return IndexRepair(
        packs=len(packs),
        chunks=len({chunk.id for pack in packs.values() for chunk in pack.chunks}),
        fragments_before=len(fragments),
        fragments_after=-(-len(packs) // PACKS_PER_COMPACTED_FRAGMENT),
        added_packs=len(packs.keys() - old.keys()),
        dropped_packs=len(old.keys() - sizes.keys()),
        unreadable=tuple(unreadable),
        dry_run=dry_run,
    )


def _readable_entries(backend: Backend, fragments: tuple[str, ...]) -> dict[bytes, IndexedPack]:
    """What the old index says, as far as it can be read."""
    entries: dict[bytes, IndexedPack] = {}
    for name in fragments:
        try:
            entries.update((pack.id, pack) for pack in decode_fragment(backend.get(name), name))
        except (CorruptionError, ObjectMissing, struct.error):
            continue
    return entries


def _described(backend: Backend, identifier: bytes, size: int) -> IndexedPack:
    """A pack as its own headers describe it. Raises ChunkDamaged."""
    name = pack_name(identifier)
    frames = walk_headers(lambda offset, length: backend.get_range(name, offset, length), size, name)
    return IndexedPack(identifier, size, tuple(frames))
