"""Taking over backups that lie elsewhere: snapshot directories and sets of the first version, each as a set of its own.

What is there already, byte for byte, is recognised and not stored again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import quri_console
from quri_console.backup.browse import STATUS_NAME, OpenBackup, open_backup
from quri_console.backup.canister_records import HOT_WARNING, put_state, stored_module_hash
from quri_console.backup.copy_state import CopiedState
from quri_console.backup.import_sources import ImportSource, SourceKind
from quri_console.backup.interchange import read_snapshot_directory
from quri_console.backup.manifest import (
    ManifestCanister,
    ManifestFailure,
    NetworkOrigin,
    document_of,
    folder_name,
    set_items,
)
from quri_console.backup.old_set import OldCanister, OldSet, read_old_set
from quri_console.backup.snapshot_record import encode_snapshot_record
from quri_console.backup.state import SnapshotState, StoredState, state_bytes
from quri_console.backup.store_state import store_state
from quri_console.backup.summaries import IMPORT_OPERATION, BackupSummary, list_backups, remaining
from quri_console.clock import utc_datetime
from quri_console.errors import CorruptionError, UsageError
from quri_console.ic.encoding.principal import Principal
from quri_console.progress import NoProgress, Progress, ProgressEvent
from quri_console.repository.admission import DEFAULT_LIMITS
from quri_console.repository.backend import ObjectMissing
from quri_console.repository.process_identity import ProcessIdentity, is_surely_gone, this_process
from quri_console.repository.set_import import reserve_at
from quri_console.repository.set_writer import SetWriter, begun_by
from quri_console.repository.store import Repository
from quri_console.repository.untrusted_archive import walk_tree

IMPORTED = "imported"
"""The table of a manifest that says where the set came from."""
TREE_LIMITS = replace(DEFAULT_LIMITS, max_total_bytes=1 << 42, max_file_bytes=1 << 40)
"""What a folder of snapshots may hold: it takes no room that it does not take already."""
_TOLERANCE_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose copy it is, and on which network it lives."""

    canister: Principal
    name: str
    network: NetworkOrigin


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one source. `fresh` is False where the repository held the same already, as `set_name`.

    `left_out` says what of it was not taken over, and why. All texts are untrusted.
    """

    path: Path
    kind: SourceKind
    set_name: str
    fresh: bool
    canisters: tuple[str, ...]
    state_bytes: int = 0
    new_bytes: int | None = None
    """What of them no earlier backup held; None where that was not counted."""
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """Where imports go; a shared lock of the repository must be held, and `still_locked` is called all the while."""

    repository: Repository
    cache_folder: Path
    level: int = 3
    progress: Progress = field(default_factory=NoProgress)
    still_locked: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        """The present, in UTC."""
        return utc_datetime(self.repository.clock.now_ns())


@dataclass(frozen=True, slots=True)
class _Part:
    """One canister with its bytes in the repository already."""

    entry: ManifestCanister
    copied: CopiedState
    status: bytes | None = None


def import_directory(
    source: ImportSource, owner: Owner, target: Target, *, taken_at: datetime | None = None
) -> Imported:
    """A snapshot directory of icp, dfx or this tool as a set that is named after its time, or after `taken_at`.

    Raises RefusedImport, CorruptionError, UsageError for a time that lies ahead, WrongKey, StorageFailed, DiskFull.
    """
    walk_tree(source.path, limits=TREE_LIMITS)
    state = read_snapshot_directory(source.path)
    # a snapshot that some program put together may state no time
    own = utc_datetime(state.metadata.taken_at_ns) if state.metadata.taken_at_ns else target.now()
    moment = require_past(taken_at or own, target.now(), source.path)
    copied, new_bytes = _stored(state, target, owner.name)
    entry = ManifestCanister(
        canister=owner.canister,
        name=owner.name,
        folder=folder_name(owner.name, owner.canister, frozenset()),
        subnet=None,
        taken_at=moment,
        mode="imported",
        status_before="unknown",
        snapshot_id=b"",
        module_hash=stored_module_hash(target.repository, copied),
        state_bytes=copied.state_bytes,
        new_bytes=new_bytes,
    )
    return _committed(source, target, owner.network, moment, [_Part(entry, copied)])


def import_old_set(source: ImportSource, target: Target, *, taken_at: datetime | None = None) -> Imported:
    """A set of the first version; a damaged canister of it is left out. Raises as `import_directory`."""
    walk_tree(source.path, limits=TREE_LIMITS)
    old = read_old_set(source.path)
    moment = require_past(taken_at or old.taken_at, target.now(), source.path)
    parts: list[_Part] = []
    failures = list(old.failures)
    problem: CorruptionError | None = None
    for canister in old.canisters:
        try:
            parts.append(_old_part(old, canister, target, {part.entry.folder for part in parts}))
        except CorruptionError as error:
            problem = error
            failures.append(ManifestFailure(canister.canister, canister.name, f"not imported: {error}"))
    if not parts:
        raise problem or CorruptionError(f"{source.path} holds no canister")
    left_out = tuple(f"{one.name}: {one.reason}" for one in failures[len(old.failures) :])
    return _committed(source, target, old.network, moment, parts, failures=failures, left_out=left_out)


def _old_part(old: OldSet, canister: OldCanister, target: Target, taken: set[str]) -> _Part:
    state, status = old.state(canister), old.status_record(canister)
    copied, new_bytes = _stored(state, target, canister.name)
    entry = ManifestCanister(
        canister=canister.canister,
        name=canister.name,
        folder=folder_name(canister.name, canister.canister, taken),
        subnet=canister.subnet,
        taken_at=canister.taken_at,
        mode="imported",
        status_before=canister.status_before,
        snapshot_id=canister.snapshot_id,
        module_hash=canister.module_hash,
        state_bytes=copied.state_bytes,
        new_bytes=new_bytes,
        warnings=(HOT_WARNING,) if canister.mode == "hot" else (),
    )
    return _Part(entry, copied, status)


def require_past(moment: datetime, now: datetime, path: Path) -> datetime:
    """`moment` in UTC; UsageError when it lies ahead: such a set would be the latest for a long time."""
    if (moment - now).total_seconds() > _TOLERANCE_SECONDS:
        raise UsageError(
            f"{path} says that it was taken at {moment:%Y-%m-%d %H:%M:%S} UTC",
            why="That lies ahead, so it would pass for the newest backup until then.",
            next_step="Give the right time by --taken-at, or set this machine's clock.",
        )
    return moment.astimezone(UTC)


def _stored(state: SnapshotState, target: Target, name: str) -> tuple[CopiedState, int]:
    """The state, on disk when this returns, and how many bytes of it were new."""
    total, done = state_bytes(state), 0

    def advance(size: int) -> None:
        nonlocal done
        done += size
        target.still_locked()
        target.progress.report(ProgressEvent("import", done, total, "bytes", subject=name))

    chunks = target.repository.chunk_writer(level=target.level)
    copied = store_state(state, chunks, advance)
    chunks.flush()
    return copied, chunks.totals.new_bytes


def _committed(
    source: ImportSource,
    target: Target,
    network: NetworkOrigin,
    moment: datetime,
    parts: list[_Part],
    *,
    failures: list[ManifestFailure] | None = None,
    left_out: tuple[str, ...] = (),
) -> Imported:
    """The set of these parts: one that holds the same already, or a new one."""
    names = tuple(part.entry.name for part in parts)
    size = sum(part.entry.state_bytes for part in parts)
    same = _same_set(target, network, parts)
    if same is not None:
        return Imported(source.path, source.kind, same, False, names, size, left_out=left_out)
    writer = reserve_at(target.repository, moment, begun_document(network))
    try:
        for part in parts:
            put_state(writer, part.entry.folder, part.copied)
            if part.status is not None:
                writer.put_record(part.entry.folder, STATUS_NAME, part.status)
        commit(writer, source, target, network, [part.entry for part in parts], failures=failures)
    except BaseException:
        writer.abandon()
        raise
    new = sum(part.entry.new_bytes for part in parts)
    return Imported(source.path, source.kind, writer.name, True, names, size, new, left_out=left_out)


def begun_document(network: NetworkOrigin) -> dict[str, object]:
    """What an unfinished set says of who makes it."""
    return {"operation": IMPORT_OPERATION, "network": network.name, "process": asdict(this_process())}


def remove_interrupted(repository: Repository) -> None:
    """Remove sets that imports had begun whose processes are gone; a shared lock is held. Raises StorageFailed."""
    for name in repository.unfinished_names():
        try:
            begun = begun_by(repository.backend, name)
            process = ProcessIdentity(**begun["process"]) if begun.get("operation") == IMPORT_OPERATION else None
        except (CorruptionError, ObjectMissing, KeyError, TypeError):
            continue
        if process is not None and is_surely_gone(process):
            repository.resume_set(name).abandon()


def commit(
    writer: SetWriter,
    source: ImportSource,
    target: Target,
    network: NetworkOrigin,
    entries: list[ManifestCanister],
    *,
    failures: list[ManifestFailure] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write the manifest, which says what was imported when; `facts` say more of it. Raises StorageFailed, DiskFull."""
    document = document_of(
        tool=f"quri-console {quri_console.__version__}", operation="", network=network, failures=failures or ()
    )
    origin = {"kind": source.kind, "name": source.path.absolute().name, "at": target.now().replace(microsecond=0)}
    writer.commit(set_items(network, entries), {**document, IMPORTED: {**origin, **(facts or {})}})


