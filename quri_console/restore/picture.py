"""What is known to have changed since the restore point: it against the newest copy that we hold of the canister."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from quri_console.backup.browse import BackupNotFound, latest_backup_of
from quri_console.backup.changed_memory import BLOB_WORDS, Reading, changed_memory
from quri_console.backup.compare import compare_facts
from quri_console.backup.interchange import Blob
from quri_console.backup.side_opening import open_stored
from quri_console.errors import CorruptionError
from quri_console.progress import NoProgress
from quri_console.repository.backend import ObjectMissing
from quri_console.repository.errors import WrongKey
from quri_console.restore.plan import NewestCopy
from quri_console.restore.sources import whole_seconds_ns
from quri_console.units import format_bytes

if TYPE_CHECKING:
    from quri_console.backup.browse import StoredCanister
    from quri_console.backup.compare_sides import OpenSide
    from quri_console.backup.comparison import Comparison
    from quri_console.ic.encoding.principal import Principal
    from quri_console.image.page_diff import MemoryChange
    from quri_console.repository.store import Repository
    from quri_console.restore.source_copy import SourceCopy

_COMPARED: tuple[Blob, ...] = ("wasm_memory", "stable_memory")


async def newest_copy(
    repository: Repository | None, canister: Principal, root_key_hash: bytes, copy: SourceCopy
) -> NewestCopy | None:
    """The newest copy of the canister and how the restore point differs from it; None where we hold none.

    Chunks are compared by their names, so nothing is read for it.
    """
    if repository is None:
        return None
    try:
        newest = await asyncio.to_thread(latest_backup_of, repository, canister, root_key_hash=root_key_hash)
    except (BackupNotFound, WrongKey, CorruptionError):
        return None
    taken_at_ns = whole_seconds_ns(newest.taken_at)
    if newest.label == copy.source.label or newest.entry.snapshot_id == copy.source.snapshot_id:
        return NewestCopy(newest.label, taken_at_ns, is_source=True)
    try:
        changes = await _changes(copy, newest)
    except (CorruptionError, WrongKey, ObjectMissing) as error:
        changes = (f"it could not be compared: {error}",)
    same = newest.module_hash == copy.source.module_hash
    return NewestCopy(newest.label, taken_at_ns, is_source=False, changes=changes, same_module=same)


async def _changes(copy: SourceCopy, newest: StoredCanister) -> tuple[str, ...]:
    side = await asyncio.to_thread(open_stored, newest)
    memory = await _memory(copy.side, side)
    comparison = compare_facts(copy.side.facts, side.facts, memory=memory)
    return (*_memory_words(comparison, memory), *_other_words(comparison))


async def _memory(left: OpenSide, right: OpenSide) -> Mapping[Blob, MemoryChange]:
    """Empty where the two are named differently: reading them through would take too long for a plan."""
    if left.state is None or right.state is None or left.state.naming is None:
        return {}
    if left.state.naming != right.state.naming:
        return {}
    return await changed_memory(left.state, right.state, _COMPARED, Reading(NoProgress(), "", lambda: None))


def _memory_words(comparison: Comparison, memory: Mapping[Blob, MemoryChange]) -> tuple[str, ...]:
    if not memory:
        pairs = {"heap": comparison.heap_bytes, "stable memory": comparison.stable_bytes}
        sizes = (f"{name}: {format_bytes(p.left)} → {format_bytes(p.right)}" for name, p in pairs.items() if p.differs
                 and p.left is not None and p.right is not None)  # fmt: skip
        return ("memory: only its sizes are compared", *sizes)
    return tuple(f"{BLOB_WORDS[blob]}: {_pages(change)}" for blob, change in memory.items())


def _pages(change: MemoryChange) -> str:
    if not change.changed_bytes and change.exact:
        return "equal"
    text = f"{change.changed_pages:,} of {change.pages_total:,} pages changed ({format_bytes(change.changed_bytes)})"
    return text if change.exact else f"at least {text}"


def _other_words(comparison: Comparison) -> tuple[str, ...]:
    found = []
    if comparison.module_hash.differs:
        found.append("module: another")
    if comparison.globals is not None and comparison.globals.changed:
        found.append(f"globals: {comparison.globals.changed} of {comparison.globals.total} changed")
    if comparison.certified_data.differs:
        found.append("certified data: changed")
    if comparison.global_timer.differs:
        found.append("global timer: another")
    if comparison.chunks is not None and comparison.chunks.differs:
        found.append("chunk store: changed")
    return tuple(found)
