"""What earlier backups of a canister know that a new one can use: its module, its chunk sizes, its own snapshots."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from quri_console.backup.browse import readable_backups
from quri_console.backup.manifest import ManifestCanister
from quri_console.errors import CorruptionError
from quri_console.repository.backend import ObjectMissing
from quri_console.repository.chunk_list import ChunkList
from quri_console.repository.sets import CHUNKS_SUFFIX, SetManifest
from quri_console.repository.store import Repository

LOOKED_AT = 20
"""How many of the newest backups are looked through: older ones would hardly tell more."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is known of one canister; `own_snapshots` oldest first."""

    modules: Mapping[bytes, ChunkList] = field(default_factory=dict)
    """By SHA-256 of the module; every chunk of them is in the repository."""
    chunk_bytes: Mapping[str, int] = field(default_factory=dict)
    """Chunk sizes by blob, kept for life so that dedup goes on."""
    own_snapshots: tuple[bytes, ...] = ()
    """Snapshots that backups took: recorded in a manifest, so they are this tool's to delete."""

    def module(self, module_hash: bytes | None, size: int) -> ChunkList | None:
        """The stored module with this hash and size; None when there is none."""
        found = self.modules.get(module_hash) if module_hash is not None else None
        return found if found is not None and found.total_bytes == size else None


def earlier_copies(repository: Repository, subjects: Collection[str]) -> Mapping[str, Earlier]:
    """What the repository knows of each subject. Raises WrongKey, StorageFailed; damaged sets are passed over."""
    found: dict[str, Earlier] = {}
    for backup in readable_backups(repository)[:LOOKED_AT]:
        for entry in backup.manifest.canisters:
            subject = backup.manifest.network.subject(entry.canister)
            if subject in subjects:
                found[subject] = _with(found.get(subject, Earlier()), repository, backup.manifest.raw, entry)
    return found


def _with(earlier: Earlier, repository: Repository, raw: SetManifest, entry: ManifestCanister) -> Earlier:
    own = earlier.own_snapshots
    if entry.took_snapshot:
        own = (entry.snapshot_id, *own)
    if earlier.chunk_bytes or not entry.has_state:
        return Earlier(earlier.modules, earlier.chunk_bytes, own)
    try:
        lists = {
            blob: repository.chunk_list(raw, f"{entry.folder}/{blob}{CHUNKS_SUFFIX}")
            for blob in ("wasm_module", "wasm_memory", "stable_memory")
        }
    except (CorruptionError, ObjectMissing):
        return Earlier(earlier.modules, earlier.chunk_bytes, own)
    module = lists["wasm_module"]
    whole = all(identifier in repository.index for identifier in module.stored_ids)
    modules = {**earlier.modules, entry.module_hash: module} if whole else earlier.modules
    return Earlier(modules, {blob: chunks.chunk_bytes for blob, chunks in lists.items()}, own)