def _same_set(target: Target, network: NetworkOrigin, parts: list[_Part]) -> str | None:
    """The newest set that holds all of these states, byte for byte; None when there is none."""
    for backup in remaining(list_backups(target.repository, target.cache_folder)):
        if backup.root_key_hash != network.root_key_hash or not all(_looks_same(backup, part) for part in parts):
            continue
        try:
            opened = open_backup(target.repository, backup.name)
            if all(_holds_same(opened, part) for part in parts):
                return backup.name
        except (CorruptionError, ObjectMissing):
            continue  # a damaged one is no reason to leave a whole one out
    return None


def _holds_same(opened: OpenBackup, part: _Part) -> bool:
    state = opened.canister(part.entry.canister).state
    return state is not None and _is_same(state, part.copied)


def _looks_same(backup: BackupSummary, part: _Part) -> bool:
    entry = part.entry
    wanted = (entry.canister.to_str(), entry.state_bytes, entry.module_hash)
    return any((one.canister_id, one.state_bytes, one.module_hash) == wanted for one in backup.canisters)


def _is_same(state: StoredState, copied: CopiedState) -> bool:
    # compared as records: no NaN equals itself
    stored = encode_snapshot_record(state.metadata, state.chunk_sizes)
    if stored != encode_snapshot_record(copied.metadata, copied.chunk_sizes):
        return False
    return all(state.blob(name).chunks == chunks for name, chunks in copied.lists.items())
